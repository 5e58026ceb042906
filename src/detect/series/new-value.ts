import { scoreOf } from './detector.ts';
import { type Question, type Stretch, within } from './question.ts';
import { KEPT_MINUTES } from './recount.ts';

/** Values that do not come by themselves: others, such as a deployment or a tenant, are new every day, and a source has been given a key. */
const WATCHED = ['provider', 'factor_type', 'region'];
/** So many starts within an hour are no slip. */
const LEAST = 5;
const WITHIN_MINUTES = 60;
/** With less history nothing can be said to be new. */
const KNOWN_DAYS = 3;

interface Row {
  dimension: string;
  value: string;
  first: number;
  m: number;
  total: number;
}

/**
 * A provider, factor or region that was never seen before: a mistake in a configuration, or something that nobody told.
 * Example: the fifth start through a provider that nobody knows is flagged.
 */
export const newValue: Question = {
  name: 'new_value',
  metrics: ['starts'],
  every: 'minute',
  async flags({ session, fromMinute, toMinute, trainedAtMs }) {
    const starts = `metric = 'starts' AND trials > 0 AND dimension IN (${WATCHED.map((name) => `'${name}'`).join(', ')}) AND value != ''`;
    const begin = fromMinute - WITHIN_MINUTES;
    const seen = await session.rows<Row>(
      `SELECT dimension, value, first, m, total FROM (
         SELECT dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m, trials,
           toUInt32(sum(trials) OVER w) AS total, min(m) OVER w AS first
         FROM series_minutes FINAL WHERE ${starts} AND ${within(begin, toMinute)}
         WINDOW w AS (PARTITION BY dimension, value ORDER BY m)
       ) WHERE total >= ${LEAST} AND total - trials < ${LEAST} AND m - first < ${WITHIN_MINUTES} AND m >= ${fromMinute}`,
    );
    if (seen.length === 0) return [];
    // What has a model was there: hardly anything is left to be looked for in the past.
    const modelled = await session.rows<{ dimension: string; value: string }>(
      `SELECT dimension, value FROM series_models WHERE metric = 'starts' AND trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC')
         AND learned_from < toDateTime(${begin * 60}, 'UTC') AND trained_at <= toDateTime(${begin * 60}, 'UTC')`,
    );
    const learned = new Set(modelled.map(({ dimension, value }) => JSON.stringify([dimension, value])));
    const unknown = seen.filter(({ dimension, value }) => !learned.has(JSON.stringify([dimension, value])));
    if (unknown.length === 0) return [];
    const [history, known] = [await firstMinute(session), await seenBefore(session, starts, begin, unknown)];
    return unknown
      .filter(({ dimension, value, first }) => first - history >= KNOWN_DAYS * 1_440 && !known.has(JSON.stringify([dimension, value])))
      .map(({ dimension, value, first, m, total }) => ({
        minute: m,
        since: first,
        metric: 'starts',
        dimension,
        value,
        detector: newValue.name,
        score: scoreOf(total, LEAST),
        observed: total,
        expected: 0,
        expectedLow: 0,
        expectedHigh: 0,
      }));
  },
};

const firstMinute = async (session: Stretch['session']): Promise<number> =>
  (await session.rows<{ m: number }>('SELECT toUInt32(intDiv(toUnixTimestamp(min(minute)), 60)) AS m FROM series_minutes'))[0]?.m ?? 0;

/** Those of these values that were there before a minute. */
async function seenBefore(session: Stretch['session'], starts: string, begin: number, values: readonly Row[]): Promise<Set<string>> {
  const rows = await session.rows<{ dimension: string; value: string }>(
    `SELECT DISTINCT dimension, value FROM series_minutes FINAL WHERE ${starts} AND ${within(begin - KEPT_MINUTES, begin)}
       AND (dimension, value) IN arrayZip({dimensions: Array(String)}, {values: Array(String)})`,
    { dimensions: values.map(({ dimension }) => dimension), values: values.map(({ value }) => value) },
  );
  return new Set(rows.map(({ dimension, value }) => JSON.stringify([dimension, value])));
}
