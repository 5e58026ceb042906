/** What is usual of a series: learned in ClickHouse from up to four weeks of its minutes, kept in `series_models`. */
import type { Engine, Session } from '../../store/engine/engine.ts';
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import type { Share } from './evidence.ts';
import type { Slot } from './local-week.ts';
import { DEFAULT_THRESHOLD_MS, DURATION_METRIC, METRICS } from './metrics.ts';

export interface SeriesName {
  metric: string;
  dimension: string;
  value: string;
}

export interface SeriesModel extends SeriesName {
  trainedAtMs: number;
  learnedFromMs: number;
  /** Of history that it was learned from. */
  days: number;
  /** Counts of a minute scatter by 1/`dispersion` beyond chance: the negative binomial's r. */
  dispersion: number;
  /** How alike two trials of one minute are: the beta-binomial's ρ. */
  correlation: number;
  /** Of durations: what 95 % of completions took at most, in milliseconds; 0 where none is known. */
  thresholdMs: number;
  /** Share of hits by hour of the local day; empty for counts. */
  shares: readonly number[];
  /** Trials per minute by slot of the local week; empty for shares. */
  rates: Float32Array;
  /** How many trials each rate is made of. */
  seen: Float32Array;
}

/** One spelling for a series. */
export const seriesKey = ({ metric, dimension, value }: SeriesName): string => JSON.stringify([metric, dimension, value]);

/**
 * In how many minutes it is known what a minute of a series counts. Whether a start was in flight for too long shows when that time has passed; what
 * takes longest of its value is known by the model of durations.
 */
export function delaysOf(models: readonly SeriesModel[]): (series: SeriesName) => number {
  const durations = models.filter(({ metric }) => metric === DURATION_METRIC);
  const minutes = new Map(durations.map((model) => [seriesKey(model), Math.ceil(model.thresholdMs / MINUTE_MS)]));
  return (series) => {
    if (!METRICS.some(({ name, isKnownLater }) => name === series.metric && isKnownLater)) return 0;
    return minutes.get(seriesKey({ ...series, metric: DURATION_METRIC })) ?? Math.ceil(DEFAULT_THRESHOLD_MS / MINUTE_MS);
  };
}

/** The share of hits that is usual in a slot; undefined of a series of counts. */
export function usualShare(model: SeriesModel, { hour }: Slot): Share | undefined {
  const mean = model.shares[hour];
  return mean === undefined ? undefined : { mean, correlation: model.correlation };
}

/** Trials per minute that are usual in a slot, and how far they scatter: less is known of a slot that has seen little. */
export function usualRate(model: SeriesModel, { index }: Slot): { rate: number; dispersion: number } | undefined {
  const rate = model.rates[index];
  if (rate === undefined || rate <= 0) return undefined;
  const seen = model.seen[index] as number;
  return { rate, dispersion: 1 / (1 / model.dispersion + 1 / (seen / 2 + 1)) };
}

interface StoredModel extends SeriesName {
  trained_at: number;
  learned_from: number;
  days: number;
  dispersion: number;
  correlation: number;
  threshold_ms: number;
  shares: number[];
  rates: number[];
  seen: number[];
}

/** So many models are read together. */
const READ_TOGETHER = 200;

/** The models that were learned last; those of a training before it are of series that are no longer watched. */
export async function readModels(session: Session): Promise<SeriesModel[]> {
  const models: SeriesModel[] = [];
  for (;;) {
    const rows = await session.rows<StoredModel>(
      `SELECT metric, dimension, value, toUnixTimestamp(trained_at) AS trained_at, toUnixTimestamp(learned_from) AS learned_from, days,
         dispersion, correlation, threshold_ms, shares, rates, seen
       FROM series_models FINAL WHERE trained_at = (SELECT max(trained_at) FROM series_models)
       ORDER BY metric, dimension, value LIMIT ${READ_TOGETHER} OFFSET ${models.length}`,
    );
    for (const { trained_at, learned_from, threshold_ms, rates, seen, ...row } of rows)
      models.push({
        ...row,
        trainedAtMs: trained_at * 1_000,
        learnedFromMs: learned_from * 1_000,
        thresholdMs: threshold_ms,
        rates: Float32Array.from(rates),
        seen: Float32Array.from(seen),
      });
    if (rows.length < READ_TOGETHER) return models;
  }
}

export const MAX_TRAINING_DAYS = 28;
/** Learning begins with the third day. */
export const MIN_TRAINING_DAYS = 2;

/** The time that models are learned from; undefined as long as there is not enough of it. @param atMs its end, a full minute */
export async function trainingSpan(engine: Engine, atMs: number): Promise<{ fromMs: number; toMs: number; days: number } | undefined> {
  const earliestMs = atMs - MAX_TRAINING_DAYS * DAY_MS;
  const [row] = await engine.session('detect').rows<{ first: number; n: number }>(
    `SELECT toUnixTimestamp(min(minute)) AS first, toUInt32(count() > 0) AS n FROM series_minutes
     WHERE minute >= toDateTime(${earliestMs / 1_000}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC')`,
  );
  if (!row || row.n === 0) return undefined;
  const fromMs = Math.floor((row.first * 1_000) / MINUTE_MS) * MINUTE_MS;
  const days = (atMs - fromMs) / DAY_MS;
  return days < MIN_TRAINING_DAYS ? undefined : { fromMs, toMs: atMs, days };
}
