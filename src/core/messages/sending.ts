/** Sending codes: what may be sent now, what was, and what the events say of it. */

import { MusterError } from '../../errors.ts';
import type { Inbox } from '../canary.ts';
import type { Channel, Message } from '../factors/factor.ts';
import { FACTOR_TYPES, FACTORS, type FactorType } from '../factors/index.ts';
import { countryOf } from '../factors/phone.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { CoreEvent } from '../ledger/records.ts';
import type { Delivery, Sent } from '../providers/delivery.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import { wordsOf } from './message-words.ts';
import { another, assertMaySend } from './pacing.ts';
import { recordOutcome, recordRequest, type SendRequest } from './sends.ts';

interface About {
  id: string;
  user_id: string;
  labels: string;
}

export type Sender = ReturnType<typeof createSender>;

export interface SenderDeps {
  delivery: Delivery;
  settings: Settings;
  ledger: Ledger;
  vault: Vault;
  /** Of the canary, if there is one. */
  inbox?: Inbox | undefined;
  newId: () => string;
  now: () => number;
}

/** Sends codes by the providers of the settings, within their limits. */
export function createSender({ delivery, settings, ledger, vault, inbox, newId, now }: SenderDeps) {
  const isCaught = ({ user_id: user, labels }: About): boolean =>
    inbox?.takes(user, (JSON.parse(labels) as { traffic?: string }).traffic) === true;
  /** The channel itself, and what may stand in for it: of no less assurance, and allowed to the person. */
  const channelsFor = (channel: Channel, allowed: ReadonlySet<FactorType>): Channel[] => {
    const others: readonly Channel[] = channel === 'email' ? [] : (settings.fallback[channel] ?? []);
    const keeps = (other: Channel) => allowed.has(other) && FACTORS[other].traits.assurance >= FACTORS[channel].traits.assurance;
    return [channel, ...others.filter(keeps)].filter((each) => delivery.channels.has(each));
  };

  return {
    offers: (channel: Channel): boolean => delivery.channels.has(channel),
    another,
    assertMaySend,
    /** @throws MUSTER_POLICY_REFUSED for a number of a country to which nothing is sent */
    asked(message: Message, about: About): SendRequest {
      const { id, user_id: user } = about;
      const isFree = isCaught(about);
      const country = message.channel === 'email' ? undefined : countryOf(message.to);
      if (settings.countries && !isFree && message.channel !== 'email' && !(country && settings.countries.includes(country)))
        throw new MusterError('MUSTER_POLICY_REFUSED', 'codes are not sent to numbers of this country; take another factor');
      const reserved = delivery.estimate(channelsFor(message.channel, new Set(FACTOR_TYPES)));
      return { id: newId(), about: id, user, message, destination: vault.mark('destination', message.to), reserved, isFree };
    },
    /** @throws MUSTER_RATE_LIMITED */
    async reserve(statements: Statements, asked: SendRequest): Promise<void> {
      if (!asked.isFree) await recordRequest(statements, settings.limits.sends, asked, now());
    },

    /** Hands the message to a provider; waits for no receipt. Never throws. */
    async send({ id, about, message, isFree }: SendRequest, { labels }: About, allowed: ReadonlySet<FactorType>) {
      const { region } = JSON.parse(labels) as { region?: string };
      const { channel, to, code, number } = message;
      if (isFree) inbox?.put(about, message);
      const sent: Sent = isFree
        ? { tries: [], accepted: { provider: 'canary', region: '', channel, reference: id, cost: 0 } }
        : await delivery.deliver({ id, channel, to, code, ...wordsOf(code, number) }, channelsFor(channel, allowed), region);
      const failure = sent.tries.at(-1)?.failure;
      return {
        ...sent,
        shown: sent.accepted && sent.accepted.channel !== channel ? { channel: sent.accepted.channel } : {},
        cause: { error_class: failure?.errorClass ?? 'provider', error_code: failure?.code ?? 'no_provider' },
      };
    },

    /** Writes down what became of a message: for the limits, and as events. */
    async settle(statements: Statements, asked: SendRequest, sent: Sent, about: CoreEvent): Promise<void> {
      const { tries } = sent;
      await recordOutcome(statements, asked.id, sent);
      for (const [index, each] of tries.entries()) {
        const where = { ...about, provider: each.provider, ...(each.region !== '' && { region: each.region }) };
        if (index > 0)
          await ledger.emit(
            statements,
            'provider.fallback',
            { ...where, reason: `after ${tries[index - 1]?.provider}`, attributes: { channel: each.channel } },
            each.atMs,
          );
        const cost = { cost: each.cost, cost_currency: settings.currency };
        await ledger.emit(
          statements,
          'provider.request',
          {
            ...where,
            ...outcomeOf(each),
            ...cost,
            duration_ms: Math.round(each.durationMs),
            attributes: { send: asked.id, channel: each.channel },
          },
          each.atMs,
        );
      }
    },
    /** Nobody took it. */
    failure: (id: string) =>
      new MusterError('MUSTER_PROVIDER_FAILED', 'the code could not be sent; try again, or take another factor', {
        fields: { attempt_id: id },
      }),
  };
}

/** What a try came to, in fields of its event. */
const outcomeOf = ({ failure }: Sent['tries'][number]): CoreEvent =>
  failure
    ? { outcome: failure.code === 'timeout' ? 'timeout' : 'failure', error_class: failure.errorClass, error_code: failure.code }
    : { outcome: 'success' };
