/** Webhooks of Jira, signed as WebSub has it: https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks */
import { type Sender, signedIn } from './sender.ts';

export const jiraHook: Sender = {
  product: 'jira',
  proof: 'the secret of the webhook',
  verify: signedIn('x-hub-signature', 'sha256='),
  records: (body) => [body],
};
