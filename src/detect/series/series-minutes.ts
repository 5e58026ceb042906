/** `series_minutes`: what the metrics count, by minute and value. Minutes are counted anew whole, so repeating it changes nothing. */
import type { Session } from '../../store/engine/engine.ts';
import { eventsIn, MAX_COMPLETION_WINDOW_MS, rowsOf, type TimeSpan } from '../../store/rows/rows-of.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { LIMITS, limitSql } from './durations.ts';
import { METRICS, type Metric, SERIES_DIMENSIONS } from './metrics.ts';

/** Hits of one device count once within this, so minutes are counted by so many together. */
export const BUCKET_MINUTES = 10;

/**
 * Counts the minutes [from, to) anew; rows that stay as they are are not written.
 * @param fromMinute since 1970, at the beginning of a bucket
 * @param version greater than all before
 * @param only metrics. @default all
 */
export const recountMinutes = (
  session: Session,
  fromMinute: number,
  toMinute: number,
  version: number,
  only: readonly string[] = METRICS.map(({ name }) => name),
): Promise<void> => {
  const metrics = METRICS.filter(({ name }) => only.includes(name));
  const span = { fromMs: fromMinute * MINUTE_MS, toMs: toMinute * MINUTE_MS };
  const range = `minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')`;
  return session.run(`
    INSERT INTO series_minutes (metric, dimension, value, minute, trials, hits, version)
    SELECT metric, dimension, value, toDateTime(at * 60, 'UTC') AS minute, sum(trials), sum(hits), ${version} FROM (
      ${[...attemptCounts(metrics, span), ...sliCounts(metrics, range)].join('\n      UNION ALL ')}
      UNION ALL
      SELECT metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS at, toUInt64(0) AS trials, toUInt64(0) AS hits,
        toUInt64(series_minutes.trials) AS known_trials, toUInt64(series_minutes.hits) AS known_hits
      FROM series_minutes FINAL WHERE ${range} AND metric IN (${metrics.map(({ name }) => `'${name}'`).join(', ')})
    )
    GROUP BY metric, dimension, value, at
    HAVING sum(trials) != sum(known_trials) OR sum(hits) != sum(known_hits)
    SETTINGS max_threads = 1, max_insert_threads = 1, max_partitions_per_insert_block = 0`);
};

const NOTHING_KNOWN = 'toUInt64(0) AS known_trials, toUInt64(0) AS known_hits';

/** How many trials and hits have the SLIs that are watched as they are? */
const sliCounts = (metrics: readonly Metric[], range: string): string[] =>
  metrics.flatMap(({ name, rows }) =>
    rows.of === 'sli'
      ? [
          `SELECT '${name}' AS metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS at,
        total AS trials, toUInt64(total - good) AS hits, ${NOTHING_KNOWN}
      FROM minutes FINAL WHERE sli = '${rows.sli}' AND total > 0 AND ${range}`,
        ]
      : [],
  );

/** How many trials and hits have attempts, by value? */
function attemptCounts(metrics: readonly Metric[], span: TimeSpan): string[] {
  const splits = [`('', '')`, ...SERIES_DIMENSIONS.map((name) => `('${name}', toString(${name}))`)].join(', ');
  const rows = metrics.flatMap((metric) => (metric.rows.of === 'attempts' ? [attemptRows(metric, span)] : []));
  if (rows.length === 0) return [];
  return [
    `SELECT metric, dimension, value, at, count() AS trials, countIf(is_hit OR elapsed > limit_ms) AS hits, ${NOTHING_KNOWN} FROM (
        SELECT metric, at, is_hit, elapsed, split.1 AS dimension, split.2 AS value,
          ${limitSql('usual.limit_ms')} AS limit_ms
        FROM (${rows.join(' UNION ALL ')}) AS attempts
        ARRAY JOIN [${splits}] AS split
        LEFT JOIN ${LIMITS} AS usual
          ON split.1 = usual.dimension AND split.2 = usual.value
      ) GROUP BY metric, dimension, value, at`,
  ];
}

/** Which attempts are trials of a metric, in which minute, with what labels? */
function attemptRows({ name, rows }: Metric, span: TimeSpan): string {
  if (rows.of !== 'attempts') throw new Error(`${name} is not made of attempts`);
  // What waits for its deadline is there too: when it started is known, and until when it has lasted at least.
  const { from, moment } = rowsOf(rows.unit, [span], { nowMs: span.toMs });
  const [isHit, elapsed] = 'when' in rows.hit ? [rows.hit.when, '0'] : ['0', rows.hit.longerThanUsual];
  const trials = `
    SELECT '${name}' AS metric, toUInt32(intDiv(${moment}, ${MINUTE_MS})) AS at, toUInt8(${isHit}) AS is_hit, toInt64(${elapsed}) AS elapsed,
      ${SERIES_DIMENSIONS.join(', ')}${rows.isOncePerDevice ? ', attempt_id, user_ref, settled_at' : ''}
    FROM ${from} AND traffic IN ('', 'user') AND (${rows.fits})`;
  return rows.isOncePerDevice ? oncePerDevice(trials, span) : trials;
}

/** Which of these are not a second hit of one device within ten minutes? */
const oncePerDevice = (trials: string, span: TimeSpan): string => `
    SELECT metric, at, is_hit, elapsed, ${SERIES_DIMENSIONS.join(', ')} FROM (
      SELECT *, row_number() OVER (PARTITION BY who, intDiv(at, ${BUCKET_MINUTES}), is_hit ORDER BY settled_at, source, attempt_id) AS nth
      FROM (
        SELECT trials.*, multiIf(device != '', concat('device ', device), user_ref != '', concat('person ', user_ref), '') AS who
        FROM (${trials}) AS trials
        LEFT JOIN (
          SELECT source, attempt_id, min(device_ref) AS device FROM events
          WHERE ${eventsIn([{ fromMs: span.fromMs - MAX_COMPLETION_WINDOW_MS, toMs: span.toMs }])} AND device_ref != '' AND attempt_id != ''
          GROUP BY source, attempt_id
        ) AS devices USING (source, attempt_id)
      )
    ) WHERE NOT is_hit OR who = '' OR nth = 1`;
