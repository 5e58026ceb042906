/** What the detectors say of times that are past, with the models of today: shares by SQL, of which only runs that may be flagged leave ClickHouse. */
import type { Session } from '../../store/engine/engine.ts';
import { MOST_OF_A_MINUTE, thresholdFor } from './detector.ts';
import { readDelays } from './durations.ts';
import { DETECTORS } from './index.ts';
import { localMinuteSql } from './local-week.ts';
import { METRICS } from './metrics.ts';
import { readSilences, type SeriesModel, type SeriesName, seriesKey } from './model.ts';
import { MILD, type ShareDetector } from './share-detector.ts';
import { type Circumstances, type Flag, flagOf } from './watched-series.ts';

export interface Past {
  session: Session;
  models: readonly SeriesModel[];
  /** Minutes since 1970, the last not included. */
  fromMinute: number;
  toMinute: number;
  timeZone: string;
  circumstances: Circumstances;
}

/** Flags of all series in a time, series by series. */
export async function* judgePast(past: Past): AsyncGenerator<Flag[]> {
  // The same for all series, of which there are thousands.
  const delayOf = await readDelays(past.session);
  const silentFor = await readSilences(past.session, past.fromMinute);
  const circumstances = Array.from({ length: past.toMinute - past.fromMinute }, (_, i) => past.circumstances(past.fromMinute + i));
  for (const detector of DETECTORS)
    for (const metric of METRICS.filter(({ name }) => detector.metrics.includes(name))) {
      const models = new Map(past.models.filter((model) => model.metric === metric.name).map((model) => [seriesKey(model), model]));
      const threshold = thresholdFor(detector, models.size);
      const runs = detector.kind === 'share' ? shareRuns(past, detector, metric.name, threshold) : wholeSeries(past, metric.name, models);
      for await (const { series, first, trials, hits } of runs) {
        const model = models.get(seriesKey(series));
        if (!model) continue;
        const memory = detector.begin(silentFor(model));
        const flags: Flag[] = [];
        const known = Math.min(first + trials.length, past.toMinute - delayOf(model));
        for (let minute = first; minute < known; minute++) {
          const counted = { trials: trials[minute - first] as number, hits: hits?.[minute - first] ?? 0 };
          const found = detector.step(
            memory,
            { ...(circumstances[minute - past.fromMinute] as Circumstance), ...counted },
            model,
            threshold,
          );
          if (found) flags.push(flagOf(model, minute, found, threshold));
        }
        if (flags.length > 0) yield flags;
      }
    }
}

type Circumstance = ReturnType<Circumstances>;

/** Minutes of a series one after another, those without trials too. */
interface Run {
  series: SeriesName;
  /** Minute since 1970. */
  first: number;
  trials: Uint32Array;
  /** @default none */
  hits?: Uint32Array;
}

/** So many minutes of series are read together: each reading goes through all rows of the metric. */
const MINUTES_TOGETHER = 16_000_000;
/** They are named in the statement, which a server takes up to some size. */
const MOST_SERIES_TOGETHER = 500;

/** Every minute of each series: a loss is seen in the minutes in which nothing is. */
async function* wholeSeries(past: Past, metric: string, models: ReadonlyMap<string, SeriesModel>): AsyncGenerator<Run> {
  const all = [...models.values()];
  const length = past.toMinute - past.fromMinute;
  const together = Math.min(MOST_SERIES_TOGETHER, Math.ceil(MINUTES_TOGETHER / length));
  for (let i = 0; i < all.length; i += together) {
    const some = all.slice(i, i + together);
    const rows = await past.session.rows<{ dimension: string; value: string; counts: number[] }>(
      `SELECT dimension, value, groupArrayInsertAt(toUInt32(0), ${length})(trials,
         toUInt32(intDiv(toUnixTimestamp(minute), 60) - ${past.fromMinute})) AS counts
       FROM series_minutes FINAL
       WHERE metric = '${metric}' AND ${within(past)}
         AND (dimension, value) IN arrayZip({dimensions: Array(String)}, {values: Array(String)})
       GROUP BY dimension, value`,
      { dimensions: some.map(({ dimension }) => dimension), values: some.map(({ value }) => value) },
    );
    const counted = new Map(rows.map((row) => [seriesKey({ metric, ...row }), row.counts]));
    for (const model of some) {
      // Where nothing was, there were none.
      const trials = Uint32Array.from(counted.get(seriesKey(model)) ?? new Uint32Array(length));
      yield { series: model, first: past.fromMinute, trials };
    }
  }
}

/** Minutes that are not muted, of runs between two minutes without evidence whose uncapped sum reaches the threshold. */
async function* shareRuns(past: Past, detector: ShareDetector, metric: string, threshold: number): AsyncGenerator<Run> {
  const rows = await past.session.rows<{ dimension: string; value: string; run: number; minutes: [number, number, number][] }>(
    `SELECT dimension, value, run, groupArray((m, n, f)) AS minutes FROM (
       SELECT dimension, value, run, m, n, f, max(greatest(s1, s2)) OVER (PARTITION BY dimension, value, run) AS highest
       FROM (${sumsSql(past, detector, metric)}) WHERE s1 > 0 OR s2 > 0 ORDER BY dimension, value, m
     ) WHERE highest >= ${threshold} GROUP BY dimension, value, run ORDER BY dimension, value, run`,
  );
  for (const { minutes, dimension, value } of rows) {
    const [first = 0] = minutes[0] ?? [];
    const [last = 0] = minutes.at(-1) ?? [];
    const run = { first, trials: new Uint32Array(last - first + 1), hits: new Uint32Array(last - first + 1) };
    for (const [minute, trials, hits] of minutes) {
      run.trials[minute - first] = trials;
      run.hits[minute - first] = hits;
    }
    yield { series: { metric, dimension, value }, ...run };
  }
}

const within = ({ fromMinute, toMinute }: Pick<Past, 'fromMinute' | 'toMinute'>): string =>
  `minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')`;

/**
 * The sums of evidence of every series at every minute with trials, as one query: columns `dimension`, `value`, `m` (minute since 1970), `n`, `f`,
 * `s1`, `s2` (uncapped above), and `run`, which counts the minutes without evidence before. The same arithmetic as the detector's.
 */
export function sumsSql(
  past: Pick<Past, 'models' | 'fromMinute' | 'toMinute' | 'timeZone'>,
  detector: ShareDetector,
  metric: string,
): string {
  const lnBetaBinomial = (mean: string, correlation: string) => {
    const strength = `((1 - ${correlation}) / ${correlation})`;
    const [a, b] = [`(${mean} * ${strength})`, `((1 - ${mean}) * ${strength})`];
    return `(lgamma(${a} + f) + lgamma(${b} + n - f) - lgamma(${strength} + n) + lgamma(${strength}) - lgamma(${a}) - lgamma(${b}))`;
  };
  const { share, correlation } = detector.total;
  const trainedAt = (past.models[0]?.trainedAtMs ?? 0) / 1_000;
  const series = 'PARTITION BY dimension, value ORDER BY m ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW';
  const evidence = `
      SELECT dimension, value, m, n, f, ${lnBetaBinomial('p', 'rho')} AS as_usual,
        least(${MILD.most}, greatest(p + ${MILD.more}, ${MILD.times} * p)) AS some,
        if(some <= p, 0, ${lnBetaBinomial('some', `greatest(rho, ${MILD.correlation})`)} - as_usual) AS d1,
        multiIf(some <= p, 0, ${share} > some, ${lnBetaBinomial(String(share), String(correlation))} - as_usual, d1) AS d2
      FROM (
        SELECT dimension, value, toUInt32(intDiv(toUnixTimestamp(minute), 60)) AS m, trials AS n, hits AS f, correlation AS rho,
          shares[intDiv(modulo(${localMinuteSql('minute', past.timeZone)}, 1440), 60) + 1] AS p
        FROM series_minutes FINAL
        INNER JOIN (SELECT dimension, value, correlation, shares FROM series_models FINAL
          WHERE metric = '${metric}' AND trained_at = toDateTime(${trainedAt}, 'UTC')) AS models USING (dimension, value)
        WHERE metric = '${metric}' AND trials > 0 AND ${within(past)}
      )`;
  return `
    SELECT dimension, value, m, n, f, s1, s2, countIf(s1 <= 0 AND s2 <= 0) OVER (${series}) AS run FROM (
      SELECT dimension, value, m, n, f, c1 - least(0, min(c1) OVER (${series})) AS s1, c2 - least(0, min(c2) OVER (${series})) AS s2 FROM (
        SELECT dimension, value, m, n, f, sum(least(${MOST_OF_A_MINUTE}, d1)) OVER (${series}) AS c1,
          sum(least(${MOST_OF_A_MINUTE}, d2)) OVER (${series}) AS c2
        FROM (${evidence})
      )
    )`;
}
