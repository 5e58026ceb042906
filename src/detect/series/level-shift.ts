import { bandOf, scoreOf } from './detector.ts';
import { localMinuteSql } from './local-week.ts';
import { METRICS } from './metrics.ts';
import { seriesKey } from './model.ts';
import { type Question, within } from './question.ts';

/** A deploy is judged by so many minutes after it, beside as many before it. */
const WATCHED_MINUTES = 120;
/** What goes on is so in the last minutes too. */
const RECENT_MINUTES = 20;
/** What was not flagged for so long is over. */
const OVER_MINUTES = 30;
/** Standard deviations, by which much less than what the other detectors see is told from chance. */
const THRESHOLD = 6;
const RECENT_THRESHOLD = 3;
const LEAST = { hits: 20, lately: 5, times: 1.5 };
/** A day. */
const MAX_DEPLOYS = 20;

interface Row {
  metric: string;
  dimension: string;
  value: string;
  m: number;
  deploy: number;
  hits: number;
  trials: number;
  expected: number;
  variance: number;
}

/**
 * A share has risen with a deploy, by less than would be told from chance minute by minute: all trials since the deploy are one sample, held against
 * what is usual at this hour and what was so before the deploy.
 * Example: 3 % of attempts fail usually; since a deploy 6 % of two thousand did: flagged.
 */
export const levelShift: Question = {
  name: 'level_shift',
  metrics: METRICS.filter(({ kind, isKnownLater }) => kind === 'share' && !isKnownLater).map(({ name }) => name),
  every: 'minute',
  async flags({ session, fromMinute, toMinute, trainedAtMs, timeZone }) {
    const limit = Math.ceil((toMinute - fromMinute) / 1_440) * MAX_DEPLOYS;
    const deploys = await session.rows<{ m: number }>(
      `SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp(e.time), 60)) AS m FROM events AS e
       WHERE type = 'deploy.completed' AND e.time >= toDateTime(${(fromMinute - WATCHED_MINUTES) * 60}, 'UTC')
         AND e.time < toDateTime(${toMinute * 60}, 'UTC') ORDER BY m DESC LIMIT ${limit}`,
    );
    if (deploys.length === 0) return [];
    const list = deploys.map(({ m }) => m);
    const first = Math.min(...list) - WATCHED_MINUTES;
    const series = 'PARTITION BY metric, dimension, value, deploy ORDER BY m';
    const rows = await session.rows<Row>(
      `SELECT metric, dimension, value, m, deploy, hits, trials, expected, variance FROM (
         SELECT metric, dimension, value, m, deploy,
           sumIf(f, m >= deploy) OVER since AS hits, sumIf(n, m >= deploy) OVER since AS trials,
           sumIf(f, m < deploy) OVER since / greatest(1, sumIf(n * p, m < deploy) OVER since) AS times_before,
           greatest(1, times_before) * sumIf(n * p, m >= deploy) OVER since AS expected,
           sumIf(n * p * (1 - p) * (1 + (n - 1) * correlation), m >= deploy) OVER since AS variance,
           greatest(1, times_before) * sum(n * p) OVER lately AS expected_lately, sum(f) OVER lately AS hits_lately,
           hits_lately >= greatest(${LEAST.lately}, ${LEAST.times} * expected_lately) AND hits_lately - expected_lately
             >= ${RECENT_THRESHOLD} * sqrt(sum(n * p * (1 - p) * (1 + (n - 1) * correlation)) OVER lately) AS goes_on
         FROM (
           SELECT metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m, trials AS n, hits AS f, correlation,
             shares[intDiv(modulo(${localMinuteSql('minute', timeZone)}, 1440), 60) + 1] AS p
           FROM series_minutes FINAL
           INNER JOIN (SELECT metric, dimension, value, correlation, shares FROM series_models FINAL
             WHERE trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC')) AS models USING (metric, dimension, value)
           WHERE metric IN (${levelShift.metrics.map((name) => `'${name}'`).join(', ')}) AND trials > 0 AND ${within(first, toMinute)}
         ) ARRAY JOIN [${list.join(', ')}] AS deploy
         WHERE m >= toInt64(deploy) - ${WATCHED_MINUTES} AND m < deploy + ${WATCHED_MINUTES}
         WINDOW since AS (${series} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW),
           lately AS (${series} RANGE BETWEEN ${RECENT_MINUTES - 1} PRECEDING AND CURRENT ROW)
       ) WHERE goes_on AND m >= deploy AND hits >= ${LEAST.hits} AND hits >= ${LEAST.times} * expected
         AND hits - expected >= ${THRESHOLD} * sqrt(variance)
       ORDER BY metric, dimension, value, deploy DESC, m`,
    );
    const judged = onceEach(firstRuns(rows)).filter(({ m }) => m >= fromMinute);
    return judged.map(({ metric, dimension, value, m, deploy, hits, trials, expected, variance }) => ({
      minute: m,
      since: deploy,
      metric,
      dimension,
      value,
      detector: levelShift.name,
      score: scoreOf((hits - expected) / Math.sqrt(variance), THRESHOLD),
      observed: hits / trials,
      expected: expected / trials,
      ...bandOf(expected / trials, Math.sqrt(variance) / trials, 1),
    }));
  },
};

/** What was over is not flagged again for the same deploy: what is left of its sum says nothing of later minutes. */
function firstRuns(rows: readonly Row[]): Row[] {
  let before: Row | undefined;
  let isOver = false;
  return rows.filter((row) => {
    const isSame = before && seriesKey(before) === seriesKey(row) && before.deploy === row.deploy;
    isOver = isSame ? isOver || row.m - (before?.m ?? 0) > OVER_MINUTES : false;
    before = row;
    return !isOver;
  });
}

/** Of several deploys the last says it. */
const onceEach = (rows: readonly Row[]): Row[] => {
  const byMinute = new Map<string, Row>();
  for (const row of rows) {
    const key = `${seriesKey(row)} ${row.m}`;
    if (!byMinute.has(key)) byMinute.set(key, row);
  }
  return [...byMinute.values()];
};
