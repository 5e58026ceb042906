/** The state of a window pair from one evaluation to the next. Pure: what was, and the counts of now, give what is. */
import { burnRate, hasEvidence, isBurning, type WindowCounts } from './burn.ts';
import type { Pair } from './pairs.ts';

/**
 * `too_few`: burning, but not enough evidence. `no_traffic`: nothing to judge by. `frozen`: the collector saw too little of the window,
 * so nothing opens and nothing resolves. `maintenance`: announced work.
 */
export type AlertState = 'inactive' | 'firing' | 'too_few' | 'no_traffic' | 'frozen' | 'maintenance';

/** A window that was covered by less than this cannot be judged by. */
export const MIN_COVERAGE = 0.9;
/** A firing alert holds so long without traffic; then it says that there is none. */
const HOLD_MS = 6 * 3_600_000;

export interface PairMemory {
  state: AlertState;
  sinceMs: number;
  /** Since when a firing pair's short window has seen nothing. */
  quietSinceMs: number | null;
}

export interface PairInputs {
  long: WindowCounts;
  short: WindowCounts;
  /** Share of the minutes of a window in which the collector worked, the lesser of both windows. */
  coverage: number;
  isMaintenance: boolean;
}

/** What a pair is judged against. */
export interface Judged {
  objective: number;
  isSliced: boolean;
}

/** The state at `atMs`; `before` is that of the evaluation before, if there was one. */
export function nextState(pair: Pair, before: PairMemory | undefined, inputs: PairInputs, judged: Judged, atMs: number): PairMemory {
  const wasFiring = before?.state === 'firing';
  const become = (state: AlertState, quietSinceMs: number | null = null): PairMemory => ({
    state,
    sinceMs: before?.state === state ? before.sinceMs : atMs,
    quietSinceMs,
  });
  if (inputs.isMaintenance) return become('maintenance');
  if (inputs.coverage < MIN_COVERAGE) return wasFiring ? become('firing', before.quietSinceMs) : become('frozen');
  const burns = isBurning(pair, inputs.long, inputs.short, judged.objective);
  if (burns && hasEvidence(inputs.long, judged.objective, judged.isSliced)) return become('firing');
  if (wasFiring) {
    const burn = burnRate(inputs.short, judged.objective);
    if (burn !== null && burn >= pair.fittedFactor) return become('firing');
    if (burn === null) {
      const quietSinceMs = before.quietSinceMs ?? atMs;
      return atMs - quietSinceMs < HOLD_MS ? become('firing', quietSinceMs) : become('no_traffic');
    }
  }
  // Silence that outlasted a firing alert stays what it is until there is traffic again.
  const isStillSilent = before?.state === 'no_traffic' && inputs.short.total === 0;
  if (inputs.long.total === 0 || isStillSilent) return become('no_traffic');
  return become(burns ? 'too_few' : 'inactive');
}
