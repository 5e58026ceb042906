/** SLIs of time slices: each slice's good or bad follows from sums over a time before its end, kept as a row of `minutes`. */
import { DIMENSIONS } from '../../names.ts';
import { mergedRanges, type Range } from '../rows/ranges.ts';
import type { Slices, StoredSli } from '../rows/sli-counter.ts';
import { hourRanges, INSERT_SETTINGS, type MinutesDeps, sumHours, type Version } from './minutes.ts';

/** So many slices are computed at a time, and fewer where there are many values: so many rows at most. */
const CHUNK_SLICES = 2 * 1_440;
const CHUNK_ROWS = 1_000_000;
/** Fewer slices need no count of the values first: those of a roll of what comes in now. */
const FEW_SLICES = 240;
/** Nothing is overdue for longer (contract, SLI M3). */
const MAX_OVERDUE_MINUTES = 7 * 1_440;

/** How far (in minutes) what happens in a minute reaches into later slices. */
const reachOf = (slices: Slices): number => Math.max(...Object.values(slices.sums).map(({ spanMinutes }) => spanMinutes));

/** The same of all SLIs, and of what is overdue. */
export const longestReach = (slis: readonly StoredSli[]): number =>
  Math.max(0, ...slis.flatMap(({ slices }) => (slices ? [reachOf(slices), slices.hasBacklog ? MAX_OVERDUE_MINUTES : 0] : [])));

/**
 * Replaces the slices that changed and have ended by `nowMs`. Repeating it changes nothing.
 * @param changed minutes (since 1970) whose counters changed, and ranges whose slices changed otherwise
 */
export async function recomputeSlices(
  deps: MinutesDeps,
  changed: { minutes: Iterable<number>; ranges: readonly Range[] },
  version: Version,
): Promise<void> {
  const minutes = [...changed.minutes];
  for (const sli of deps.slis) {
    if (!sli.slices) continue;
    const { slices } = sli;
    const length = slices.minutes;
    const floor = (minute: number) => Math.floor(minute / length) * length;
    const lastEnded = floor(version.nowMs / 60_000) - length;
    const reach = reachOf(slices);
    const touched: number[] = [];
    const ranges = mergedRanges([...minutes.map((minute): Range => [minute, minute + reach - 1]), ...changed.ranges]);
    for (const [first, last] of ranges) {
      const end = Math.min(floor(last), lastEnded);
      const chunk = await slicesAtATime(deps, slices, [floor(first), end]);
      for (let from = floor(first); from <= end; from += chunk * length) {
        const to = Math.min(from + (chunk - 1) * length, end);
        await deps.engine.session(deps.role).run(slicesInsert(sli.id, slices, [from, to], version.roll));
        for (let minute = from; minute < to; minute += 60) touched.push(minute);
        touched.push(to);
      }
    }
    for (const range of hourRanges(touched)) await sumHours(deps.engine.session(deps.role), [sli.id], range, version.roll);
  }
}

/** How many slices of a range are computed together: as many as their rows allow. */
async function slicesAtATime(deps: MinutesDeps, slices: Slices, [first, last]: Range): Promise<number> {
  if ((last - first) / slices.minutes <= FEW_SLICES) return CHUNK_SLICES;
  const counters = Object.values(slices.sums).map(({ counter }) => `'${counter}'`);
  const [row] = await deps.engine.session(deps.role).rows<{ series: number }>(
    `SELECT toUInt32(uniq(dimension, value)) AS series FROM minutes
     WHERE sli IN (${counters.join(', ')}) AND minute >= ${time(first - reachOf(slices))} AND minute < ${time(last + slices.minutes)}`,
  );
  return Math.max(FEW_SLICES / 4, Math.min(CHUNK_SLICES, Math.floor(CHUNK_ROWS / Math.max(1, row?.series ?? 1))));
}

const time = (minute: number) => `toDateTime(${minute * 60}, 'UTC')`;

/** One SLI's slices of a range of minutes, with the names of what is summed for them. */
interface Sliced {
  id: string;
  slices: Slices;
  range: Range;
  /** Of the sums, and `overdue`. */
  names: readonly string[];
  /** What is summed, if not what the store keeps: then the whole alone, in no splits. */
  countsOf?: CountsOf;
}

/** What gives `dimension`, `value`, `minute` and `total` of a counter in minutes [from, to), as a query. */
export type CountsOf = (counter: string, from: number, to: number) => string;

const namesOf = (slices: Slices) => [...Object.keys(slices.sums), 'overdue'];

/** A query of slices that nobody keeps: `slice`, the minute at which it begins, and whether it is `good`, of those that count. @param range of slices */
export const slicesOf = (slices: Slices, range: Range, countsOf: CountsOf): string =>
  `SELECT toUInt32(slice) AS slice, toFloat64(is_good) AS good
  FROM (${judgedSlices({ id: '', slices, range, names: namesOf(slices), countsOf })})`;

/**
 * Replaces the slices of a range. A slice's row stands at its last minute, so that a window counts it once it has ended.
 * Sums run from one change to the next: what comes in or falls out of a sum, and attempts that become overdue or end, are changes at
 * the first slice whose end sees them. Between two changes all slices are alike.
 */
function slicesInsert(id: string, slices: Slices, range: Range, roll: number): string {
  const of: Sliced = { id, slices, range, names: namesOf(slices) };
  return `
    INSERT INTO minutes (sli, dimension, minute, value, good, total, roll)
    SELECT '${id}', dimension, toDateTime((slice + ${slices.minutes - 1}) * 60, 'UTC') AS minute, value, max(is_good), max(is_counted),
      ${roll}
    FROM (${judgedSlices(of)} UNION ALL ${knownSlices(of)})
    GROUP BY dimension, slice, value
    ${INSERT_SETTINGS}`;
}

/** Which slices count, and which of them are good? */
const judgedSlices = (of: Sliced): string => `
      SELECT dimension, value, arrayJoin(range(toUInt32(at), toUInt32(next), ${of.slices.minutes})) AS slice,
        toUInt64(1) AS is_counted, toUInt64(${of.slices.good}) AS is_good
      FROM (${runningSums(of)}) WHERE ${of.slices.counted}`;

/** Which slices have a row already? What no longer counts becomes 0 of 0. */
function knownSlices({ id, slices, range: [first, last] }: Sliced): string {
  return `
      SELECT dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60) - ${slices.minutes - 1}) AS slice,
        toUInt64(0) AS is_counted, toUInt64(0) AS is_good
      FROM minutes FINAL
      WHERE sli = '${id}' AND minute >= ${time(first)} AND minute < ${time(last + slices.minutes)} AND total > 0`;
}

/** What does each sum come to, from each change to the next? */
function runningSums(of: Sliced): string {
  const {
    slices,
    names,
    range: [, last],
  } = of;
  return `
        SELECT dimension, value, at, leadInFrame(at, 1, ${last + slices.minutes}) OVER following AS next,
          ${names.map((name) => `sum(sum(d_${name})) OVER running AS ${name}`).join(', ')}
        FROM (SELECT dimension, value, at, ${names.map((name) => `d_${name}`).join(', ')} FROM (${changes(of).join(' UNION ALL ')}))
        WHERE at <= ${last}
        GROUP BY dimension, value, at
        WINDOW
          running AS (PARTITION BY dimension, value ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
          following AS (PARTITION BY dimension, value ORDER BY at ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)`;
}

/** By how much does each sum change, and at which slice? */
function changes({ slices, names, range: [first, last], countsOf }: Sliced): string[] {
  const { minutes: length, sums } = slices;
  const changed = (name: string, by: string) => names.map((each) => `toInt64(${each === name ? by : '0'}) AS d_${each}`).join(', ');
  // Each row comes in at one slice and goes out at a later one.
  const edges = (comes: string, goes: string) =>
    `arrayJoin([(toInt64(${comes}), 1), (toInt64(${goes}), -1)]) AS edge, greatest(edge.1, ${first}) AS at`;
  const slice = `intDiv(intDiv(toUnixTimestamp(minute), 60), ${length}) * ${length}`;
  const counted = Object.entries(sums).map(
    ([name, { counter, spanMinutes }]) => `
          SELECT dimension, value, ${edges(slice, `${slice} + ${spanMinutes}`)}, ${changed(name, 'edge.2 * total')}
          FROM (${(countsOf ?? storedCounts(length))(counter, first - spanMinutes, last + length)})`,
  );
  const splits = [`('', '')`, ...(countsOf ? [] : DIMENSIONS.map((name) => `('${name}', toString(${name}))`))].join(', ');
  const overdue = `
          SELECT split.1 AS dimension, split.2 AS value, ${edges('overdue_from', 'overdue_until')}, ${changed('overdue', 'edge.2')}
          FROM backlog FINAL ARRAY JOIN [${splits}] AS split
          WHERE dead = 0 AND overdue_from >= ${first - MAX_OVERDUE_MINUTES} AND overdue_from <= ${last} AND overdue_until > ${first}
            AND (${slices.backlogFits ?? '1'})`;
  return slices.hasBacklog ? [...counted, overdue] : counted;
}

const storedCounts =
  (length: number): CountsOf =>
  (counter, from, to) =>
    `SELECT dimension, value, minute, total FROM ${length === 60 ? 'hours' : 'minutes'} FINAL
            WHERE sli = '${counter}' AND minute >= ${time(from)} AND minute < ${time(to)} AND total > 0`;
