/** Messages that were asked for: each is written down before it is sent, so that no crash forgets what limits and spend caps count. */

import { MusterError } from '../../errors.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import type { Message } from '../factors/factor.ts';
import { prefixOf } from '../factors/phone.ts';
import type { SendLimits } from '../policy/send-limits.ts';
import type { Sent } from '../providers/delivery.ts';
import type { Statements } from '../storage/storage.ts';

/** What is older counts nowhere. */
const KEPT_MS = 31 * DAY_MS;

export interface SendRequest {
  id: string;
  about: string;
  user: string;
  message: Message;
  /** Keyed hash of where it goes. */
  destination: string;
  /** What is set aside for it. */
  reserved: number;
  /** The canary's own, which goes to nobody and counts nowhere. */
  isFree: boolean;
}

interface Limit {
  column: 'destination' | 'user_id' | 'prefix' | undefined;
  spanMs: number;
  /** Of messages, or of what they cost. */
  max: number;
  isSpend?: true;
  told: string;
}

const limitsOf = (limits: SendLimits): Limit[] => [
  { column: 'destination', spanMs: 10 * MINUTE_MS, max: limits.per_destination_in_10_minutes, told: 'to this number or address' },
  { column: 'destination', spanMs: DAY_MS, max: limits.per_destination_per_day, told: 'to this number or address today' },
  { column: 'user_id', spanMs: DAY_MS, max: limits.per_user_per_day, told: 'for this person today' },
  { column: 'prefix', spanMs: HOUR_MS, max: limits.per_prefix_per_hour, told: 'to numbers like this one' },
  { column: undefined, spanMs: DAY_MS, max: limits.spend_per_day, isSpend: true, told: 'today: what may be spent is spent' },
  { column: 'prefix', spanMs: DAY_MS, max: limits.spend_per_prefix_per_day, isSpend: true, told: 'to numbers like this one today' },
];

/**
 * Writes a message down that is about to be sent.
 * @throws MUSTER_RATE_LIMITED with the time after which there is room again
 */
export async function recordRequest(statements: Statements, limits: SendLimits, asked: SendRequest, nowMs: number): Promise<void> {
  const { message } = asked;
  // An address of e-mail counts by its domain.
  const prefix = message.channel === 'email' ? message.to.slice(message.to.lastIndexOf('@')) : prefixOf(message.to);
  const values = { destination: asked.destination, user_id: asked.user, prefix };
  // Other people's messages count too: one after the other, in this order.
  for (const name of ['spend', `destination ${asked.destination}`, `prefix ${prefix}`]) await statements.alone(name);
  for (const { column, spanMs, max, isSpend, told } of limitsOf(limits)) {
    // Many people have one mail provider.
    if (column === 'prefix' && message.channel === 'email') continue;
    const what = isSpend ? 'COALESCE(SUM(cost), 0)' : 'COUNT(*)';
    const where = column ? `${column} = ? AND at > ?` : 'at > ?';
    const row = await statements.one<{ used: number; oldest: number | null }>(
      `SELECT ${what} AS used, MIN(at) AS oldest FROM sends WHERE ${where} AND state <> 'refused'`,
      ...(column ? [values[column]] : []),
      nowMs - spanMs,
    );
    const next = Number(row?.used ?? 0) + (isSpend ? asked.reserved : 1);
    if (next <= max) continue;
    throw new MusterError('MUSTER_RATE_LIMITED', `too many codes were sent ${told}; take another factor, or try again later`, {
      retryAfterSeconds: Math.max(1, Math.ceil(((row?.oldest ?? nowMs) + spanMs - nowMs) / 1_000)),
    });
  }
  await statements.run('DELETE FROM sends WHERE at < ?', nowMs - KEPT_MS);
  await statements.run(
    `INSERT INTO sends (id, about, user_id, channel, destination, prefix, state, cost, at) VALUES (?, ?, ?, ?, ?, ?, 'asked', ?, ?)`,
    asked.id,
    asked.about,
    asked.user,
    message.channel,
    asked.destination,
    prefix,
    asked.reserved,
    nowMs,
  );
}

/**
 * How it ended. What a provider took is paid for, and so may be what none answered to: a provider that is too slow may have sent it all the
 * same. What all refused counts nowhere.
 */
export async function recordOutcome(statements: Statements, id: string, { accepted, tries }: Sent): Promise<void> {
  const cost = tries.reduce((sum, each) => sum + each.cost, 0);
  const state = accepted ? 'accepted' : tries.some(({ failure }) => failure?.isUnsure) ? 'unknown' : 'refused';
  await statements.run(
    'UPDATE sends SET state = ?, provider = ?, region = ?, reference = ?, cost = ? WHERE id = ?',
    state,
    accepted?.provider ?? null,
    accepted?.region ?? null,
    accepted?.reference ?? null,
    cost,
    id,
  );
}
