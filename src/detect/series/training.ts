/** Learns the models of all series, in ClickHouse, from `series_minutes`. */

import { removeLater, rewrite } from '../../store/engine/ddl.ts';
import type { Engine, Session } from '../../store/engine/engine.ts';
import type { Range } from '../../store/rows/ranges.ts';
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import { localMinuteSql, SLOT_MINUTES, SLOTS_PER_DAY, SLOTS_PER_WEEK } from './local-week.ts';
import { METRICS, type Metric } from './metrics.ts';
import { GONE_MINUTES, MIN_TRIALS, trainingSpan } from './model.ts';

export interface Training {
  engine: Engine;
  /** End of what is learned from, in milliseconds since 1970: a full minute. */
  atMs: number;
  /** Name of the time zone by whose clock people live. */
  timeZone: string;
  /** What was not usual: incidents, maintenance, time without collector. */
  excluded: readonly Excluded[];
}

/** Minutes (since 1970) from which nothing is learned of a value, or of none where no dimension is named. */
export interface Excluded {
  dimension: string;
  value: string;
  minutes: Range;
}

/** Of each metric the series with the most trials are watched, so many at most. */
export const MAX_SERIES_PER_METRIC = 5_000;
const WEEKS = 5;

/**
 * Learns all models, and says how many. None as long as history is shorter than two days. They count once all of them are there.
 * The arithmetic and its constants were measured on simulated months of 300 series (docs/detection.md).
 */
export async function train(training: Training): Promise<number> {
  const { engine, atMs, timeZone } = training;
  const span = await trainingSpan(engine, atMs);
  if (!span) return 0;
  const session = engine.session('detect');
  const of: Learned = { atMs, timeZone, fromMinute: span.fromMs / MINUTE_MS, toMinute: span.toMs / MINUTE_MS, days: span.days };
  // A training before that was for the same moment left what this one may not learn again.
  await rewrite(session, 'series_models', `DELETE WHERE ${ofTraining(of)}`);
  await leaveOut(engine, training.excluded, of);
  for (const metric of METRICS) {
    if (metric.kind === 'share') await session.run(shareModels(metric, of));
    else for (const part of await parts(session, metric, of)) await session.run(rateModels(metric, of, part));
  }
  const [row] = await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM series_models FINAL WHERE ${ofTraining(of)}`);
  await session.run(`INSERT INTO series_trainings (trained_at, learned_from, days, time_zone)
    SELECT toDateTime(${atMs / 1_000}, 'UTC'), toDateTime(${of.fromMinute * 60}, 'UTC'), ${of.days}, '${timeZone}'`);
  return row?.n ?? 0;
}

/** What was learned before this is no longer asked for. */
const KEPT_TRAININGS_MS = 8 * DAY_MS;

/** Takes out what was learned long ago. */
export async function forgetTrainings(engine: Engine, nowMs: number): Promise<void> {
  for (const table of ['series_trainings', 'series_models', 'series_left_out'] as const)
    await removeLater(engine.session('tidy'), table, `trained_at < toDateTime(${Math.floor((nowMs - KEPT_TRAININGS_MS) / 1_000)}, 'UTC')`);
}

interface Learned extends Pick<Training, 'atMs' | 'timeZone'> {
  fromMinute: number;
  toMinute: number;
  days: number;
}

const ofTraining = ({ atMs }: Learned): string => `trained_at = toDateTime(${atMs / 1_000}, 'UTC')`;

/** Writes down what nothing is learned from. */
async function leaveOut(engine: Engine, excluded: readonly Excluded[], { atMs, fromMinute, toMinute }: Learned): Promise<void> {
  const lines = excluded
    .map(({ dimension, value, minutes: [first, last] }) => [dimension, value, Math.max(first, fromMinute), Math.min(last, toMinute)])
    .filter(([, , first, last]) => (first as number) <= (last as number))
    .map((line) => JSON.stringify(line));
  if (lines.length === 0) return;
  const structure = 'dimension String, value String, first UInt32, last UInt32';
  await engine.insert(
    'detect',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure },
    (rows) => `INSERT INTO series_left_out (trained_at, dimension, value, minute)
      SELECT DISTINCT toDateTime(${atMs / 1_000}, 'UTC'), dimension, value, toDateTime(arrayJoin(range(first, last + 1)) * 60, 'UTC')
      FROM ${rows}`,
  );
}

/** Of the time that is learned from, without what was not usual of all. */
const isLearnedFrom = (of: Learned, column = 'minute'): string =>
  `${column} >= toDateTime(${of.fromMinute * 60}, 'UTC') AND ${column} < toDateTime(${of.toMinute * 60}, 'UTC')
    AND ${column} NOT IN (SELECT minute FROM series_left_out WHERE ${ofTraining(of)} AND dimension = '')`;

/** Without what was not usual of the value itself. */
const isUsual = (of: Learned): string =>
  `(dimension, value, minute) NOT IN (SELECT dimension, value, minute FROM series_left_out WHERE ${ofTraining(of)} AND dimension != '')`;

const INSERT = `INSERT INTO series_models
  (metric, dimension, value, trained_at, learned_from, days, trials, hits, dispersion, correlation, shares, rates, seen)`;

const head = ({ name }: Metric, { atMs, fromMinute, days }: Learned): string =>
  `'${name}' AS metric, dimension, value, toDateTime(${atMs / 1_000}, 'UTC') AS trained_at,
      toDateTime(${fromMinute * 60}, 'UTC') AS learned_from, ${days} AS days`;

/** Some of the series of a metric: those that share a remainder, have so many trials, and had minutes of their own that were left out, or none. */
interface Part {
  remainder: number;
  of: number;
  leastTrials: number;
  leftOut: boolean;
}

/** An array of minutes for each series stands in memory at once: so many series at a time. */
const SERIES_TOGETHER = 500;

/** Whether a value had minutes of its own that were left out. */
const hasLeftOut = (of: Learned): string =>
  `(dimension, value) IN (SELECT dimension, value FROM series_left_out WHERE ${ofTraining(of)} AND dimension != '')`;

/** The series of a metric that are watched, in parts. */
async function parts(session: Session, { name }: Metric, of: Learned): Promise<Part[]> {
  const rows = await session.rows<{ left_out: number; series: number; least: number }>(
    `SELECT ${hasLeftOut(of)} AS left_out, toUInt32(count()) AS series, toFloat64(min(n)) AS least FROM (
       SELECT dimension, value, sum(trials) AS n FROM series_minutes FINAL WHERE metric = '${name}' AND ${isLearnedFrom(of)}
       GROUP BY dimension, value HAVING n >= ${MIN_TRIALS} ORDER BY n DESC LIMIT ${MAX_SERIES_PER_METRIC})
     GROUP BY left_out`,
  );
  const leastTrials = Math.min(...rows.map(({ least }) => least));
  return rows.flatMap(({ left_out, series }) => {
    const count = Math.ceil(series / SERIES_TOGETHER);
    return Array.from({ length: count }, (_, remainder) => ({ remainder, of: count, leastTrials, leftOut: left_out === 1 }));
  });
}

/** A share that never was is not held to be impossible, nor one that always was to be certain. */
const LEAST_SHARE = 0.002;
/** Trials of the whole day's share that stand beside those of an hour. */
export const HOUR_PRIOR = 300;

/**
 * Shares by hour of the local day, and the correlation: how much further than chance the hits of a minute scatter, by moments, where one minute counts
 * thirty times its variance at most. Minutes of one hour with the same counts are one row with their number, so that few are left.
 */
function shareModels(metric: Metric, of: Learned): string {
  const within = (share: string) => `least(greatest(${share}, ${LEAST_SHARE}), 1 - ${LEAST_SHARE})`;
  const variance = 'n * share * (1 - share)';
  const models = `
    SELECT dimension, value, any(trials_of_all) AS all_trials, any(hits_of_all) AS all_hits, any(usual) AS overall,
      sumIf(minutes * least(pow(f - n * share, 2) - ${variance}, 30 * ${variance}), n >= 2)
        / sumIf(minutes * ${variance} * (n - 1), n >= 2) AS scatter,
      arrayMap(x -> if(isNaN(x), overall, x), groupArrayInsertAt(nan, 24)(share, toUInt32(hour))) AS shares
    FROM (
      SELECT dimension, value, hour, n, f, minutes, trials_of_all, hits_of_all, ${within('hits_of_all / trials_of_all')} AS usual,
        ${within(`(hits_of_hour + ${HOUR_PRIOR} * usual) / (trials_of_hour + ${HOUR_PRIOR})`)} AS share
      FROM (
        SELECT dimension, value, hour, n, f, minutes,
          sum(n * minutes) OVER by_series AS trials_of_all, sum(f * minutes) OVER by_series AS hits_of_all,
          sum(n * minutes) OVER by_hour AS trials_of_hour, sum(f * minutes) OVER by_hour AS hits_of_hour
        FROM (
          SELECT dimension, value, intDiv(modulo(${localMinuteSql('minute', of.timeZone)}, 1440), 60) AS hour, trials AS n, hits AS f,
            count() AS minutes
          FROM series_minutes FINAL WHERE metric = '${metric.name}' AND trials > 0 AND ${isLearnedFrom(of)} AND ${isUsual(of)}
          GROUP BY dimension, value, hour, n, f
        )
        WINDOW by_series AS (PARTITION BY dimension, value), by_hour AS (PARTITION BY dimension, value, hour)
      ) WHERE trials_of_all >= ${MIN_TRIALS}
    ) GROUP BY dimension, value ORDER BY all_trials DESC, dimension, value LIMIT ${MAX_SERIES_PER_METRIC}`;
  return `
  ${INSERT}
  SELECT ${head(metric, of)}, all_trials, all_hits, 0, least(greatest(if(isFinite(scatter), scatter, 0), 0.002), 0.3), shares, [], []
  FROM (${models}) AS models`;
}

/** Rates are smoothed over so many slots on either side: as many as it takes to see {@link ENOUGH} trials. */
const SMOOTHINGS = [2, 4, 8, 16] as const;
const ENOUGH = 120;
/** A rate below this says nothing of how counts scatter. */
const LEAST_RATE = 0.3;

/**
 * Rates by slot of the local week: the median over the weeks of the rate, smoothed; of a slot of which no week is known, the mean of the same
 * time of other days. And the dispersion: how much further than chance the counts of a minute scatter, by moments, bounded per minute.
 * Each series is one row of arrays over the slots of five weeks, so nothing is joined. Of the hour that comes twice one is taken: once in a
 * year, of one week in four.
 */
function rateModels(metric: Metric, of: Learned, part: Part): string {
  const firstWeek = `(intDiv(${localMinuteSql(`toDateTime(${of.fromMinute * 60}, 'UTC')`, of.timeZone)}, 10080) * 10080)`;
  const local = (column: string) => `toUInt32(${localMinuteSql(column, of.timeZone)} - ${firstWeek})`;
  const minutes = WEEKS * 10_080;
  // Running totals at the end of each slot. A lambda must not use an array of its row: the engine would copy it for each element.
  const slotTotals = (array: string) =>
    `arrayFilter((total, i) -> i % ${SLOT_MINUTES} = 0, arrayCumSum(${array}), arrayEnumerate(${array}))`;
  // The sum over k slots on either side, from running totals.
  const smoothed = (totals: string, k: number) =>
    `arrayMap((to, from) -> to - from, arrayShiftLeft(${totals}, ${k}, ${totals}[-1]), arrayShiftRight(${totals}, ${k + 1}, 0))`;
  const week = (array: string, w: number) => `arraySlice(${array}, ${w * SLOTS_PER_WEEK + 1}, ${SLOTS_PER_WEEK})`;
  const weeks = Array.from({ length: WEEKS }, (_, w) => w);
  const days = Array.from({ length: 7 }, (_, d) => d);
  const perK = (name: string) => SMOOTHINGS.map((k) => `${name}_${k}`);
  const chosen = (parts: readonly string[]) =>
    `multiIf(${SMOOTHINGS.slice(0, -1)
      .map((k, i) => `t_${k} >= ${ENOUGH}, ${parts[i]}`)
      .join(', ')}, ${parts.at(-1)})`;
  const knownSums = [
    `${slotTotals('known')} AS known_totals`,
    ...SMOOTHINGS.map((k) => `${smoothed('known_totals', k)} AS known_${k}`),
  ].join(', ');
  // Which minutes are known is the same for all series, and worked out once; of those with minutes of their own left out, for each.
  const carried = part.leftOut ? ['known', ...SMOOTHINGS.map((k) => `known_${k}`)].map((name) => `, ${name}`).join('') : '';
  const leftOut = `
    LEFT JOIN (
      SELECT dimension, value, groupArrayInsertAt(toUInt8(0), ${minutes})(toUInt8(1), ${local('minute')}) AS gone
      FROM series_left_out WHERE ${ofTraining(of)} AND dimension != ''
        AND minute >= toDateTime(${of.fromMinute * 60}, 'UTC') AND minute < toDateTime(${of.toMinute * 60}, 'UTC')
      GROUP BY dimension, value
    ) AS own USING (dimension, value)`;
  return `
  ${INSERT}
  WITH
    (SELECT groupArrayInsertAt(toUInt8(0), ${minutes})(toUInt8(n), at) FROM (
       SELECT ${local('minute')} AS at, count() AS n
       FROM (SELECT toDateTime((${of.fromMinute} + number) * 60, 'UTC') AS minute FROM numbers(${of.toMinute - of.fromMinute}))
       WHERE ${isLearnedFrom(of)} GROUP BY at)) AS ${part.leftOut ? 'known_of_all' : `known, ${knownSums}`},
    of_series AS (
      SELECT dimension, value, toUInt64(sum(trials)) AS all_trials,
        groupArrayInsertAt(toUInt32(0), ${minutes})(trials, ${local('minute')}) AS counts
      FROM series_minutes FINAL WHERE metric = '${metric.name}' AND trials > 0 AND ${isLearnedFrom(of)} AND ${isUsual(of)}
        AND modulo(cityHash64(dimension, value), ${part.of}) = ${part.remainder} AND ${part.leftOut ? '' : 'NOT '}${hasLeftOut(of)}
      GROUP BY dimension, value
      HAVING all_trials >= ${part.leastTrials} AND max(minute) >= toDateTime(${(of.toMinute - GONE_MINUTES) * 60}, 'UTC')
    ),
    counted AS (
      SELECT dimension, value, all_trials, counts
        ${part.leftOut ? `, arrayMap((k, x) -> toUInt8(k = 1 AND x = 0), known_of_all, gone) AS known, ${knownSums}` : ''}
      FROM of_series ${part.leftOut ? leftOut : ''}
    ),
    smoothed AS (
      SELECT dimension, value, all_trials, counts${carried}, ${slotTotals('counts')} AS totals,
        ${SMOOTHINGS.map((k) => `${smoothed('totals', k)} AS sum_${k}`).join(', ')},
        ${SMOOTHINGS.map(
          (k) => `arrayMap((${weeks.map((w) => `w${w}`).join(', ')}) -> ${weeks.map((w) => `w${w}`).join(' + ')},
          ${weeks.map((w) => week(`sum_${k}`, w)).join(', ')}) AS total_${k}`,
        ).join(',\n        ')}
      FROM counted
    ),
    by_week AS (
      SELECT dimension, value, all_trials, counts${carried},
        arrayMap((${perK('t').join(', ')}) -> ${chosen(perK('t'))}, ${perK('total').join(', ')}) AS seen,
        ${weeks
          .map(
            (w) =>
              `arrayMap((${[...perK('t'), ...perK('s'), ...perK('m')].join(', ')}) -> ${chosen(
                SMOOTHINGS.map((k) => `if(m_${k} * 2 < ${(2 * k + 1) * SLOT_MINUTES}, nan, s_${k} / m_${k})`),
              )}, ${[...perK('total'), ...perK('sum').map((each) => week(each, w)), ...perK('known').map((each) => week(each, w))].join(
                ', ',
              )}) AS rate_${w}`,
          )
          .join(',\n        ')}
      FROM smoothed
    ),
    weekly AS (
      SELECT dimension, value, all_trials, counts${carried}, seen,
        arrayMap((${weeks.map((w) => `r${w}`).join(', ')}) ->
          arrayReduce('quantileExactInclusive(0.5)', arrayFilter(x -> NOT isNaN(x), [${weeks.map((w) => `r${w}`).join(', ')}])),
          ${weeks.map((w) => `rate_${w}`).join(', ')}) AS of_week,
        arrayMap((${days.map((d) => `d${d}`).join(', ')}) -> arrayAvg(arrayFilter(x -> NOT isNaN(x), [${days.map((d) => `d${d}`).join(', ')}])),
          ${days.map((d) => `arraySlice(of_week, ${d * SLOTS_PER_DAY + 1}, ${SLOTS_PER_DAY})`).join(', ')}) AS of_day
      FROM by_week
    ),
    usual AS (
      SELECT dimension, value, all_trials, counts, seen,
        arrayMap((w, d) -> if(isNaN(w), if(isNaN(d), 0, d), w), of_week, arrayFlatten([${days.map(() => 'of_day').join(', ')}])) AS rates,
        arrayFlatten(arrayMap(x -> [${Array(SLOT_MINUTES).fill('x').join(', ')}], rates)) AS of_minutes,
        arrayFlatten([${weeks.map(() => 'of_minutes').join(', ')}]) AS expected,
        arrayMap((m, l) -> m = 1 AND l >= ${LEAST_RATE}, known, expected) AS judged
      FROM weekly
    )
  SELECT ${head(metric, of)}, all_trials, 0,
    1 / greatest(0.005, if(arraySum(arrayMap((j, l) -> j * l * l, judged, expected)) = 0, 0,
      arraySum(arrayMap((j, n, l) -> j * least(pow(n - l, 2) - l, 25 * l + 0.5 * l * l), judged, counts, expected))
        / arraySum(arrayMap((j, l) -> j * l * l, judged, expected)))),
    0, [], rates, seen
  FROM usual
  SETTINGS max_block_size = 32, max_threads = 2`;
}
