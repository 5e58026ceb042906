/** What is usual of a series: learned in ClickHouse from up to four weeks of its minutes, kept in `series_models`. */
import type { Engine, Parameters, Session } from '../../store/engine/engine.ts';
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import type { Share } from './evidence.ts';
import type { Slot } from './local-week.ts';
import { METRICS } from './metrics.ts';

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
  /** Share of hits by hour of the local day; empty for counts. */
  shares: readonly number[];
  /** Trials per minute by slot of the local week; empty for shares. */
  rates: Float32Array;
  /** How many trials each rate is made of. */
  seen: Float32Array;
}

/** One spelling for a series. */
export const seriesKey = ({ metric, dimension, value }: SeriesName): string => JSON.stringify([metric, dimension, value]);

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
  shares: number[];
  rates: number[];
  seen: number[];
}

/** What has not been seen for so long is not missed any more; long enough for a week-end with a holiday. */
export const GONE_MINUTES = 4 * 1_440;

/** For how many minutes before one (since 1970) nothing had come of a series of counts; 0 where something had just come, or never did. */
export async function readSilences(session: Session, fromMinute: number): Promise<(series: SeriesName) => number> {
  const rows = await session.rows<SeriesName & { last: number }>(
    `SELECT metric, dimension, value, toUInt32(intDiv(toUnixTimestamp(max(minute)), 60)) AS last FROM series_minutes FINAL
     WHERE metric IN (${COUNTS.map((name) => `'${name}'`).join(', ')}) AND trials > 0
       AND minute >= toDateTime(${(fromMinute - GONE_MINUTES) * 60}, 'UTC') AND minute < toDateTime(${fromMinute * 60}, 'UTC')
     GROUP BY metric, dimension, value`,
  );
  const last = new Map(rows.map((row) => [seriesKey(row), row.last]));
  return (series) => {
    const minute = last.get(seriesKey(series));
    return minute === undefined ? 0 : fromMinute - minute - 1;
  };
}

const COUNTS = METRICS.filter(({ kind }) => kind === 'count').map(({ name }) => name);

/** So many models are read together. */
const READ_TOGETHER = 200;

/** A time at which all models were learned. */
export interface Trained {
  /** End of what was learned from, in milliseconds since 1970. */
  trainedAtMs: number;
  timeZone: string;
}

/** When models were learned last, up to a moment: those of a clock that was ahead do not count. Undefined where none were. */
export async function lastTraining(session: Session, atMs: number): Promise<Trained | undefined> {
  const [row] = await session.rows<{ at: number; time_zone: string }>(
    `SELECT toUnixTimestamp(trained_at) AS at, time_zone FROM series_trainings FINAL
     WHERE trained_at <= toDateTime(${Math.floor(atMs / 1_000)}, 'UTC') ORDER BY trained_at DESC LIMIT 1`,
  );
  return row && { trainedAtMs: row.at * 1_000, timeZone: row.time_zone };
}

/** The models that were learned last, up to a moment; those of a training before it are of series that are no longer watched. */
export async function readModels(session: Session, atMs: number): Promise<SeriesModel[]> {
  const last = await lastTraining(session, atMs);
  const models: SeriesModel[] = [];
  if (!last) return models;
  for (;;) {
    const rows = await select(session, last, `ORDER BY metric, dimension, value LIMIT ${READ_TOGETHER} OFFSET ${models.length}`);
    models.push(...rows);
    if (rows.length < READ_TOGETHER) return models;
  }
}

/** The model of one series, as it was learned last; undefined where none was. */
export async function readModel(
  session: Session,
  { metric, dimension, value }: SeriesName,
  atMs: number,
): Promise<SeriesModel | undefined> {
  const last = await lastTraining(session, atMs);
  const where = 'AND metric = {metric: String} AND dimension = {dimension: String} AND value = {value: String}';
  return last && (await select(session, last, where, { metric, dimension, value }))[0];
}

async function select(session: Session, { trainedAtMs }: Trained, rest: string, parameters?: Parameters): Promise<SeriesModel[]> {
  const rows = await session.rows<StoredModel>(
    `SELECT metric, dimension, value, toUnixTimestamp(trained_at) AS trained_at, toUnixTimestamp(learned_from) AS learned_from, days,
       dispersion, correlation, shares, rates, seen
     FROM series_models FINAL WHERE trained_at = toDateTime(${trainedAtMs / 1_000}, 'UTC') ${rest}`,
    parameters,
  );
  return rows.map(({ trained_at, learned_from, rates, seen, ...row }) => ({
    ...row,
    trainedAtMs: trained_at * 1_000,
    learnedFromMs: learned_from * 1_000,
    rates: Float32Array.from(rates),
    seen: Float32Array.from(seen),
  }));
}

/** With fewer trials in the whole time there is no habit to speak of. */
export const MIN_TRIALS = 200;

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
