/** Since when a pair fires: the minutes behind it, walked back. */
import { WINDOWS } from '../names.ts';
import { type Counts, isBurning, MIN_BAD, WILSON_Z, wilsonLowerBound } from './burn.ts';
import type { Pair } from './pairs.ts';

/** An episode is followed back this far. */
export const LOOK_BACK_MS = 3 * 86_400_000;
const MINUTE_MS = 60_000;

/**
 * The first minute (milliseconds since 1970) of the unbroken run of minutes up to `atMs` in which the pair's windows burn and the bad ones
 * are enough; `atMs` when even the last one does not (users, which are not looked back on, aside).
 * @param minutes good and total by minute for at least the long window before the look-back
 */
export function firingSince(
  pair: Pair,
  minutes: readonly { minuteMs: number; good: number; total: number }[],
  objective: number,
  atMs: number,
): number {
  const firstMs = atMs - LOOK_BACK_MS - WINDOWS[pair.long] * 1_000;
  const length = Math.round((atMs - firstMs) / MINUTE_MS);
  const good = new Float64Array(length + 1);
  const total = new Float64Array(length + 1);
  for (const minute of minutes) {
    const index = Math.round((minute.minuteMs - firstMs) / MINUTE_MS) + 1;
    if (index < 1 || index > length) continue;
    good[index] = minute.good;
    total[index] = minute.total;
  }
  for (let i = 1; i <= length; i++) {
    good[i] = (good[i] as number) + (good[i - 1] as number);
    total[i] = (total[i] as number) + (total[i - 1] as number);
  }
  const counts = (end: number, seconds: number): Counts => {
    const start = Math.max(0, end - seconds / 60);
    return { good: (good[end] as number) - (good[start] as number), total: (total[end] as number) - (total[start] as number) };
  };
  let since = length;
  for (let end = length; end > length - LOOK_BACK_MS / MINUTE_MS; end--) {
    const long = counts(end, WINDOWS[pair.long]);
    const bad = long.total - long.good;
    const isFiring =
      isBurning(pair, long, counts(end, WINDOWS[pair.short]), objective) &&
      bad >= MIN_BAD &&
      wilsonLowerBound(bad, long.total, WILSON_Z) > 1 - objective;
    if (!isFiring) break;
    since = end;
  }
  return firstMs + since * MINUTE_MS;
}
