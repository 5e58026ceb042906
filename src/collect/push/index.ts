/** The registry of senders: one file each, one line here. Every other product signs as Standard Webhooks says. */
import { auth0Stream } from './auth0.ts';
import { githubHook } from './github.ts';
import { gitlabHook } from './gitlab.ts';
import { jiraHook } from './jira.ts';
import { oktaHook } from './okta.ts';
import type { Sender } from './sender.ts';
import { standardWebhook } from './standard-webhooks.ts';
import { zendeskHook } from './zendesk.ts';

export const SENDERS: readonly Sender[] = [oktaHook, auth0Stream, githubHook, gitlabHook, zendeskHook, jiraHook];

/** How deliveries of a product are verified and read. */
export const senderOf = (product: string): Sender => SENDERS.find((sender) => sender.product === product) ?? standardWebhook(product);
