/** Learns the models of all series, in ClickHouse, from `series_minutes`. */
import type { Engine } from '../../store/engine/engine.ts';
import { mergedRanges, type Range } from '../../store/rows/ranges.ts';
import { rowsOf } from '../../store/rows/rows-of.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { localMinuteSql, SLOT_MINUTES, SLOTS_PER_DAY, SLOTS_PER_WEEK } from './local-week.ts';
import { DURATION_METRIC, METRICS, type Metric, SERIES_DIMENSIONS } from './metrics.ts';
import { trainingSpan } from './model.ts';

export interface Training {
  engine: Engine;
  /** End of what is learned from, in milliseconds since 1970: a full minute. */
  atMs: number;
  /** Name of the time zone by whose clock people live. */
  timeZone: string;
  /** Minutes (since 1970) that were not usual: incidents, maintenance, time without collector. */
  excluded: readonly Range[];
}

/** Of each metric the series with the most trials are watched, so many at most. */
export const MAX_SERIES_PER_METRIC = 5_000;
/** With fewer trials in the whole time there is no habit to speak of. */
const MIN_TRIALS = 200;
const WEEKS = 5;

/**
 * Learns all models, and says how many. None as long as history is shorter than two days.
 * The arithmetic and its constants were measured on simulated months of 300 series (docs/detection.md).
 */
export async function train(training: Training): Promise<number> {
  const span = await trainingSpan(training.engine, training.atMs);
  if (!span) return 0;
  const session = training.engine.session('detect');
  const from = span.fromMs / MINUTE_MS;
  const of: Learned = { ...training, fromMinute: from, toMinute: span.toMs / MINUTE_MS, days: span.days };
  for (const metric of METRICS) await session.run(metric.kind === 'count' ? rateModels(metric, of) : shareModels(metric, of));
  const [row] = await session.rows<{ n: number }>(
    `SELECT toUInt32(count()) AS n FROM series_models FINAL WHERE trained_at = toDateTime(${training.atMs / 1_000}, 'UTC')`,
  );
  return row?.n ?? 0;
}

interface Learned extends Training {
  fromMinute: number;
  toMinute: number;
  days: number;
}

const isLearnedFrom = ({ fromMinute, toMinute, excluded }: Learned, column = 'minute'): string => {
  const within = (first: number, to: number) =>
    `${column} >= toDateTime(${first * 60}, 'UTC') AND ${column} < toDateTime(${to * 60}, 'UTC')`;
  const out = mergedRanges(excluded)
    .filter(([first, last]) => last >= fromMinute && first < toMinute)
    .map(([first, last]) => `NOT (${within(first, last + 1)})`);
  return [within(fromMinute, toMinute), ...out].join(' AND ');
};

const INSERT = `INSERT INTO series_models
  (metric, dimension, value, trained_at, learned_from, days, trials, hits, dispersion, correlation, threshold_ms, shares, rates, seen)`;

const head = ({ name }: Metric, { atMs, fromMinute, days }: Learned): string =>
  `'${name}' AS metric, dimension, value, toDateTime(${atMs / 1_000}, 'UTC') AS trained_at,
      toDateTime(${fromMinute * 60}, 'UTC') AS learned_from, ${days} AS days`;

/** Which series of a metric have enough trials, and the most? */
const watched = ({ name }: Metric, of: Learned): string => `
      SELECT dimension, value, toUInt64(sum(trials)) AS all_trials, toUInt64(sum(hits)) AS all_hits
      FROM series_minutes FINAL WHERE metric = '${name}' AND ${isLearnedFrom(of)}
      GROUP BY dimension, value HAVING all_trials >= ${MIN_TRIALS}
      ORDER BY all_trials DESC, dimension, value LIMIT ${MAX_SERIES_PER_METRIC}`;

/** A share that never was is not held to be impossible, nor one that always was to be certain. */
const LEAST_SHARE = 0.002;
/** Trials of the whole day's share that stand beside those of an hour. */
const HOUR_PRIOR = 300;

/**
 * Shares by hour of the local day, and the correlation: how much further than chance the hits of a minute scatter, by moments, where one minute counts
 * thirty times its variance at most.
 */
const shareModels = (metric: Metric, of: Learned): string => `
  ${INSERT}
  WITH series AS (${watched(metric, of)}),
    by_minute AS (
      SELECT dimension, value, intDiv(modulo(${localMinuteSql('minute', of.timeZone)}, 1440), 60) AS hour, trials AS n, hits AS f
      FROM series_minutes FINAL WHERE metric = '${metric.name}' AND trials > 0 AND ${isLearnedFrom(of)}
    ),
    by_hour AS (
      SELECT dimension, value, hour, any(usual) AS day_share,
        least(greatest((sum(f) + ${HOUR_PRIOR} * any(usual)) / (sum(n) + ${HOUR_PRIOR}), ${LEAST_SHARE}), 1 - ${LEAST_SHARE}) AS share
      FROM by_minute
      INNER JOIN (SELECT dimension, value, least(greatest(all_hits / all_trials, ${LEAST_SHARE}), 1 - ${LEAST_SHARE}) AS usual FROM series)
        AS overall USING (dimension, value)
      GROUP BY dimension, value, hour
    ),
    scatter AS (
      SELECT dimension, value,
        sum(least(pow(f - n * share, 2) - n * share * (1 - share), 30 * n * share * (1 - share))) / sum(n * share * (1 - share) * (n - 1))
          AS correlation
      FROM by_minute INNER JOIN by_hour USING (dimension, value, hour) WHERE n >= 2 GROUP BY dimension, value
    ),
    shares_of AS (
      SELECT dimension, value, any(day_share) AS overall,
        arrayMap(x -> if(isNaN(x), overall, x), groupArrayInsertAt(nan, 24)(share, toUInt32(hour))) AS shares
      FROM by_hour GROUP BY dimension, value
    )
  SELECT ${head(metric, of)}, all_trials, all_hits, 0,
    least(greatest(if(isFinite(scatter.correlation), scatter.correlation, 0), 0.002), 0.3),
    ${metric.name === DURATION_METRIC ? 'durations.threshold_ms' : '0'}, shares_of.shares, [], []
  FROM series INNER JOIN shares_of USING (dimension, value) LEFT JOIN scatter USING (dimension, value)
  ${metric.name === DURATION_METRIC ? `LEFT JOIN (${durations(of)}) AS durations USING (dimension, value)` : ''}`;

/** What did 95 % of completions take at most, by value? */
function durations({ fromMinute, toMinute }: Learned): string {
  const span = { fromMs: fromMinute * MINUTE_MS, toMs: toMinute * MINUTE_MS };
  const splits = [`('', '')`, ...SERIES_DIMENSIONS.map((name) => `('${name}', toString(${name}))`)].join(', ');
  return `
    SELECT split.1 AS dimension, split.2 AS value, quantileTDigest(0.95)(duration_ms) AS threshold_ms
    FROM ${rowsOf('attempt', [span], { nowMs: span.toMs }).from.replace(' FINAL WHERE ', ` FINAL ARRAY JOIN [${splits}] AS split WHERE `)}
      AND traffic IN ('', 'user') AND result = 'completed' AND observed = 'full' AND duration_ms >= 0
    GROUP BY dimension, value`;
}

/** Rates are smoothed over so many slots on either side: as many as it takes to see {@link ENOUGH} trials. */
const SMOOTHINGS = [2, 4, 8, 16] as const;
const ENOUGH = 120;
/** A rate below this says nothing of how counts scatter. */
const LEAST_RATE = 0.3;

/**
 * Rates by slot of the local week: the median over the weeks of the rate, smoothed; of a slot of which no week is known, the mean of the same
 * time of other days. And the dispersion: how much further than chance the counts of a minute scatter, by moments, bounded per minute.
 * Each series is one row of arrays over the slots of five weeks, so nothing is joined.
 */
function rateModels(metric: Metric, of: Learned): string {
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
  return `
  ${INSERT}
  WITH
    (SELECT groupArrayInsertAt(toUInt8(0), ${minutes})(toUInt8(n), at) FROM (
       SELECT ${local('minute')} AS at, count() AS n
       FROM (SELECT toDateTime((${of.fromMinute} + number) * 60, 'UTC') AS minute FROM numbers(${of.toMinute - of.fromMinute}))
       WHERE ${isLearnedFrom(of)} GROUP BY at)) AS known,
    ${slotTotals('known')} AS known_totals,
    ${SMOOTHINGS.map((k) => `${smoothed('known_totals', k)} AS known_${k}`).join(', ')},
    series AS (${watched(metric, of)}),
    counted AS (
      SELECT dimension, value, groupArrayInsertAt(toUInt32(0), ${minutes})(toUInt32(n), at) AS counts FROM (
        SELECT dimension, value, ${local('minute')} AS at, sum(trials) AS n
        FROM series_minutes FINAL WHERE metric = '${metric.name}' AND trials > 0 AND ${isLearnedFrom(of)}
          AND (dimension, value) IN (SELECT dimension, value FROM series)
        GROUP BY dimension, value, at
      ) GROUP BY dimension, value
    ),
    smoothed AS (
      SELECT dimension, value, counts, ${slotTotals('counts')} AS totals,
        ${SMOOTHINGS.map((k) => `${smoothed('totals', k)} AS sum_${k}`).join(', ')},
        ${SMOOTHINGS.map(
          (k) => `arrayMap((${weeks.map((w) => `w${w}`).join(', ')}) -> ${weeks.map((w) => `w${w}`).join(' + ')},
          ${weeks.map((w) => week(`sum_${k}`, w)).join(', ')}) AS total_${k}`,
        ).join(',\n        ')}
      FROM counted
    ),
    by_week AS (
      SELECT dimension, value, counts,
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
      SELECT dimension, value, counts, seen,
        arrayMap((${weeks.map((w) => `r${w}`).join(', ')}) ->
          arrayReduce('quantileExactInclusive(0.5)', arrayFilter(x -> NOT isNaN(x), [${weeks.map((w) => `r${w}`).join(', ')}])),
          ${weeks.map((w) => `rate_${w}`).join(', ')}) AS of_week,
        arrayMap((${days.map((d) => `d${d}`).join(', ')}) -> arrayAvg(arrayFilter(x -> NOT isNaN(x), [${days.map((d) => `d${d}`).join(', ')}])),
          ${days.map((d) => `arraySlice(of_week, ${d * SLOTS_PER_DAY + 1}, ${SLOTS_PER_DAY})`).join(', ')}) AS of_day
      FROM by_week
    ),
    usual AS (
      SELECT dimension, value, counts, seen,
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
    0, 0, [], rates, seen
  FROM series INNER JOIN usual USING (dimension, value)
  SETTINGS max_block_size = 32, max_threads = 2`;
}
