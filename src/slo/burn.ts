/** Burn rates, evidence and the state of a pair. Pure: counts in, values out. */
import type { Pair } from './pairs.ts';

export interface Counts {
  good: number;
  total: number;
}

/** At least this many bad ones in the long window… */
export const MIN_BAD = 5;
/** …from at least this many different users. */
export const MIN_USERS = 3;
/** One-sided 99 %: the lower bound must lie above what the objective allows. */
export const WILSON_Z = 2.33;

export type AlertState = 'inactive' | 'firing' | 'too_few' | 'no_traffic';

/** Bad of total, or null without events: no data is not "no errors". */
export function errorRatio({ good, total }: Counts): number | null {
  return total === 0 ? null : (total - good) / total;
}

/** How many times faster than allowed the budget burns: error ratio / (1 − objective); null without events. */
export function burnRate(counts: Counts, objective: number): number | null {
  const ratio = errorRatio(counts);
  return ratio === null ? null : ratio / (1 - objective);
}

/** Share of the window's error budget that is left: 1 untouched, 0 spent, below 0 overspent; null without events. */
export function errorBudgetRemaining(counts: Counts, objective: number): number | null {
  const burn = burnRate(counts, objective);
  return burn === null ? null : 1 - burn;
}

/**
 * Lower bound of the Wilson score interval for `bad` of `total`.
 * Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
 */
export function wilsonLowerBound(bad: number, total: number, z: number): number {
  if (total === 0) return 0;
  const ratio = bad / total;
  const z2 = z * z;
  const centre = ratio + z2 / (2 * total);
  const spread = z * Math.sqrt((ratio * (1 - ratio) + z2 / (4 * total)) / total);
  return Math.max(0, (centre - spread) / (1 + z2 / total));
}

/** Whether the bad ones of the long window are enough to wake somebody. */
export function hasEvidence(long: Counts, usersBad: number, objective: number): boolean {
  const bad = long.total - long.good;
  return bad >= MIN_BAD && usersBad >= MIN_USERS && wilsonLowerBound(bad, long.total, WILSON_Z) > 1 - objective;
}

/** Whether both windows burn above the pair's fitted factor. */
export function isBurning(pair: Pair, long: Counts, short: Counts, objective: number): boolean {
  return (burnRate(long, objective) ?? 0) > pair.fittedFactor && (burnRate(short, objective) ?? 0) > pair.fittedFactor;
}

/** State of a pair from the counts of its windows alone. */
export function pairState(pair: Pair, counts: { long: Counts; short: Counts; usersBad: number }, objective: number): AlertState {
  if (counts.long.total === 0) return 'no_traffic';
  if (!isBurning(pair, counts.long, counts.short, objective)) return 'inactive';
  return hasEvidence(counts.long, counts.usersBad, objective) ? 'firing' : 'too_few';
}
