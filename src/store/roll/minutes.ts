/** `minutes` and what follows from them (`hours`, `bad_users`): recomputed whole for the minutes that changed, never added to. */
import type { Engine, Role, Session } from '../engine/engine.ts';
import { type CompletionWindows, longestOf } from '../rows/attempt-state.ts';
import { mergedRanges, type Range } from '../rows/ranges.ts';
import { RECOVERY_WINDOW_MS } from '../rows/rows-of.ts';
import { type Counter, dimensionsOf, type StoredSli, UNITS, type Unit } from '../rows/sli-counter.ts';

/** Users hit are counted exactly up to here (contract, "Tables"). */
export const MAX_USERS_BAD = 1_000;

export interface MinutesDeps {
  engine: Engine;
  role: Role;
  slis: readonly StoredSli[];
  windows: CompletionWindows;
}

export interface Version {
  roll: number;
  nowMs: number;
}

/** Compiling expressions to machine code takes longer than these short queries run. */
export const INSERT_SETTINGS = `SETTINGS compile_expressions = 0, compile_aggregate_expressions = 0, compile_sort_description = 0,
  max_threads = 1, max_insert_threads = 1, max_partitions_per_insert_block = 0`;

/**
 * Replaces the rows of the given minutes (since 1970) by what the attempts and events say at `nowMs`.
 * Rows that no longer hold anything become 0 of 0. Repeating it changes nothing.
 * @param units whose rows changed; the others are left as they are
 */
export async function recomputeMinutes(
  deps: MinutesDeps,
  minutes: Iterable<number>,
  version: Version,
  units: readonly Unit[] = UNITS,
): Promise<void> {
  const dirty = [...new Set(minutes)].sort((a, b) => a - b);
  const counters = deps.slis.flatMap((sli) => sli.counters).filter(({ unit }) => units.includes(unit));
  if (dirty.length === 0 || counters.length === 0) return;
  const session = deps.engine.session(deps.role);
  await withNumbers(deps.engine, deps.role, dirty, async (dirtyMinutes) => {
    const sources = sourcesOf({ dirty, dirtyMinutes, windowMs: longestOf(deps.windows), nowMs: version.nowMs });
    const byUnit = [...Map.groupBy(counters, ({ unit }) => unit)];
    // The range lets ClickHouse use the key; the list selects the dirty minutes.
    const inRange = isWithin([dirty[0] ?? 0, dirty.at(-1) ?? 0], 'known.minute');
    const isKnownDirty = `${inRange} AND intDiv(toUnixTimestamp(known.minute), 60) IN ${dirtyMinutes}`;
    await session.run(minutesInsert(byUnit, sources, counters, isKnownDirty, version.roll));
    await session.run(usersInsert(byUnit, sources, isKnownDirty, version.roll));
  });
  await recomputeHours(deps, dirty, version.roll);
}

/** Longer lists go through a file: the text of a query is limited. */
const MAX_IN_TEXT = 100;

/** Hands `use` what stands after `IN` for these numbers. */
async function withNumbers<T>(engine: Engine, role: Role, numbers: readonly number[], use: (list: string) => Promise<T>): Promise<T> {
  if (numbers.length <= MAX_IN_TEXT) return use(`(${numbers.join(', ')})`);
  return engine.withRows(role, { data: numbers.join('\n'), format: 'TSV', structure: 'n UInt32' }, (rows) =>
    use(`(SELECT n FROM ${rows})`),
  );
}

/** Where rows that settle in these minutes may lie: at their start or settlement, whichever is first, which is at most a window earlier. */
function homesOf(minutes: readonly number[], list: string, windowMs: number): string {
  const reach = Math.ceil(windowMs / 60_000);
  const ranges = mergedRanges(minutes.map((minute) => [minute - reach, minute]));
  return ranges.length <= MAX_IN_TEXT
    ? `(${ranges.map(([first, last]) => `home BETWEEN ${Math.max(0, first)} AND ${last}`).join(' OR ')})`
    : `home IN (SELECT arrayJoin(range(toUInt32(greatest(0, toInt64(n) - ${reach})), n + 1)) FROM ${list})`;
}

type Sources = Record<Unit, (types: readonly string[]) => string>;

/** The rows that may count in the dirty minutes, by unit, with the minute since 1970 in which they do as `at`. */
function sourcesOf(of: { dirty: readonly number[]; dirtyMinutes: string; windowMs: number; nowMs: number }): Sources {
  const isDirty = (expression: string) => `${expression} IN ${of.dirtyMinutes}`;
  const settledMinute = 'intDiv(settled_at, 60000)';
  const startMinute = 'intDiv(started_at, 60000)';
  const rows = (table: string, minute: string, isAtHome: string, condition: string) =>
    `SELECT ${minute} AS at, * FROM ${table} FINAL
     WHERE ${isAtHome} AND ${isDirty(minute)} AND dead = 0 AND ${condition}
       AND (home, k) IN (SELECT home, k FROM ${table} WHERE ${isAtHome} AND ${isDirty(minute)})`;
  // A waiting attempt counts once its deadline has passed.
  const isSettled = `settled_at > 0 AND (by_clock = 0 OR settled_at <= ${of.nowMs})`;
  return {
    attempt: () => rows('attempt_states', settledMinute, homesOf(of.dirty, of.dirtyMinutes, of.windowMs), isSettled),
    recovery: () => rows('recovery_states', settledMinute, homesOf(of.dirty, of.dirtyMinutes, RECOVERY_WINDOW_MS), isSettled),
    start: () =>
      rows(
        'attempt_states',
        startMinute,
        `(${isDirty('home')} OR home IN (SELECT home FROM skewed_starts WHERE ${isDirty('minute')}))`,
        'started_at > 0',
      ),
    event: (types) => `SELECT intDiv(toUnixTimestamp(time), 60) AS at, * FROM events FINAL
      WHERE ${tenMinutesOf(of.dirty, of.dirtyMinutes)}
        AND ${isDirty('intDiv(toUnixTimestamp(time), 60)')} AND type IN (${types.map((type) => `'${type}'`).join(', ')})`,
  };
}

/** The ten minutes by which events lie that hold these minutes. */
function tenMinutesOf(minutes: readonly number[], list: string): string {
  const starts = [...new Set(minutes.map((minute) => Math.floor(minute / 10) * 600))];
  const found =
    starts.length <= MAX_IN_TEXT
      ? `(${starts.map((seconds) => `toDateTime(${seconds}, 'UTC')`).join(', ')})`
      : `(SELECT toDateTime(intDiv(n, 10) * 600, 'UTC') FROM ${list})`;
  return `toStartOfTenMinutes(time) IN ${found}`;
}

type ByUnit = [Unit, Counter[]][];

const typesOf = (counters: readonly Counter[]): string[] => [
  ...new Set(counters.flatMap((counter) => (counter.unit === 'event' ? counter.types : []))),
];

/** Whether a row counts for a counter at all. */
function countsFor(counter: Counter): string {
  const users = counter.traffic === 'any' ? '1' : `traffic IN ('', 'user')`;
  const types = counter.unit === 'event' ? `type IN (${counter.types.map((type) => `'${type}'`).join(', ')})` : '1';
  return `(${users} AND ${types} AND (${counter.total}))`;
}

function minutesInsert(byUnit: ByUnit, sources: Sources, counters: readonly Counter[], isKnownDirty: string, roll: number): string {
  const names = [...new Set(counters.map(({ id }) => `'${id}'`))].join(', ');
  return `
    INSERT INTO minutes (sli, dimension, minute, value, good, total, roll)
    SELECT sli, dimension, at * 60, value, sum(good), sum(total), ${roll} FROM (
      ${byUnit.map(([unit, of]) => countUnit(sources[unit](typesOf(of)), of)).join(' UNION ALL ')}
      UNION ALL
      SELECT sli, dimension, intDiv(toUnixTimestamp(known.minute), 60) AS at, value, 0 AS good, 0 AS total
      FROM minutes AS known FINAL
      WHERE sli IN (${names}) AND ${isKnownDirty} AND known.total > 0
    ) GROUP BY sli, dimension, at, value ${INSERT_SETTINGS}`;
}

/** Combinations of labels are counted first and expanded into dimensions after: far fewer rows to expand. */
function countUnit(source: string, counters: readonly Counter[]): string {
  const dimensions = [...new Set(counters.flatMap(dimensionsOf))];
  const counts = counters.flatMap((counter, i) => [
    `toUInt64(countIf(${countsFor(counter)} AND (${counter.good}))) AS good_${i}`,
    `toUInt64(countIf(${countsFor(counter)})) AS total_${i}`,
  ]);
  const labels = dimensions.map((name) => `toString(ifNull(toString(${name}), '')) AS label_${name}`);
  const counted = counters.map((counter, i) => `('${counter.id}', good_${i}, total_${i})`);
  const splits = [`('', '')`, ...dimensions.map((name) => `('${name}', label_${name})`)];
  // A split that only some counters have.
  const extra = dimensions.flatMap((name) => {
    const without = counters.filter((counter) => !dimensionsOf(counter).includes(name)).map(({ id }) => `'${id}'`);
    return without.length === 0 ? [] : [`NOT (split.1 = '${name}' AND counted.1 IN (${without.join(', ')}))`];
  });
  return `
    SELECT counted.1 AS sli, split.1 AS dimension, at, split.2 AS value, sum(counted.2) AS good, sum(counted.3) AS total FROM (
      SELECT at, arrayJoin([${counted.join(', ')}]) AS counted, arrayJoin([${splits.join(', ')}]) AS split
      FROM (
        SELECT at, ${[...labels, ...counts].join(', ')}
        FROM (${source}) GROUP BY at, ${dimensions.map((name) => `label_${name}`).join(', ')}
      )
    ) WHERE ${['counted.3 > 0', ...extra].join(' AND ')} GROUP BY sli, dimension, at, value`;
}

/** Users are told apart by 64 bits of their reference; a thousand of them are enough to know. */
function usersInsert(byUnit: ByUnit, sources: Sources, isKnownDirty: string, roll: number): string {
  const units = byUnit.flatMap(([unit, all]) => {
    const counters = all.filter(({ id }) => !id.includes(':'));
    if (counters.length === 0) return [];
    const bad = counters.map((counter) => `(${countsFor(counter)} AND NOT ifNull(${counter.good}, 0))`);
    const hit = counters.map(
      ({ id }, i) => `('${id}', groupUniqArrayIf(${MAX_USERS_BAD})(sipHash64(user_ref), bad_${i} AND user_ref != ''),
          countIf(bad_${i} AND user_ref = ''))`,
    );
    return [
      `SELECT at, hit.1 AS sli, hit.2 AS users, hit.3 AS anonymous FROM (
         SELECT at, arrayJoin([${hit.join(', ')}]) AS hit FROM (
           SELECT at, user_ref, ${bad.map((predicate, i) => `${predicate} AS bad_${i}`).join(', ')}
           FROM (${sources[unit](typesOf(all))})
         ) WHERE ${bad.map((_, i) => `bad_${i}`).join(' OR ')} GROUP BY at
       ) WHERE notEmpty(users) OR anonymous > 0`,
    ];
  });
  const names = byUnit.flatMap(([, all]) => all.map(({ id }) => `'${id}'`)).join(', ');
  return `
    INSERT INTO bad_users (sli, span, minute, users, anonymous, roll)
    SELECT sli, 1, at * 60, groupUniqArrayArray(${MAX_USERS_BAD})(users), sum(anonymous), ${roll} FROM (
      ${units.join(' UNION ALL ')}
      UNION ALL
      SELECT intDiv(toUnixTimestamp(known.minute), 60) AS at, sli, emptyArrayUInt64() AS users, toUInt64(0) AS anonymous
      FROM bad_users AS known FINAL
      WHERE sli IN (${names}) AND span = 1 AND ${isKnownDirty} AND (notEmpty(known.users) OR known.anonymous > 0)
    ) GROUP BY sli, at ${INSERT_SETTINGS}`;
}

/** The hours of the given minutes (since 1970), summed anew from their minutes. */
async function recomputeHours(deps: MinutesDeps, minutes: readonly number[], roll: number): Promise<void> {
  const session = deps.engine.session(deps.role);
  const slis = deps.slis.flatMap(({ counters }) => counters.map(({ id }) => id));
  for (const range of hourRanges(minutes)) {
    await sumHours(session, slis, range, roll);
    await session.run(`
      INSERT INTO bad_users (sli, span, minute, users, anonymous, roll)
      SELECT sli, 60, toStartOfHour(minute) AS hour, groupUniqArrayArray(${MAX_USERS_BAD})(users), sum(anonymous), ${roll}
      FROM bad_users FINAL WHERE span = 1 AND ${isWithin(range)} GROUP BY sli, hour ${INSERT_SETTINGS}`);
  }
}

/** Hours (as minutes since 1970, both ends included) that hold these minutes, near ones together. */
export function hourRanges(minutes: Iterable<number>): Range[] {
  const hours = [...new Set([...minutes].map((minute) => Math.floor(minute / 60)))];
  return mergedRanges(hours.map((hour) => [hour, hour])).map(([first, last]) => [first * 60, last * 60 + 59]);
}

const isWithin = ([first, last]: Range, column = 'minute') =>
  `${column} >= toDateTime(${first * 60}, 'UTC') AND ${column} <= toDateTime(${last * 60}, 'UTC')`;

/** Replaces the hours of some SLIs and counters by the sum of their minutes. */
export async function sumHours(session: Session, slis: readonly string[], range: Range, roll: number): Promise<void> {
  await session.run(`
    INSERT INTO hours (sli, dimension, minute, value, good, total, roll)
    SELECT sli, dimension, toStartOfHour(minute) AS hour, value, sum(good), sum(total), ${roll} FROM minutes FINAL
    WHERE sli IN (${[...new Set(slis)].map((id) => `'${id}'`).join(', ')}) AND ${isWithin(range)}
    GROUP BY sli, dimension, hour, value ${INSERT_SETTINGS}`);
}
