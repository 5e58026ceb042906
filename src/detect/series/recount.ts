/** Keeps `series_minutes` in step with the store: what changed since the last look is counted anew, up to where the log has passed. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { systemCode } from '../../errors.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { mergedRanges, type Range } from '../../store/rows/ranges.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { METRICS } from './metrics.ts';
import { BUCKET_MINUTES, recountMinutes } from './series-minutes.ts';

/** Series are kept for so long: four weeks to learn from, and one in which something may be out of the ordinary. */
export const KEPT_MINUTES = 35 * 1_440;
/** So many minutes are counted at a time. */
const COUNTED_TOGETHER = 1_440;
/** Counters that change whenever an attempt does: by its end, and by its start. */
const ATTEMPT_COUNTERS = ['M5', 'M3:starts'];

const schema = z.object({
  /** The last roll whose changes are counted. */
  roll: z.number().int().nonnegative(),
  /** Minutes (since 1970) before this one are counted. */
  countedTo: z.number().int().nonnegative(),
});
type State = z.infer<typeof schema>;

export interface Recount {
  /** Of the rows that were written now; undefined when nothing had to be counted. */
  version: number | undefined;
  /** First minute that was counted. */
  from: number;
}

/** Counts what changed, up to `toMinute`, not included. A crash in between counts again, which changes nothing. */
export async function recount(engine: Engine, statePath: string, toMinute: number, nowMs: number): Promise<Recount> {
  const state = await readState(statePath);
  const earliest = Math.max(0, toMinute - KEPT_MINUTES);
  const { roll, minutes } = await changedMinutes(engine, state.roll, earliest, toMinute);
  const bucket = (minute: number): Range => {
    const first = Math.floor(minute / BUCKET_MINUTES) * BUCKET_MINUTES;
    return [first, first + BUCKET_MINUTES - 1];
  };
  const passed: Range[] = state.countedTo > 0 && state.countedTo < toMinute ? [[Math.max(earliest, state.countedTo), toMinute - 1]] : [];
  const ranges = mergedRanges([...minutes.map(bucket), ...passed.map(([first, last]): Range => [bucket(first)[0], last])]);
  if (ranges.length === 0) return { version: undefined, from: toMinute };
  const version = await nextVersion(engine, 'series_minutes', nowMs);
  for (const [first, last] of ranges)
    for (let from = first; from <= last && from < toMinute; from += COUNTED_TOGETHER)
      await recountMinutes(engine.session('detect'), from, Math.min(from + COUNTED_TOGETHER, last + 1, toMinute), version);
  await writeDurably(statePath, JSON.stringify({ roll, countedTo: Math.max(state.countedTo, toMinute) } satisfies State));
  return { version, from: ranges[0]?.[0] ?? toMinute };
}

/** In which minutes did what metrics are made of change since a roll? */
async function changedMinutes(engine: Engine, sinceRoll: number, fromMinute: number, toMinute: number) {
  const counters = [...ATTEMPT_COUNTERS, ...METRICS.flatMap(({ rows }) => (rows.of === 'sli' ? [rows.sli] : []))];
  const rows = await engine.session('detect').rows<{ m: number; newest: number }>(
    `SELECT toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m, toFloat64(max(minutes.roll)) AS newest FROM minutes
     WHERE sli IN (${counters.map((id) => `'${id}'`).join(', ')}) AND dimension = '' AND minutes.roll > ${sinceRoll}
       AND minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')
     GROUP BY m`,
  );
  return { roll: rows.reduce((most, row) => Math.max(most, row.newest), sinceRoll), minutes: rows.map(({ m }) => m) };
}

async function readState(path: string): Promise<State> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return { roll: 0, countedTo: 0 };
    throw error;
  }
}
