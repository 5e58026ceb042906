import { bandOf, scoreOf } from './detector.ts';
import { localMinuteSql } from './local-week.ts';
import { METRICS } from './metrics.ts';
import { MAX_TRAINING_DAYS } from './model.ts';
import { type Question, within } from './question.ts';
import { HOUR_PRIOR } from './training.ts';

const DAY = 1_440;
/** The last days are held against those before them. */
const RECENT_DAYS = 7;
/** With fewer before them there is nothing to hold them against. */
const LEAST_DAYS = 7;
/** Of days, for 300 series (docs/detection.md); one day counts for so much at most, and for so much less. */
const THRESHOLD = 9.5;
const [MOST_OF_A_DAY, LESS] = [6, 1];
const SERIES_OF_THRESHOLD = 300;

interface Row {
  dimension: string;
  value: string;
  series: number;
  sum: number;
  days: number;
  hits: number;
  trials: number;
  expected: number;
  scatter: number;
}

/**
 * A share rises slowly, day by day: a cumulative sum of days. Each is held against the hours of the days before the last seven, and against how far
 * those scatter themselves.
 * Example: half a point more of attempts fails each day: flagged after four to seven days.
 */
export const drift: Question = {
  name: 'drift',
  metrics: METRICS.filter(({ kind, isKnownLater }) => kind === 'share' && !isKnownLater).map(({ name }) => name),
  every: 'day',
  async flags({ session, toMinute, trainedAtMs, timeZone }) {
    const from = toMinute - (MAX_TRAINING_DAYS + RECENT_DAYS) * DAY;
    const flags = [];
    for (const metric of drift.metrics) {
      const rows = await session.rows<Row>(`
        SELECT dimension, value, series, arrayMax(sums) AS sum, indexOf(sums, sum) AS days, recent[1].2 AS hits, recent[1].3 AS trials,
          recent[1].4 AS expected, scatter
        FROM (
          SELECT dimension, value, toUInt32(count() OVER ()) AS series, recent, scatter,
            arrayCumSum(arrayMap(x -> least(${MOST_OF_A_DAY}, (x.2 - x.4) / sqrt(greatest(1, x.4)) / scatter) - ${LESS}, recent)) AS sums
          FROM (
            SELECT dimension, value, arraySort(groupArrayIf((d, f, n, expected), d < ${RECENT_DAYS})) AS recent,
              greatest(1, 1.48 * quantileExactIf(0.5)(abs(f - expected) / sqrt(greatest(1, expected)), d >= ${RECENT_DAYS})) AS scatter
            FROM (
              SELECT dimension, value, d, toFloat64(sum(hits)) AS f, toFloat64(sum(trials)) AS n, sum(trials * share) AS expected FROM (
                SELECT dimension, value, d, hits, trials,
                  sumIf(hits, d >= ${RECENT_DAYS}) OVER all / greatest(1, sumIf(trials, d >= ${RECENT_DAYS}) OVER all) AS usual,
                  (sumIf(hits, d >= ${RECENT_DAYS}) OVER hourly + ${HOUR_PRIOR} * greatest(usual, 0.002))
                    / (sumIf(trials, d >= ${RECENT_DAYS}) OVER hourly + ${HOUR_PRIOR}) AS share
                FROM (
                  SELECT dimension, value, intDiv(${toMinute - 1} - intDiv(toUnixTimestamp(minute), 60), ${DAY}) AS d,
                    intDiv(modulo(${localMinuteSql('minute', timeZone)}, ${DAY}), 60) AS hour,
                    sum(series_minutes.hits) AS hits, sum(series_minutes.trials) AS trials
                  FROM series_minutes FINAL
                  WHERE metric = '${metric}' AND series_minutes.trials > 0 AND ${within(from, toMinute)}
                    AND (dimension, value) IN (SELECT dimension, value FROM series_models FINAL
                      WHERE metric = '${metric}' AND trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC'))
                    AND minute NOT IN (SELECT minute FROM series_left_out
                      WHERE trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC') AND dimension = '')
                    AND (dimension, value, minute) NOT IN (SELECT dimension, value, minute FROM series_left_out
                      WHERE trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC') AND dimension != '')
                  GROUP BY dimension, value, d, hour
                )
                WINDOW all AS (PARTITION BY dimension, value), hourly AS (PARTITION BY dimension, value, hour)
              ) GROUP BY dimension, value, d
            ) GROUP BY dimension, value HAVING countIf(d >= ${RECENT_DAYS}) >= ${LEAST_DAYS} AND notEmpty(recent) AND recent[1].1 = 0
          )
        ) WHERE sum >= ${THRESHOLD} + greatest(0, ln(series / ${SERIES_OF_THRESHOLD})) ORDER BY dimension, value`);
      for (const { dimension, value, sum, days, hits, trials, expected, scatter } of rows)
        flags.push({
          minute: toMinute - 1,
          since: toMinute - days * DAY,
          metric,
          dimension,
          value,
          detector: drift.name,
          score: scoreOf(sum, THRESHOLD),
          observed: hits / trials,
          expected: expected / trials,
          ...bandOf(expected / trials, (scatter * Math.sqrt(Math.max(1, expected))) / trials, 1),
        });
    }
    return flags;
  },
};
