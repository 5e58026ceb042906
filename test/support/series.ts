/** Puts made-up series where detectors read them. */
import { type Engine, escapedValue } from '../../src/store/engine/engine.ts';
import type { Counts } from '../bench/detection/operations.ts';

export interface NamedSeries {
  dimension: string;
  value: string;
  counts: Counts;
}

const COUNTED = {
  starts: (counts: Counts) => [counts.attempts, new Uint16Array(counts.attempts.length)] as const,
  failures: (counts: Counts) => [counts.attempts, counts.failures] as const,
  latency: (counts: Counts) => [counts.successes, counts.slow] as const,
  // Those that failed had waited for long.
  in_flight: (counts: Counts) => [counts.attempts, counts.failures] as const,
};

/** Minutes [from, to) of the series, of which the first stands for `startMs`. */
export async function insertSeries(
  engine: Engine,
  all: readonly NamedSeries[],
  startMs: number,
  [from, to]: readonly [number, number],
  metrics = Object.keys(COUNTED) as (keyof typeof COUNTED)[],
): Promise<void> {
  const lines = all.flatMap(({ dimension, value, counts }) =>
    metrics.map((metric) => {
      const [trials, hits] = COUNTED[metric](counts);
      return [
        metric,
        dimension,
        escapedValue(value),
        `[${trials.subarray(from, to).join(',')}]`,
        `[${hits.subarray(from, to).join(',')}]`,
      ].join('\t');
    }),
  );
  await engine.insert(
    'detect',
    {
      data: lines.join('\n'),
      format: 'TSV',
      structure: 'metric String, dimension String, value String, trials Array(UInt32), hits Array(UInt32)',
    },
    (rows) => `INSERT INTO series_minutes (metric, dimension, value, minute, trials, hits, version)
      SELECT metric, dimension, value, toDateTime(${startMs / 1_000} + (${from} + i) * 60, 'UTC'), n, f, 1 FROM ${rows}
      ARRAY JOIN range(length(trials)) AS i, trials AS n, hits AS f WHERE n > 0
      SETTINGS max_partitions_per_insert_block = 0`,
  );
}
