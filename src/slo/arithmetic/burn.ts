/** Burn rates and evidence. Pure: counts in, values out. */
import type { Pair } from './pairs.ts';

export interface Counts {
  good: number;
  total: number;
}

/** Counts of a window, and how many different users are among the bad. */
export interface WindowCounts extends Counts {
  usersBad: number;
}

/** At least this many bad ones in the long window… */
export const MIN_BAD = 5;
/** …from at least this many different users. */
export const MIN_USERS = 3;
/** Slices have no users: so many of them must count. */
export const MIN_SLICES = 10;
/** One-sided 99 %: the lower bound must lie above what the objective allows. */
export const WILSON_Z = 2.33;

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

/** `met` or `missed`; `too_few`: more failed than the budget allows, and so few that one or two more or less would decide. */
export type BudgetState = 'met' | 'missed' | 'too_few';

/** Whether counts keep an objective: what is overspent by fewer than {@link MIN_BAD} bad ones is not held against anybody. */
export function budgetState({ good, total }: Counts, objective: number): BudgetState {
  const bad = total - good;
  // The allowed number comes out a hair off where it should be whole.
  if (bad <= total * (1 - objective) + 1e-9) return 'met';
  return bad < MIN_BAD ? 'too_few' : 'missed';
}

/**
 * The Wilson score interval for `bad` of `total`; 0 to 1 without any.
 * Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.
 */
export function wilsonInterval(bad: number, total: number, z: number): { lower: number; upper: number } {
  if (total === 0) return { lower: 0, upper: 1 };
  const ratio = bad / total;
  const z2 = z * z;
  const centre = ratio + z2 / (2 * total);
  const spread = z * Math.sqrt((ratio * (1 - ratio) + z2 / (4 * total)) / total);
  const scale = 1 + z2 / total;
  return { lower: Math.max(0, (centre - spread) / scale), upper: Math.min(1, (centre + spread) / scale) };
}

/** Lower bound of the Wilson score interval; 0 without any. */
export const wilsonLowerBound = (bad: number, total: number, z: number): number => wilsonInterval(bad, total, z).lower;

/** The lower bound at {@link WILSON_Z} as an expression that SQL and PromQL read alike. @param ratio expression of bad / total */
export function wilsonLowerExpression(ratio: string, total: string): string {
  const z2 = WILSON_Z * WILSON_Z;
  return `(${ratio} + ${z2} / (2 * ${total}) - ${WILSON_Z} * sqrt((${ratio} * (1 - ${ratio}) + ${z2} / (4 * ${total})) / ${total})) / (1 + ${z2} / ${total})`;
}

/** Whether the bad ones of the long window are enough to wake somebody. */
export function hasEvidence(long: WindowCounts, objective: number, isSliced = false): boolean {
  const bad = long.total - long.good;
  const isEnough = isSliced ? long.total >= MIN_SLICES : long.usersBad >= MIN_USERS;
  return bad >= MIN_BAD && isEnough && wilsonLowerBound(bad, long.total, WILSON_Z) > 1 - objective;
}

/** Whether both windows burn above the pair's fitted factor. */
export function isBurning(pair: Pair, long: Counts, short: Counts, objective: number): boolean {
  return (burnRate(long, objective) ?? 0) > pair.fittedFactor && (burnRate(short, objective) ?? 0) > pair.fittedFactor;
}
