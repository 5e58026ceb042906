/** Where the rows of a unit lie, and when each is: the one place that knows how `attempt_states`, `recovery_states` and `events` are laid out. */
import { MINUTE_MS } from '../../system/time.ts';
import type { Unit } from './sli-counter.ts';

export interface TimeSpan {
  fromMs: number;
  /** Not included. */
  toMs: number;
}

export interface RowsOf {
  /** What stands behind FROM: the rows of the spans, and no other. */
  from: string;
  /** Each row's moment in milliseconds since 1970, as SQL. */
  moment: string;
  /** The column with what a row is known by beside its source. */
  id: string;
}

/** An attempt settles at most so long after its start (contract: completion windows of 1 to 60 minutes; and a minute for its rounding). */
export const MAX_COMPLETION_WINDOW_MS = 61 * MINUTE_MS;
/** A recovery that was begun settles within three days (contract, SLI M4). */
export const RECOVERY_WINDOW_MS = 72 * 3_600_000;

/**
 * Rows of a unit in some spans, found by the key of their table. Those that wait for their deadline are no rows until `nowMs` is past it.
 * @param types of events; for the unit `event` alone
 */
export function rowsOf(
  unit: Unit,
  spans: readonly TimeSpan[],
  { nowMs, types = [] }: { nowMs: number; types?: readonly string[] },
): RowsOf {
  if (unit === 'event') {
    const moment = 'toUnixTimestamp64Milli(time)';
    const named = types.map((type) => `'${type}'`).join(', ');
    return { from: `events FINAL WHERE ${eventsIn(spans)} AND type IN (${named})`, moment, id: 'id' };
  }
  const table = unit === 'recovery' ? 'recovery_states' : 'attempt_states';
  const moment = unit === 'start' ? 'toInt64(started_at)' : 'toInt64(settled_at)';
  const reachMs = unit === 'recovery' ? RECOVERY_WINDOW_MS : MAX_COMPLETION_WINDOW_MS;
  const isThere = unit === 'start' ? 'started_at > 0' : `settled_at > 0 AND (by_clock = 0 OR settled_at <= ${nowMs})`;
  const within = spans.map((span) => `(${homesOf(span, reachMs)} AND ${isWithin(moment, span)})`).join(' OR ');
  return { from: `${table} FINAL WHERE (${within}) AND dead = 0 AND ${isThere}`, moment, id: 'attempt_id' };
}

/** Attempts that wait for their end. */
export const waitingAttempts = (nowMs: number): string =>
  `attempt_states FINAL
   WHERE home >= ${Math.floor((nowMs - MAX_COMPLETION_WINDOW_MS) / MINUTE_MS)} AND dead = 0 AND by_clock AND settled_at > ${nowMs}`;

/** Events of some spans, found by the ten minutes in which they lie: a condition. */
export function eventsIn(spans: readonly TimeSpan[]): string {
  const tenMinutes = (ms: number) => `toStartOfTenMinutes(fromUnixTimestamp64Milli(${ms}, 'UTC'))`;
  const each = spans.map(
    (span) =>
      `(toStartOfTenMinutes(time) >= ${tenMinutes(span.fromMs)} AND toStartOfTenMinutes(time) <= ${tenMinutes(span.toMs)}
        AND time >= fromUnixTimestamp64Milli(${span.fromMs}, 'UTC') AND time < fromUnixTimestamp64Milli(${span.toMs}, 'UTC'))`,
  );
  return `(${each.join(' OR ')})`;
}

/** A row lies at the minute of its start or of its end, whichever is first: at most a window before the end. */
const homesOf = ({ fromMs, toMs }: TimeSpan, reachMs: number): string =>
  `home BETWEEN ${Math.max(0, Math.floor((fromMs - reachMs) / MINUTE_MS))} AND ${Math.floor(toMs / MINUTE_MS)}`;

const isWithin = (moment: string, { fromMs, toMs }: TimeSpan): string => `${moment} >= ${fromMs} AND ${moment} < ${toMs}`;
