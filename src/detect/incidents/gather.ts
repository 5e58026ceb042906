/** Gathers the signs that no incident has yet, out of flags, states of alerts and findings. */
import type { Engine } from '../../store/engine/engine.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { QUESTIONS } from '../series/index.ts';
import { APART_MS, type Signal } from './signal.ts';

/** Alerts and findings that ended longer ago are history of before there were incidents. */
const LOOKED_BACK_MS = 24 * HOUR_MS;
/** No flag is given to a minute that is older than what series are kept for. */
export const FLAGS_KEPT_MS = 40 * 24 * HOUR_MS;
/** A minute is judged so long after its beginning: when it is over, and what is late by some seconds is there. */
const JUDGED_AFTER_MS = 90_000;
/** What is asked once a day says nothing else for so long. */
const DAILY_LASTS_MS = 25 * HOUR_MS;
const DAILY = new Set(QUESTIONS.filter(({ every }) => every === 'day').map(({ name }) => name));
/** A series that carries so much of the hour before is worth a page. */
const PAGE_SHARE = 0.1;
/** Detectors that may page, each of the metrics of attempts. */
const PAGING: readonly (readonly [detector: string, metric: string])[] = [
  ['failures', 'failures'],
  ['in_flight', 'in_flight'],
  ['absence', 'starts'],
  ['volume', 'starts'],
  ['feed_silence', 'starts'],
];

/** Flags that are in no incident, run by run. */
export async function flagSignals(engine: Engine, nowMs: number): Promise<Signal[]> {
  const series = 'PARTITION BY detector, metric, dimension, value ORDER BY minute';
  const rows = await engine.session('evaluate').rows<FlagRun>(
    `SELECT detector, metric, dimension, value, toUnixTimestamp(min(minute)) AS from_s, toUnixTimestamp(max(minute)) + 60 AS to_s,
       toUnixTimestamp(min(since)) AS since_s
     FROM (
       SELECT *, countIf(gap > ${APART_MS / 1_000}) OVER (${series}) AS run FROM (
         SELECT minute, since, detector, metric, dimension, value, dateDiff('second', lagInFrame(minute, 1, minute)
           OVER (${series} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), minute) AS gap
         FROM anomaly_flags
         WHERE incident = '' AND minute >= toDateTime(${Math.floor((nowMs - FLAGS_KEPT_MS) / 1_000)}, 'UTC')))
     GROUP BY detector, metric, dimension, value, run ORDER BY from_s`,
  );
  const mayPage = (row: FlagRun) => PAGING.some(([detector, metric]) => detector === row.detector && metric === row.metric);
  const shares = await sharesBefore(engine, rows.filter(mayPage));
  return rows.map((row) => ({
    source: 'flag',
    name: row.detector,
    of: row.metric,
    dimension: row.dimension,
    value: row.value,
    fromMs: row.since_s * 1_000,
    knownMs: row.from_s * 1_000 + JUDGED_AFTER_MS,
    toMs: row.to_s * 1_000 + (DAILY.has(row.detector) ? DAILY_LASTS_MS : 0),
    ...(DAILY.has(row.detector) && { isDaily: true }),
    isPage: mayPage(row) && shares(row) >= PAGE_SHARE,
  }));
}

interface FlagRun {
  detector: string;
  metric: string;
  dimension: string;
  value: string;
  /** First minute that was flagged, and end of the last. */
  from_s: number;
  to_s: number;
  /** When it began. */
  since_s: number;
}

const HOUR_SECONDS = HOUR_MS / 1_000;

/** How much of all a series carried in the whole hour before a run of its flags began. */
async function sharesBefore(engine: Engine, runs: readonly FlagRun[]): Promise<(run: FlagRun) => number> {
  const hourBefore = ({ from_s }: FlagRun) => Math.floor(from_s / HOUR_SECONDS) * HOUR_SECONDS - HOUR_SECONDS;
  const hours = [...new Set(runs.map(hourBefore))];
  if (hours.length === 0) return () => 0;
  const within = hours.map((hour) => `minute >= toDateTime(${hour}, 'UTC') AND minute < toDateTime(${hour + HOUR_SECONDS}, 'UTC')`);
  const metrics = [...new Set(PAGING.map(([, metric]) => `'${metric}'`))].join(', ');
  const rows = await engine.session('evaluate').rows<FlagRun & { hour: number; share: number }>(
    `SELECT metric, dimension, value, hour, trials / max(if(dimension = '', trials, 0)) OVER (PARTITION BY metric, hour) AS share FROM (
       SELECT metric, dimension, value, toUnixTimestamp(toStartOfHour(minute)) AS hour, sum(trials) AS trials FROM series_minutes FINAL
       WHERE metric IN (${metrics}) AND (${within.join(' OR ')})
       GROUP BY metric, dimension, value, hour)`,
  );
  const key = ({ metric, dimension, value }: Pick<FlagRun, 'metric' | 'dimension' | 'value'>, hour: number) =>
    JSON.stringify([metric, dimension, value, hour]);
  const shares = new Map(rows.map((row) => [key(row, row.hour), row.share]));
  return (run) => shares.get(key(run, hourBefore(run))) ?? 0;
}

/** Alerts of error budgets that fire, or did within a day: each from when it began to burn. */
export async function alertSignals(engine: Engine, nowMs: number): Promise<Signal[]> {
  const rows = await engine.session('evaluate').rows<{ slo: string; severity: string; from_s: number; to_s: number; opened_s: number }>(
    `SELECT slo, severity, toUnixTimestamp(min(ifNull(since, at))) AS from_s, toUnixTimestamp(max(at)) AS to_s,
       toUnixTimestamp(min(ifNull(opened_at, at))) AS opened_s
     FROM alert_states
     WHERE state = 'firing' AND at >= toDateTime(${Math.floor((nowMs - LOOKED_BACK_MS) / 1_000)}, 'UTC')
     GROUP BY slo, severity, ifNull(opened_at, since)`,
  );
  return rows.map(({ slo, severity, from_s, to_s, opened_s }) => ({
    source: 'alert',
    name: slo,
    of: severity,
    dimension: '',
    value: '',
    fromMs: from_s * 1_000,
    knownMs: opened_s * 1_000,
    toMs: Math.max(from_s, to_s) * 1_000,
    isPage: severity === 'page',
  }));
}

/** Findings of operations that are open, or were within a day. */
export async function findingSignals(engine: Engine, nowMs: number): Promise<Signal[]> {
  const rows = await engine.session('evaluate').rows<{
    id: string;
    detector: string;
    severity: string;
    from_ms: string;
    to_ms: string | null;
    dimensions: Record<string, string>;
    summary: string;
  }>(
    `SELECT id, detector, severity, toString(toUnixTimestamp64Milli(start)) AS from_ms, toString(toUnixTimestamp64Milli(end)) AS to_ms,
       dimensions, JSONExtractString(evidence, 'summary') AS summary
     FROM findings
     WHERE kind = 'operational' AND status != 'dismissed'
       AND (end IS NULL OR end >= fromUnixTimestamp64Milli(${Math.floor(nowMs - LOOKED_BACK_MS)}, 'UTC'))`,
  );
  return rows.map(({ id, detector, severity, from_ms, to_ms, dimensions, summary }) => {
    const place = ['provider', 'region', 'deployment'].find((name) => (dimensions[name] ?? '') !== '');
    const { incident } = dimensions;
    return {
      source: 'finding',
      name: detector,
      of: '',
      dimension: place ?? '',
      value: place === undefined ? '' : (dimensions[place] as string),
      fromMs: Number(from_ms),
      knownMs: Number(from_ms),
      // What an incident was told by lasts as long as the incident, and must not make it last.
      toMs: incident !== undefined ? Number(from_ms) : to_ms === null ? nowMs : Number(to_ms),
      isPage: severity === 'page',
      summary,
      finding: id,
      ...(incident !== undefined && { incident }),
    };
  });
}

/** Says of flags which incident they are in; those that have one keep it. */
export const nameIncident = (engine: Engine, id: string, signals: readonly Signal[], version: number): Promise<void> => {
  const flags = signals.filter(({ source }) => source === 'flag');
  const lines = flags.map(({ name, of, dimension, value, fromMs, toMs }) =>
    JSON.stringify([id, name, of, dimension, value, Math.floor(fromMs / MINUTE_MS), Math.ceil(toMs / MINUTE_MS)]),
  );
  if (lines.length === 0) return Promise.resolve();
  return engine.insert(
    'evaluate',
    {
      data: lines.join('\n'),
      format: 'JSONCompactEachRow',
      structure: 'id String, name String, of String, dim String, val String, first UInt32, last UInt32',
    },
    (rows) => `INSERT INTO anomaly_flags_log
      (minute, since, metric, dimension, value, detector, score, observed, expected, expected_low, expected_high, incident, version, dead)
      SELECT minute, since, metric, dimension, value, detector, score, observed, expected, expected_low, expected_high,
        signs.id, ${version}, 0
      FROM anomaly_flags_log AS flags FINAL INNER JOIN ${rows} AS signs
        ON flags.detector = signs.name AND flags.metric = signs.of AND flags.dimension = signs.dim AND flags.value = signs.val
      WHERE flags.incident = '' AND intDiv(toUnixTimestamp(flags.minute), 60) >= signs.first
        AND intDiv(toUnixTimestamp(flags.minute), 60) < signs.last`,
  );
};
