/** What is said of the times of an alert: since when it burns, when it fired, and what it still waits for; the same wherever it is read. */
import type { SloAlert } from './status.ts';

/** How moments are said; the second one in fewer words where it is of the same day. */
export interface Moments {
  first(time: string): string;
  later(time: string, first: string): string;
}

/** In UTC, as terminals and receivers are told. */
export const UTC: Moments = {
  first: (time) => `${time.slice(11, 16)} UTC on ${time.slice(0, 10)}`,
  later: (time, first) => (time.slice(0, 10) === first.slice(0, 10) ? time.slice(11, 16) : UTC.first(time)),
};

type Times = Pick<SloAlert, 'since' | 'firedAt' | 'ends'>;

/** Since when it burns, and when it fired: `burns since 02:58 UTC on 2026-11-24, fired at 03:17`; then what it still waits for. */
export const burnTimes = (times: Times, moments: Moments = UTC): string => burnClauses(times, moments).join('; ');

/** The same in parts: when, what it waits for, and until when at most. */
export function burnClauses({ since, firedAt, ends }: Times, moments: Moments = UTC): string[] {
  if (since === null) return [];
  const fired = firedAt === null ? '' : `, fired at ${moments.later(firedAt, since)}`;
  const when = `${ends === null ? 'burns' : 'burned'} since ${moments.first(since)}${fired}`;
  return ends === null ? [when] : [when, ...endWords(ends, since, moments)];
}

/** Why it still fires though it no longer burns, and until when at most. */
function endWords(ends: NonNullable<SloAlert['ends']>, since: string, { later }: Moments): string[] {
  const atMost = `ends by ${later(ends.atMost, since)} at the latest if nothing fails any more`;
  if (ends.needed === null) return [`nothing is seen since ${later(ends.since, since)}`, atMost];
  return [`stopped at ${later(ends.since, since)}, and waits for ${ends.needed} attempts to show it (${ends.seen} so far)`, atMost];
}
