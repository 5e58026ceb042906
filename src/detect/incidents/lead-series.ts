/** The series that shows an incident best, minute by minute, beside what is usual of it. */
import type { Engine } from '../../store/engine/engine.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { bandOf } from '../series/detector.ts';
import { slotsOf } from '../series/local-week.ts';
import { METRICS } from '../series/metrics.ts';
import { readModel, type SeriesModel, type SeriesName, usualRate, usualShare } from '../series/model.ts';
import { type Incident, namingFlags } from './incident.ts';
import type { Signal } from './signal.ts';

/** Shown before its first sign and after its last. */
const AROUND_MS = HOUR_MS;
/** A longer one is shown from its beginning. */
const MAX_MINUTES = 720;

export interface LeadSeries extends SeriesName {
  title: string;
  /** `share` of trials, or `count` a minute. */
  kind: 'share' | 'count';
  points: {
    /** In milliseconds since 1970. */
    at: number;
    /** Null where nothing was. */
    observed: number | null;
    expected: number;
    low: number;
    high: number;
    isFlagged: boolean;
  }[];
}

/** The flagged series that says what the incident is called after; undefined where no flag is in it, or nothing is known of it any more. */
export async function leadSeries(engine: Engine, incident: Incident, timeZone: string, nowMs: number): Promise<LeadSeries | undefined> {
  const lead = leadOf(incident);
  const metric = METRICS.find(({ name }) => name === lead?.of);
  if (!lead || !metric) return undefined;
  const session = engine.session('panels');
  const name = { metric: metric.name, dimension: lead.dimension, value: lead.value };
  const model = await readModel(session, name, nowMs);
  if (!model) return undefined;
  const fromMinute = Math.floor((incident.detectedMs - AROUND_MS) / MINUTE_MS);
  const lastMs = Math.min(nowMs - MINUTE_MS, incident.lastSignMs + AROUND_MS);
  const toMinute = Math.min(fromMinute + MAX_MINUTES, Math.ceil(lastMs / MINUTE_MS));
  const rows = await session.rows<{ m: number; trials: number; hits: number; is_flagged: number }>(
    `SELECT toUInt32(intDiv(toUnixTimestamp(s.minute), 60)) AS m, trials, hits, (minute, metric, dimension, value) IN (
         SELECT f.minute, metric, dimension, value FROM anomaly_flags AS f
         WHERE metric = {metric: String} AND dimension = {dimension: String} AND value = {value: String}
           AND f.minute >= toDateTime(${fromMinute * 60}, 'UTC') AND f.minute < toDateTime(${toMinute * 60}, 'UTC')) AS is_flagged
     FROM series_minutes AS s FINAL
     WHERE metric = {metric: String} AND dimension = {dimension: String} AND value = {value: String}
       AND s.minute >= toDateTime(${fromMinute * 60}, 'UTC') AND s.minute < toDateTime(${toMinute * 60}, 'UTC')`,
    name,
  );
  const known = new Map(rows.map((row) => [row.m, row]));
  const slots = slotsOf(timeZone);
  const points = Array.from({ length: Math.max(0, toMinute - fromMinute) }, (_, i) => {
    const minute = fromMinute + i;
    const { trials = 0, hits = 0, is_flagged = 0 } = known.get(minute) ?? {};
    const usual = usualIn(model, slots(minute), trials);
    const observed = metric.kind === 'count' ? trials : trials === 0 ? null : hits / trials;
    return { at: minute * MINUTE_MS, observed, ...usual, isFlagged: is_flagged === 1 };
  });
  return { ...name, title: metric.title, kind: metric.kind, points };
}

/** Of the flags that it is called after: that of its cause, or of the whole, or the first. */
function leadOf({ signals, cause }: Incident): Signal | undefined {
  const flags = namingFlags(signals).sort((a, b) => a.knownMs - b.knownMs);
  return (
    flags.find(({ dimension, value }) => cause?.dimension === dimension && cause.value === value) ??
    flags.find(({ dimension }) => dimension === '') ??
    flags[0]
  );
}

function usualIn(model: SeriesModel, slot: ReturnType<ReturnType<typeof slotsOf>>, trials: number) {
  const rate = usualRate(model, slot);
  if (rate) {
    const band = bandOf(rate.rate, Math.sqrt(rate.rate + rate.rate ** 2 / rate.dispersion), Number.MAX_SAFE_INTEGER);
    return { expected: rate.rate, low: band.expectedLow, high: band.expectedHigh };
  }
  const share = usualShare(model, slot);
  if (!share) return { expected: 0, low: 0, high: 0 };
  const { mean, correlation } = share;
  const n = Math.max(1, trials);
  const band = bandOf(mean, Math.sqrt((mean * (1 - mean) * (1 + (n - 1) * correlation)) / n), 1);
  return { expected: mean, low: band.expectedLow, high: band.expectedHigh };
}
