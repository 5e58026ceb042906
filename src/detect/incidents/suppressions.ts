/** What somebody took for none is held back for a while: such flags join what there is, and begin no incident of their own. */
import type { Engine } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { DAY_MS } from '../../system/time.ts';
import type { Incident } from './incident.ts';
import { isSameSign, type Signal } from './signal.ts';

const HELD_BACK_MS = 7 * DAY_MS;
/** What shows in more values than these is too much to be held back. */
const MAX_VALUES = 50;

export interface Suppression {
  detector: string;
  metric: string;
  dimension: string;
  value: string;
  reason: string;
  /** In milliseconds since 1970. */
  sinceMs: number;
  untilMs: number;
}

/** What a dismissed incident teaches: of its flags those of a value. The whole is never held back, and neither is what pages. */
export async function suppressedBy(engine: Engine, { signals }: Incident, reason: string, nowMs: number): Promise<void> {
  const taught = signals.filter(({ source, dimension, isPage }) => source === 'flag' && dimension !== '' && !isPage);
  if (taught.length > MAX_VALUES) return;
  const known = await suppressionsSince(engine, nowMs);
  const rows = taught.map(({ name: detector, of: metric, dimension, value }) => {
    const before = known.find((each) => isOf(each, { detector, metric, dimension, value }));
    return { detector, metric, dimension, value, reason, sinceMs: before?.sinceMs ?? nowMs, untilMs: nowMs + HELD_BACK_MS };
  });
  await write(engine, rows, nowMs);
}

/** Ends what is held back of a place. Returns how many there were. */
export async function endSuppressions(engine: Engine, place: Pick<Signal, 'dimension' | 'value'>, nowMs: number): Promise<number> {
  const ended = (await suppressionsSince(engine, nowMs)).filter(
    ({ dimension, value, untilMs }) => dimension === place.dimension && value === place.value && untilMs > nowMs,
  );
  await write(
    engine,
    ended.map((each) => ({ ...each, untilMs: nowMs })),
    nowMs,
  );
  return ended.length;
}

async function write(engine: Engine, rows: readonly Suppression[], nowMs: number): Promise<void> {
  if (rows.length === 0) return;
  const seconds = (ms: number) => Math.floor(ms / 1_000);
  const version = await nextVersion(engine, 'suppressions_log', nowMs);
  const lines = rows.map(({ detector, metric, dimension, value, reason, sinceMs, untilMs }) =>
    JSON.stringify([detector, metric, dimension, value, reason, seconds(sinceMs), seconds(untilMs)]),
  );
  await engine.insert(
    'evaluate',
    {
      data: lines.join('\n'),
      format: 'JSONCompactEachRow',
      structure: 'detector String, metric String, dimension String, value String, reason String, since UInt32, until UInt32',
    },
    (source) => `INSERT INTO suppressions_log (detector, metric, dimension, value, reason, since, until, version)
      SELECT detector, metric, dimension, value, reason, toDateTime(since, 'UTC'), toDateTime(until, 'UTC'), ${version} FROM ${source}`,
  );
}

/** What is held back at a moment, the last first, with how much it was. */
export async function suppressionsAt(engine: Engine, nowMs: number): Promise<(Suppression & { heldBack: number })[]> {
  const all = (await suppressionsSince(engine, nowMs)).filter(({ untilMs }) => untilMs > nowMs);
  const sinceMs = Math.min(nowMs, ...all.map((each) => each.sinceMs));
  const rows = await engine.session('read').rows<Pick<Suppression, 'detector' | 'metric' | 'dimension' | 'value'> & { m: number }>(
    `SELECT detector, metric, dimension, value, toUInt32(toUnixTimestamp(f.minute)) AS m FROM anomaly_flags AS f
       WHERE incident = '' AND f.minute >= toDateTime(${Math.floor(sinceMs / 1_000)}, 'UTC')
         AND (detector, metric, dimension, value) IN (SELECT detector, metric, dimension, value FROM suppressions_log)`,
  );
  return all.map((suppression) => ({
    ...suppression,
    heldBack: rows.filter((row) => isOf(suppression, row) && row.m * 1_000 >= suppression.sinceMs).length,
  }));
}

const isOf = (a: Pick<Suppression, 'detector' | 'metric' | 'dimension' | 'value'>, b: typeof a): boolean =>
  a.detector === b.detector && a.metric === b.metric && a.dimension === b.dimension && a.value === b.value;

/** What was held back at a moment or later: what came then begins nothing afterwards either. The last first. */
export async function suppressionsSince(engine: Engine, fromMs: number): Promise<Suppression[]> {
  const rows = await engine.session('evaluate').rows<Omit<Suppression, 'sinceMs' | 'untilMs'> & { since_s: number; until_s: number }>(
    `SELECT detector, metric, dimension, value, reason, toUnixTimestamp(since) AS since_s, toUnixTimestamp(until) AS until_s
       FROM suppressions_log FINAL WHERE until >= toDateTime(${Math.floor(fromMs / 1_000)}, 'UTC')
       ORDER BY since DESC, detector, metric, dimension, value`,
  );
  return rows.map(({ since_s, until_s, ...row }) => ({ ...row, sinceMs: since_s * 1_000, untilMs: until_s * 1_000 }));
}

/** Marks the signs that are held back. */
export function heldBack(signals: readonly Signal[], suppressions: readonly Suppression[]): Signal[] {
  const isHeldBack = (signal: Signal) =>
    signal.source === 'flag' &&
    !signal.isPage &&
    suppressions.some(({ detector, metric, dimension, value, sinceMs, untilMs }) => {
      const taught: Signal = { ...signal, name: detector, of: metric, dimension, value };
      // What began before is of what somebody looked at.
      return isSameSign(signal, taught) && signal.knownMs >= sinceMs && signal.knownMs < untilMs;
    });
  return suppressions.length === 0 ? [...signals] : signals.map((each) => (isHeldBack(each) ? { ...each, isHeldBack: true } : each));
}
