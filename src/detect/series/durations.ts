/** How long completions take at most usually, by value: what lasts longer is slow, or in flight for too long. Minutes are counted by these limits. */
import type { Engine, Session } from '../../store/engine/engine.ts';
import { rowsOf, type TimeSpan } from '../../store/rows/rows-of.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { DEFAULT_LIMIT_MS, METRICS, SERIES_DIMENSIONS } from './metrics.ts';
import { MIN_TRIALS, type SeriesName } from './model.ts';

/** A limit stays until what is usual is so many times longer or shorter: all that was counted by it is counted anew with another. */
const MOVED = 2;
/** Of values with limits of their own those with the most completions. */
const MAX_LIMITS = 1_000;

/** The limit of a value, as SQL: its own, else that of the whole, else the default. @param own a column, 0 or null where there is none */
export const limitSql = (own: string): string =>
  `multiIf(${own} > 0, ${own}, (${LIMIT_OF_ALL} AS of_all) > 0, of_all, ${DEFAULT_LIMIT_MS})`;
const LIMIT_OF_ALL = `(SELECT max(limit_ms) FROM series_durations FINAL WHERE dimension = '')`;

/** The limits that values have of their own, as a subquery. */
export const LIMITS = '(SELECT dimension, value, limit_ms FROM series_durations FINAL)';

/**
 * Learns what 95 % of the completions of a time took at most: of the whole first, then of values that are far from it. Returns whether any limit
 * is another one than before.
 */
export async function learnDurations(engine: Engine, { fromMs, toMs }: TimeSpan): Promise<boolean> {
  const session = engine.session('detect');
  const learnedAt = `toDateTime(${Math.floor(toMs / 1_000)}, 'UTC')`;
  for (const part of ["dimension = ''", "dimension != ''"])
    await session.run(`
      INSERT INTO series_durations (dimension, value, limit_ms, learned_at)
      SELECT dimension, value, now_ms, ${learnedAt} FROM (
        SELECT dimension, value, now_ms, ${limitSql('known.limit_ms')} AS limit_now, known.limit_ms AS own
        FROM (${usualDurations({ fromMs, toMs })}) AS usual LEFT JOIN ${LIMITS} AS known USING (dimension, value)
      ) WHERE ${part} AND ((dimension = '' AND own = 0) OR now_ms > ${MOVED} * limit_now OR now_ms < limit_now / ${MOVED})`);
  const [row] = await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM series_durations WHERE learned_at = ${learnedAt}`);
  return (row?.n ?? 0) > 0;
}

const usualDurations = (span: TimeSpan): string => {
  const splits = [`('', '')`, ...SERIES_DIMENSIONS.map((name) => `('${name}', toString(${name}))`)].join(', ');
  return `
    SELECT split.1 AS dimension, split.2 AS value, greatest(1, quantileTDigest(0.95)(duration_ms)) AS now_ms
    FROM ${rowsOf('attempt', [span], { nowMs: span.toMs }).from.replace(' FINAL WHERE ', ` FINAL ARRAY JOIN [${splits}] AS split WHERE `)}
      AND traffic IN ('', 'user') AND result = 'completed' AND observed = 'full' AND duration_ms >= 0
    GROUP BY dimension, value HAVING count() >= ${MIN_TRIALS} ORDER BY count() DESC, dimension, value LIMIT ${MAX_LIMITS}`;
};

/**
 * In how many minutes it is known what a minute of a series counts. Whether a start was in flight for too long shows when that time has passed.
 */
export async function readDelays(session: Session): Promise<(series: SeriesName) => number> {
  const rows = await session.rows<{ dimension: string; value: string; limit_ms: number }>(`SELECT * FROM ${LIMITS}`);
  const key = (dimension: string, value: string) => JSON.stringify([dimension, value]);
  const minutes = new Map(rows.map(({ dimension, value, limit_ms }) => [key(dimension, value), Math.ceil(limit_ms / MINUTE_MS)]));
  const ofAll = minutes.get(key('', '')) ?? Math.ceil(DEFAULT_LIMIT_MS / MINUTE_MS);
  const later = new Set(METRICS.filter(({ isKnownLater }) => isKnownLater).map(({ name }) => name));
  return ({ metric, dimension, value }) => (later.has(metric) ? (minutes.get(key(dimension, value)) ?? ofAll) : 0);
}
