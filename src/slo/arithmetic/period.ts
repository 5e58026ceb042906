/** The time over which an SLO has its budget: rolling, or of the calendar in a time zone. */
import { DateTime } from 'luxon';
import { type Interval, windowSeconds } from './windows.ts';

export type Period =
  | { readonly kind: 'rolling'; readonly text: string; readonly seconds: number }
  | {
      readonly kind: 'calendar';
      /** As written, such as `1M`. */
      readonly text: string;
      readonly count: number;
      readonly unit: CalendarUnit;
      /** Local time at which one period begins; the others follow it. */
      readonly anchor: string;
      /** IANA name, such as `Europe/Berlin`. */
      readonly zone: string;
      /** Usual length, from which the factors of pairs follow. */
      readonly seconds: number;
    };

/** OpenSLO's letters: `m` are minutes, `M` months. */
export const CALENDAR_UNITS = {
  d: { unit: 'days', seconds: 86_400 },
  w: { unit: 'weeks', seconds: 7 * 86_400 },
  M: { unit: 'months', seconds: 30 * 86_400 },
  Q: { unit: 'quarters', seconds: 90 * 86_400 },
  Y: { unit: 'years', seconds: 365 * 86_400 },
} as const;
export type CalendarUnit = (typeof CALENDAR_UNITS)[keyof typeof CALENDAR_UNITS]['unit'];

/** A period that ends now and has a length, such as `30d`. */
export const rolling = (text: string): Period => ({ kind: 'rolling', text, seconds: windowSeconds(text) });

/**
 * The period that a moment lies in: the rolling one ends at the moment; one of the calendar has its end beyond it.
 * Month ends clamp (31 January, then 28 February), and a day of daylight saving has 23 or 25 hours.
 */
export function periodAt(period: Period, atMs: number): Interval {
  if (period.kind === 'rolling') return { fromMs: atMs - period.seconds * 1_000, toMs: atMs };
  const anchor = DateTime.fromISO(period.anchor, { zone: period.zone });
  const at = DateTime.fromMillis(atMs, { zone: period.zone });
  const startOf = (n: number) => anchor.plus({ [period.unit]: n * period.count }).toMillis();
  let n = Math.floor(at.diff(anchor, period.unit).as(period.unit) / period.count);
  while (startOf(n) > atMs) n -= 1;
  while (startOf(n + 1) <= atMs) n += 1;
  return { fromMs: startOf(n), toMs: startOf(n + 1) };
}

/** What of its period has passed at a moment: what figures are over. */
export const elapsedAt = (period: Period, atMs: number): Interval => ({ fromMs: periodAt(period, atMs).fromMs, toMs: atMs });
