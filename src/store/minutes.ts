/** `minutes`: good and total of each SLI by the minute of settlement, recomputed whole for the minutes that changed. */
import type { Dimension } from '../names.ts';
import type { Engine, Session } from './engine.ts';

/** What of an SLI the store needs: which rows count, and which of those are good, as predicates in SQL. */
export interface MinuteSli {
  /** The SLI's id, such as `M1`. */
  readonly id: string;
  /** `attempt`: settled attempts, columns of `attempt_states`. `request`: `api.request` events, columns of `events`. */
  readonly unit: 'attempt' | 'request';
  readonly total: string;
  readonly good: string;
  readonly dimensions: readonly Dimension[];
}

/** Settled attempts of users, as predicates over `attempt_states`. A waiting attempt counts once its deadline has passed. */
export const isSettledUserAttempt = (nowMs: number): string =>
  `dead = 0 AND traffic = '' AND settled_at > 0 AND (by_clock = 0 OR settled_at <= ${nowMs})`;

/** Requests of users, as a predicate over `events`. */
export const IS_USER_REQUEST = `type = 'api.request' AND traffic IN ('', 'user')`;

/**
 * Replaces the rows of the given minutes (since 1970) by what the attempts and events say at `nowMs`.
 * Rows that no longer hold anything become 0 of 0. Repeating it changes nothing.
 */
export async function recomputeMinutes(
  deps: { engine: Engine; session: Session; slis: readonly MinuteSli[]; windowMs: number },
  minutes: Iterable<number>,
  options: { roll: number; nowMs: number },
): Promise<void> {
  const dirty = [...new Set(minutes)].sort((a, b) => a - b);
  if (dirty.length === 0 || deps.slis.length === 0) return;
  const reach = Math.ceil(deps.windowMs / 60_000);
  const homes = new Set<number>();
  for (const minute of dirty) for (let back = 0; back <= reach; back++) homes.add(minute - back);

  await deps.engine.withFile('dirty', dirty.join('\n'), 'TSV', 'minute UInt32', (dirtyFile) =>
    deps.engine.withFile('homes', [...homes].join('\n'), 'TSV', 'home UInt32', async (homesFile) => {
      const isDirty = (expression: string) => `${expression} IN (SELECT minute FROM ${dirtyFile})`;
      const isAtHome = `home IN (SELECT home FROM ${homesFile})`;
      const settledMinute = 'intDiv(settled_at, 60000)';
      const sources = {
        attempt: `SELECT ${settledMinute} AS at, * FROM attempt_states FINAL
          WHERE ${isAtHome} AND ${isDirty(settledMinute)} AND ${isSettledUserAttempt(options.nowMs)}
            AND (home, k) IN (SELECT home, k FROM attempt_states WHERE ${isAtHome} AND ${isDirty(settledMinute)})`,
        request: `SELECT intDiv(toUnixTimestamp(time), 60) AS at, * FROM events FINAL
          WHERE toStartOfTenMinutes(time) IN (SELECT toStartOfTenMinutes(toDateTime(minute * 60, 'UTC')) FROM ${dirtyFile})
            AND ${isDirty('intDiv(toUnixTimestamp(time), 60)')} AND ${IS_USER_REQUEST}`,
      };
      const counted = (['attempt', 'request'] as const).flatMap((unit) => {
        const slis = deps.slis.filter((sli) => sli.unit === unit);
        return slis.length === 0 ? [] : [countUnit(sources[unit], slis)];
      });
      const names = deps.slis.map(({ id }) => `'${id}'`).join(', ');
      await deps.session.run(`
        INSERT INTO minutes (sli, dimension, minute, value, good, total, roll)
        SELECT sli, dimension, at * 60, value, sum(good), sum(total), ${options.roll} FROM (
          ${counted.join(' UNION ALL ')}
          UNION ALL
          SELECT sli, dimension, intDiv(toUnixTimestamp(minute), 60) AS at, value, 0 AS good, 0 AS total FROM minutes AS known FINAL
          WHERE sli IN (${names}) AND minute IN (SELECT toDateTime(minute * 60, 'UTC') FROM ${dirtyFile}) AND known.total > 0
        ) GROUP BY sli, dimension, at, value
        SETTINGS max_threads = 1, max_insert_threads = 1, max_partitions_per_insert_block = 0`);
    }),
  );
}

/** Combinations of labels are counted first and expanded into dimensions after: far fewer rows to expand. */
function countUnit(source: string, slis: readonly MinuteSli[]): string {
  const dimensions = [...new Set(slis.flatMap((sli) => sli.dimensions))];
  const counts = slis.flatMap((sli, i) => [
    `toUInt64(countIf((${sli.total}) AND (${sli.good}))) AS good_${i}`,
    `toUInt64(countIf(${sli.total})) AS total_${i}`,
  ]);
  const labels = dimensions.map((name) => `toString(ifNull(toString(${name}), '')) AS label_${name}`);
  const splits = slis.map((sli, i) => {
    const pairs = [`('', '')`, ...sli.dimensions.map((name) => `('${name}', label_${name})`)];
    return `('${sli.id}', [${pairs.join(', ')}], good_${i}, total_${i})`;
  });
  return `
    SELECT sli, split.1 AS dimension, at, split.2 AS value, sum(counted_good) AS good, sum(counted_total) AS total FROM (
      SELECT at, arrayJoin([${splits.join(', ')}]) AS counted, counted.1 AS sli, arrayJoin(counted.2) AS split,
        counted.3 AS counted_good, counted.4 AS counted_total
      FROM (SELECT at, ${[...labels, ...counts].join(', ')} FROM (${source}) GROUP BY at, ${dimensions.map((name) => `label_${name}`).join(', ') || 'at'})
    ) WHERE counted_total > 0 GROUP BY sli, dimension, at, value`;
}
