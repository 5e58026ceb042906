/** `anomaly_flags`: minutes of series that were out of the ordinary. */
import type { Engine } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { QUESTIONS } from './index.ts';
import type { Question, Stretch } from './question.ts';
import type { Flag } from './watched-series.ts';

const STRUCTURE =
  'minute UInt32, since UInt32, metric String, dimension String, value String, detector String, score Float64, observed Float64, expected Float64, expected_low Float64, expected_high Float64, version UInt64, dead UInt8';

/** Writes flags down, each once, and takes others back. */
export async function writeFlags(
  engine: Engine,
  { flags, gone }: { flags: readonly Flag[]; gone: readonly Flag[] },
  nowMs: number,
): Promise<void> {
  if (flags.length + gone.length === 0) return;
  const version = await nextVersion(engine, 'anomaly_flags_log', nowMs);
  const line = (dead: 0 | 1) => (flag: Flag) => {
    const { minute, since, metric, dimension, value, detector, score, observed, expected, expectedLow, expectedHigh } = flag;
    return JSON.stringify([
      minute,
      since,
      metric,
      dimension,
      value,
      detector,
      score,
      observed,
      expected,
      expectedLow,
      expectedHigh,
      version,
      dead,
    ]);
  };
  await engine.insert(
    'detect',
    { data: [...flags.map(line(0)), ...gone.map(line(1))].join('\n'), format: 'JSONCompactEachRow', structure: STRUCTURE },
    (rows) => `INSERT INTO anomaly_flags_log
      (minute, since, metric, dimension, value, detector, score, observed, expected, expected_low, expected_high, version, dead)
      SELECT toDateTime(minute * 60, 'UTC'), toDateTime(since * 60, 'UTC'), metric, dimension, value, detector, score, observed,
        expected, expected_low, expected_high, version, dead
      FROM ${rows}`,
  );
}

/** Flags of a stretch that detectors which ask about stretches say. */
export async function askedFlags(stretch: Stretch, every: Question['every']): Promise<Flag[]> {
  if (stretch.trainedAtMs === 0 || stretch.fromMinute >= stretch.toMinute) return [];
  const all: Flag[] = [];
  for (const question of QUESTIONS) if (question.every === every) all.push(...(await question.flags(stretch)));
  return all;
}

/** Writes what has changed between two lists of flags of one time. Returns those that are new. */
export async function replaceFlags(engine: Engine, before: readonly Flag[], after: readonly Flag[], nowMs: number): Promise<Flag[]> {
  const kept = new Set(after.map(flagKey));
  const known = new Map(before.map((flag) => [flagKey(flag), JSON.stringify(flag)]));
  const flags = after.filter((flag) => known.get(flagKey(flag)) !== JSON.stringify(flag));
  await writeFlags(engine, { flags, gone: before.filter((flag) => !kept.has(flagKey(flag))) }, nowMs);
  return flags.filter((flag) => !known.has(flagKey(flag)));
}

const flagKey = ({ minute, metric, dimension, value, detector }: Flag): string =>
  JSON.stringify([minute, metric, dimension, value, detector]);

/** The flags of minutes (since 1970) from one on, up to another, not included; in order. */
export async function flagsIn(engine: Engine, fromMinute: number, toMinute = 2 ** 32 / 60): Promise<Flag[]> {
  const rows = await engine
    .session('detect')
    .rows<Omit<Flag, 'expectedLow' | 'expectedHigh'> & { expected_low: number; expected_high: number }>(
      `SELECT toUInt32(intDiv(toUnixTimestamp(f.minute), 60)) AS minute, toUInt32(intDiv(toUnixTimestamp(f.since), 60)) AS since,
       metric, dimension, value, detector, score, observed, expected, expected_low, expected_high
     FROM anomaly_flags AS f
     WHERE f.minute >= toDateTime(${fromMinute * 60}, 'UTC') AND f.minute < toDateTime(${Math.floor(toMinute) * 60}, 'UTC')
     ORDER BY minute, metric, dimension, value, detector`,
    );
  return rows.map(({ expected_low, expected_high, ...row }) => ({ ...row, expectedLow: expected_low, expectedHigh: expected_high }));
}
