/** Look-back windows: durations such as `5m`, `6h` or `3d`, and how a half-open time is read from hours and minutes. */
import { HOUR_MS } from '../../system/time.ts';

const UNIT_SECONDS = { m: 60, h: 3_600, d: 86_400, w: 604_800 } as const;

/** Seconds of a duration in whole minutes, hours, days or weeks; undefined when it is none. */
export function durationSeconds(text: string): number | undefined {
  const match = /^([1-9]\d{0,4})([mhdw])$/.exec(text);
  return match ? Number(match[1]) * UNIT_SECONDS[match[2] as keyof typeof UNIT_SECONDS] : undefined;
}

/** Of windows that were asked for: a walk over a month asks a million times for a handful. */
const known = new Map<string, number>();

/** Seconds of a window that was checked when it was read. */
export function windowSeconds(name: string): number {
  const before = known.get(name);
  if (before !== undefined) return before;
  const seconds = durationSeconds(name);
  if (seconds === undefined) throw new Error(`not a window: ${name}`);
  known.set(name, seconds);
  return seconds;
}

/** A half-open time in milliseconds since 1970, of whole minutes. */
export interface Interval {
  fromMs: number;
  toMs: number;
}

/** What is left of an interval without others, oldest first. */
export function without({ fromMs, toMs }: Interval, excluded: readonly Interval[]): Interval[] {
  let left: Interval[] = fromMs < toMs ? [{ fromMs, toMs }] : [];
  for (const hole of excluded) {
    left = left.flatMap((part) => {
      if (hole.toMs <= part.fromMs || hole.fromMs >= part.toMs) return [part];
      return [
        { fromMs: part.fromMs, toMs: Math.min(part.toMs, hole.fromMs) },
        { fromMs: Math.max(part.fromMs, hole.toMs), toMs: part.toMs },
      ].filter((piece) => piece.fromMs < piece.toMs);
    });
  }
  return left;
}

/** Whole hours where there are some, minutes at the ragged ends: what is read for a time. */
export function pieces(interval: Interval): { hours: Interval[]; minutes: Interval[] } {
  const { fromMs, toMs } = interval;
  const firstHour = Math.ceil(fromMs / HOUR_MS) * HOUR_MS;
  const lastHour = Math.floor(toMs / HOUR_MS) * HOUR_MS;
  if (firstHour >= lastHour) return { hours: [], minutes: [interval] };
  const ends = [
    { fromMs, toMs: firstHour },
    { fromMs: lastHour, toMs },
  ];
  return { hours: [{ fromMs: firstHour, toMs: lastHour }], minutes: ends.filter((end) => end.fromMs < end.toMs) };
}
