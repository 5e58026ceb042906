/** Findings: what was found, since when, by what evidence. Raised by anyone; a row is replaced whole. */
import type { Engine } from './engine.ts';

export interface Finding {
  id: string;
  kind: 'operational' | 'security';
  detector: string;
  severity: string;
  startMs: number;
  /** Null while it is open. */
  endMs: number | null;
  dimensions: Record<string, string>;
  evidence: Record<string, unknown>;
  /** ATT&CK techniques. */
  attack: readonly string[];
  status: 'open' | 'resolved';
}

const STRUCTURE =
  'id String, kind String, detector String, severity String, start Int64, end Nullable(Int64), dimensions Map(String, String), evidence String, attack Array(String), status String, version UInt64';

/** Writes findings down, each in place of what stood under its id. */
export async function writeFindings(engine: Engine, findings: readonly Finding[], nowMs: number): Promise<void> {
  if (findings.length === 0) return;
  const lines = findings.map(({ id, kind, detector, severity, startMs, endMs, dimensions, evidence, attack, status }) =>
    JSON.stringify([id, kind, detector, severity, startMs, endMs, dimensions, JSON.stringify(evidence), attack, status, nowMs]),
  );
  await engine.insert(
    'evaluate',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure: STRUCTURE },
    (rows) =>
      `INSERT INTO findings_log SELECT id, kind, detector, severity, fromUnixTimestamp64Milli(start, 'UTC'), fromUnixTimestamp64Milli(end, 'UTC'),
         dimensions, evidence, attack, status, greatest(version, (SELECT max(version) + 1 FROM findings_log)) FROM ${rows}`,
  );
}

/** Findings that began at or after `sinceMs`, or that are open, newest first, at most `limit`. */
export const findingsSince = (engine: Engine, sinceMs: number, limit = 1_000): Promise<Finding[]> =>
  select(
    engine,
    `findings WHERE status = 'open' OR start >= fromUnixTimestamp64Milli(${Math.floor(sinceMs)}, 'UTC') ORDER BY start DESC, id LIMIT ${limit}`,
  );

/** Puts `other` in the place of texts, in whatever case, wherever a finding has them, its past versions too. Returns how many findings had one. */
export async function replaceInFindings(engine: Engine, texts: readonly string[], other: string, nowMs: number): Promise<number> {
  const held = await select(engine, 'findings WHERE multiSearchAnyCaseInsensitiveUTF8(toString(tuple(*)), {texts:Array(String)})', {
    texts,
  });
  const replaced = texts.reduce(
    (json, text) => json.replaceAll(new RegExp(RegExp.escape(JSON.stringify(text).slice(1, -1)), 'giu'), other),
    JSON.stringify(held),
  );
  await writeFindings(engine, JSON.parse(replaced) as Finding[], nowMs);
  if (held.length > 0) await engine.session('evaluate').run('OPTIMIZE TABLE findings_log FINAL');
  return held.length;
}

async function select(engine: Engine, from: string, parameters: Record<string, readonly string[]> = {}): Promise<Finding[]> {
  const rows = await engine
    .session('read')
    .rows<Omit<Finding, 'startMs' | 'endMs' | 'evidence'> & { start_ms: string; end_ms: string | null; evidence: string }>(
      `SELECT id, kind, detector, severity, toUnixTimestamp64Milli(start) AS start_ms, toUnixTimestamp64Milli(end) AS end_ms, dimensions, evidence, attack, status
     FROM ${from}`,
      parameters,
    );
  return rows.map(({ start_ms, end_ms, evidence, ...row }) => ({
    ...row,
    startMs: Number(start_ms),
    endMs: end_ms === null ? null : Number(end_ms),
    evidence: JSON.parse(evidence) as Record<string, unknown>,
  }));
}
