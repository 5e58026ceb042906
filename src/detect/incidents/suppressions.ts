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
  /** Minutes that were flagged meanwhile and are in no incident. */
  heldBack: number;
}

/** What a dismissed incident teaches: of its flags those of a value. The whole is never held back, and neither is what pages. */
export async function suppressedBy(engine: Engine, { signals }: Incident, reason: string, nowMs: number): Promise<void> {
  const taught = signals.filter(({ source, dimension, isPage }) => source === 'flag' && dimension !== '' && !isPage);
  if (taught.length > MAX_VALUES) return;
  await write(
    engine,
    taught.map(({ name, of, dimension, value }) => [name, of, dimension, value, reason]),
    nowMs,
    nowMs + HELD_BACK_MS,
  );
}

/** Ends what is held back of a place. Returns how many there were. */
export async function endSuppressions(engine: Engine, place: Pick<Signal, 'dimension' | 'value'>, nowMs: number): Promise<number> {
  const ended = (await suppressionsAt(engine, nowMs)).filter(
    ({ dimension, value }) => dimension === place.dimension && value === place.value,
  );
  await write(
    engine,
    ended.map(({ detector, metric, dimension, value, reason }) => [detector, metric, dimension, value, reason]),
    nowMs,
    nowMs,
  );
  return ended.length;
}

async function write(engine: Engine, rows: readonly (readonly string[])[], sinceMs: number, untilMs: number): Promise<void> {
  if (rows.length === 0) return;
  const seconds = (ms: number) => Math.floor(ms / 1_000);
  const version = await nextVersion(engine, 'suppressions_log', sinceMs);
  await engine.insert(
    'evaluate',
    {
      data: rows.map((row) => JSON.stringify(row)).join('\n'),
      format: 'JSONCompactEachRow',
      structure: 'detector String, metric String, dimension String, value String, reason String',
    },
    (source) => `INSERT INTO suppressions_log (detector, metric, dimension, value, reason, since, until, version)
      SELECT detector, metric, dimension, value, reason, toDateTime(${seconds(sinceMs)}, 'UTC'),
        toDateTime(${seconds(untilMs)}, 'UTC'), ${version} FROM ${source}`,
  );
}

/** What is held back at a moment, the last first. */
export async function suppressionsAt(engine: Engine, nowMs: number): Promise<Suppression[]> {
  const rows = await engine
    .session('read')
    .rows<Omit<Suppression, 'sinceMs' | 'untilMs' | 'heldBack'> & { since_s: number; until_s: number; held_back: number }>(
      `SELECT detector, metric, dimension, value, any(s.reason) AS reason, toUnixTimestamp(any(s.since)) AS since_s,
         toUnixTimestamp(any(s.until)) AS until_s,
         toUInt32(countIf(f.minute >= s.since AND f.minute < s.until AND f.incident = '' AND f.detector != '')) AS held_back
       FROM suppressions_log AS s FINAL
       LEFT JOIN anomaly_flags_log AS f FINAL
         ON f.detector = s.detector AND f.metric = s.metric AND f.dimension = s.dimension AND f.value = s.value
       WHERE s.until > toDateTime(${Math.floor(nowMs / 1_000)}, 'UTC')
       GROUP BY s.detector AS detector, s.metric AS metric, s.dimension AS dimension, s.value AS value
       ORDER BY since_s DESC, detector, metric, dimension, value`,
    );
  return rows.map(({ since_s, until_s, held_back, ...row }) => ({
    ...row,
    sinceMs: since_s * 1_000,
    untilMs: until_s * 1_000,
    heldBack: held_back,
  }));
}

/** Marks the signs that are held back. */
export function heldBack(signals: readonly Signal[], suppressions: readonly Suppression[]): Signal[] {
  const isHeldBack = (signal: Signal) =>
    signal.source === 'flag' &&
    !signal.isPage &&
    suppressions.some(({ detector, metric, dimension, value, sinceMs }) => {
      const taught: Signal = { ...signal, name: detector, of: metric, dimension, value };
      // What began before is of what somebody looked at.
      return isSameSign(signal, taught) && signal.knownMs >= sinceMs;
    });
  return suppressions.length === 0 ? [...signals] : signals.map((each) => (isHeldBack(each) ? { ...each, isHeldBack: true } : each));
}
