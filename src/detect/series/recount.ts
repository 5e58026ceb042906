/** Keeps `series_minutes` in step with the store: what changed since the last look is counted anew, up to where the log has passed. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { systemCode } from '../../errors.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { mergedRanges, type Range } from '../../store/rows/ranges.ts';
import type { TimeSpan } from '../../store/rows/rows-of.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { minuteOf } from './circumstances.ts';
import { learnDurations } from './durations.ts';
import { DURATION_METRICS, METRICS } from './metrics.ts';
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
  /** Whether history has come in that nothing was learned from yet. */
  isRestated: z.boolean().default(false),
  /** Whether limits of durations have changed, and not everything is counted by them yet. */
  isMixed: z.boolean().default(false),
});
type State = z.infer<typeof schema>;

export interface Recount {
  /** Of the rows that were written now; undefined when nothing had to be counted. */
  version: number | undefined;
  /** How many minutes were counted anew that had been counted before, or were of a time before the first count. */
  restatedMinutes: number;
  /** Whether history has come in since the last {@link Counts.learned}. */
  isRestated: boolean;
}

/** More minutes than these at once are history that comes in. */
export const LARGE_MINUTES = 1_440;

export interface Counts {
  /** Counts what changed, up to a minute, not included. A crash in between counts again, which changes nothing. */
  recount(toMinute: number, nowMs: number): Promise<Recount>;
  /** Learns the limits of durations from a time, and counts all that hangs on them anew where they have moved. */
  learnDurations(span: TimeSpan, nowMs: number): Promise<void>;
  /** All history is learned from. */
  learned(): Promise<void>;
}

/** The counts of a store. @param statePath says how far they are */
export function openCounts(engine: Engine, statePath: string): Counts {
  const write = (state: State) => writeDurably(statePath, JSON.stringify(state));
  const count = async (ranges: readonly Range[], toMinute: number, version: number, only?: readonly string[]) => {
    for (const [first, last] of ranges)
      for (let from = first; from <= last && from < toMinute; from += COUNTED_TOGETHER)
        await recountMinutes(engine.session('detect'), from, Math.min(from + COUNTED_TOGETHER, last + 1, toMinute), version, only);
  };
  return {
    async recount(toMinute, nowMs) {
      const state = await readState(statePath);
      const earliest = Math.max(0, bucketOf(toMinute - KEPT_MINUTES)[0]);
      const { roll, minutes } = await changedMinutes(engine, state.roll, earliest, toMinute);
      // A clock that was ahead has counted minutes that had not come yet.
      const countedTo = Math.min(state.countedTo, toMinute);
      const from = state.isMixed ? earliest : countedTo;
      const passed: Range[] = from > 0 && from < toMinute ? [[bucketOf(Math.max(earliest, from))[0], toMinute - 1]] : [];
      const changed = mergedRanges(minutes.map(bucketOf));
      const restatedMinutes = changed
        .filter(([first]) => countedTo === 0 || first < countedTo)
        .reduce((sum, [first, last]) => sum + last + 1 - first, 0);
      const isRestated = state.isRestated || restatedMinutes > LARGE_MINUTES;
      const ranges = mergedRanges([...changed, ...passed]);
      if (ranges.length === 0 && countedTo === state.countedTo) return { version: undefined, restatedMinutes, isRestated };
      const version = ranges.length === 0 ? undefined : await nextVersion(engine, 'series_minutes', nowMs);
      if (version !== undefined) await count(ranges, toMinute, version);
      await write({ roll, countedTo: version === undefined ? countedTo : toMinute, isRestated, isMixed: false });
      return { version, restatedMinutes, isRestated };
    },
    async learnDurations(span, nowMs) {
      const state = await readState(statePath);
      await write({ ...state, isMixed: true });
      const toMinute = minuteOf(span.toMs);
      if (await learnDurations(engine, span))
        await count(
          [[bucketOf(toMinute - KEPT_MINUTES)[0], toMinute - 1]],
          toMinute,
          await nextVersion(engine, 'series_minutes', nowMs),
          DURATION_METRICS,
        );
      await write({ ...state, isMixed: false });
    },
    async learned() {
      await write({ ...(await readState(statePath)), isRestated: false });
    },
  };
}

const bucketOf = (minute: number): Range => {
  const first = Math.floor(minute / BUCKET_MINUTES) * BUCKET_MINUTES;
  return [first, first + BUCKET_MINUTES - 1];
};

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
    if (systemCode(error) === 'ENOENT') return { roll: 0, countedTo: 0, isRestated: false, isMixed: false };
    throw error;
  }
}
