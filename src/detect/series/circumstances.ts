/** What is the same for all series in a minute: the slot of the week, maintenance, whether anything was collected and came in. */
import type { Engine } from '../../store/engine/engine.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import type { Range } from '../../store/rows/ranges.ts';
import { MINUTE_MS } from '../../system/time.ts';
import type { Slot } from './local-week.ts';
import type { Circumstances } from './watched-series.ts';

/** A moment as a minute since 1970. */
export const minuteOf = (ms: number): number => Math.floor(ms / MINUTE_MS);

/** Minutes of maintenance of everything, and those in which nobody collected. */
export async function mutedMinutes(engine: Engine, fromMinute: number, toMinute: number): Promise<Range[]> {
  const session = engine.session('detect');
  const windows = await maintenanceIn(session, fromMinute * MINUTE_MS, toMinute * MINUTE_MS);
  const uncovered = await session.rows<{ m: number }>(
    `SELECT toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m FROM coverage FINAL
     WHERE covered = 0 AND minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')`,
  );
  return [
    ...windows.filter(({ slo }) => slo === '*').map(({ startMs, endMs }): Range => [minuteOf(startMs), minuteOf(endMs - 1)]),
    ...uncovered.map(({ m }): Range => [m, m]),
  ];
}

/** What is the same for all series, by the minute. */
export async function circumstancesIn(
  engine: Engine,
  slots: (minute: number) => Slot,
  fromMinute: number,
  toMinute: number,
): Promise<Circumstances> {
  const muted = new Set<number>();
  for (const [first, last] of await mutedMinutes(engine, fromMinute, toMinute))
    for (let minute = Math.max(first, fromMinute); minute <= Math.min(last, toMinute); minute++) muted.add(minute);
  const rows = await engine.session('detect').rows<{ m: number }>(
    `SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m FROM series_minutes FINAL
     WHERE dimension = '' AND trials > 0
       AND minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')`,
  );
  const heard = new Set(rows.map(({ m }) => m));
  return (minute) => ({ slot: slots(minute), isMuted: muted.has(minute), isFeedSilent: !heard.has(minute) });
}
