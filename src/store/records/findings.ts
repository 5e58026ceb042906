/** Findings: what was found, since when, by what evidence. Raised by anyone; a row is replaced whole. */

import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import type { Naming } from '../../privacy/identifier.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';
import { mergeRows } from '../engine/ddl.ts';
import type { Engine, Parameters } from '../engine/engine.ts';
import { nextVersion } from '../engine/versions.ts';
import { dismissed, type Finding, type FindingVerdict, merged } from './finding-life.ts';

export { type Finding, type FindingVerdict, VERDICTS } from './finding-life.ts';

const STRUCTURE =
  'id String, kind String, detector String, severity String, start Int64, end Nullable(Int64), dimensions Map(String, String), evidence String, attack Array(String), status String, verdict String, decided Nullable(Int64), version UInt64';

/** Writes findings down, each in place of what stood under its id; what somebody has dismissed stays dismissed. */
export async function writeFindings(engine: Engine, findings: readonly Finding[], nowMs: number): Promise<void> {
  if (findings.length === 0) return;
  const version = await nextVersion(engine, 'findings_log', nowMs);
  const lines = findings.map(({ id, kind, detector, severity, startMs, endMs, dimensions, evidence, attack, status, verdict, decidedMs }) =>
    JSON.stringify([
      ...[id, kind, detector, severity, startMs, endMs, dimensions],
      ...[JSON.stringify(evidence), attack, status, verdict, decidedMs, version],
    ]),
  );
  await engine.insert(
    'evaluate',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure: STRUCTURE },
    (rows) =>
      `INSERT INTO findings_log SELECT id, kind, detector, severity, fromUnixTimestamp64Milli(start, 'UTC'),
        fromUnixTimestamp64Milli(end, 'UTC'),
         dimensions, evidence, attack, status, verdict, fromUnixTimestamp64Milli(decided, 'UTC'), version FROM ${rows}
       WHERE status = 'dismissed' OR id NOT IN (SELECT id FROM findings WHERE status = 'dismissed')`,
  );
}

/**
 * Takes a finding that nobody has decided of for none.
 * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT when somebody has
 */
export const dismissFinding = (
  engine: Engine,
  id: string,
  verdict: Exclude<FindingVerdict, 'duplicate'>,
  nowMs: number,
): Promise<Finding> =>
  deciding(async () => {
    const none = dismissed(await undecided(engine, id), verdict, nowMs);
    await writeFindings(engine, [none], nowMs);
    return none;
  });

/** Two decisions at once could each take the other's finding away. */
const deciding = oneAtATime();

/**
 * Takes a finding that nobody has decided of for the same as another one, which stays.
 * @throws MUSTER_NOT_FOUND, MUSTER_CONFLICT when somebody has, of either, or when the two are one
 */
export const mergeFinding = (engine: Engine, id: string, intoId: string, nowMs: number): Promise<Finding> =>
  deciding(async () => {
    if (id === intoId) throw new MusterError('MUSTER_CONFLICT', 'a finding is no duplicate of itself');
    const duplicate = merged(await undecided(engine, id), await undecided(engine, intoId), nowMs);
    await writeFindings(engine, [duplicate], nowMs);
    return duplicate;
  });

/** @throws MUSTER_NOT_FOUND */
export async function findingNamed(engine: Engine, id: string): Promise<Finding> {
  const [finding] = await select(engine, 'findings WHERE id = {id: String}', { id });
  if (finding) return finding;
  throw new MusterError('MUSTER_NOT_FOUND', `no finding has the id ${printable(id.slice(0, 200))}: muster findings --json lists them`);
}

async function undecided(engine: Engine, id: string): Promise<Finding> {
  const finding = await findingNamed(engine, id);
  const { incident } = finding.dimensions;
  if (incident !== undefined)
    throw new MusterError(
      'MUSTER_CONFLICT',
      `this finding tells of ${printable(incident)}: muster incidents dismiss ${printable(incident)}`,
    );
  if (finding.status === 'dismissed') throw new MusterError('MUSTER_CONFLICT', `the finding ${printable(id)} is dismissed already`);
  return finding;
}

/** A list shows the newest; all of them are in the table. */
export const MAX_LISTED = 1_000;
/** Findings that began at or after `sinceMs`, or that are open, newest first, at most `limit`. */
export const findingsSince = (engine: Engine, sinceMs: number, limit = MAX_LISTED): Promise<Finding[]> =>
  select(
    engine,
    `findings WHERE end IS NULL OR start >= fromUnixTimestamp64Milli(${Math.floor(sinceMs)}, 'UTC') ORDER BY start DESC, id
      LIMIT ${limit}`,
  );

/** All that is open, of these detectors or of all, however many there are. */
export const openFindings = (engine: Engine, detectors?: readonly string[]): Promise<Finding[]> =>
  select(engine, `findings WHERE end IS NULL${detectors ? ' AND detector IN ({detectors: Array(String)})' : ''} ORDER BY start, id`, {
    ...(detectors && { detectors }),
  });

/** How many are open, by detector and severity. */
export const countOpen = (engine: Engine): Promise<{ detector: string; severity: string; count: number }[]> =>
  engine
    .session('read')
    .rows(`SELECT detector, severity, toUInt32(count()) AS count FROM findings WHERE end IS NULL GROUP BY detector, severity`);

/**
 * Takes people out of findings, their past versions too: `other` comes in the place of every string that one of `refs` is in, or that names them.
 * Returns how many findings had one.
 */
export async function replaceInFindings(
  engine: Engine,
  { refs, naming }: { refs: readonly string[]; naming: Naming },
  other: string,
  nowMs: number,
): Promise<number> {
  const isTheirs = (text: string) => refs.some((ref) => text.includes(ref)) || naming.isIn(text);
  const withoutThem = <T>(value: T): T => {
    if (typeof value === 'string') return (isTheirs(value) ? other : value) as T;
    if (Array.isArray(value)) return value.map(withoutThem) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [withoutThem(key), withoutThem(each)])) as T;
  };
  const changed = (await select(engine, 'findings')).flatMap((finding) => {
    const [dimensions, evidence] = [withoutThem(finding.dimensions), withoutThem(finding.evidence)];
    const isChanged = JSON.stringify([dimensions, evidence]) !== JSON.stringify([finding.dimensions, finding.evidence]);
    return isChanged ? [{ ...finding, dimensions, evidence }] : [];
  });
  await writeFindings(engine, changed, nowMs);
  if (changed.length > 0) await mergeRows(engine.session('evaluate'), 'findings_log');
  return changed.length;
}

async function select(engine: Engine, from: string, parameters?: Parameters): Promise<Finding[]> {
  const rows = await engine.session('read').rows<
    Omit<Finding, 'startMs' | 'endMs' | 'evidence' | 'decidedMs'> & {
      start_ms: string;
      end_ms: string | null;
      evidence: string;
      decided_ms: string | null;
    }
  >(
    `SELECT id, kind, detector, severity, toUnixTimestamp64Milli(start) AS start_ms, toUnixTimestamp64Milli(end) AS end_ms, dimensions,
        evidence, attack, status, verdict, toUnixTimestamp64Milli(decided_at) AS decided_ms, incident, assignee
     FROM ${from}`,
    parameters,
  );
  return rows.map(({ start_ms, end_ms, evidence, decided_ms, ...row }) => ({
    ...row,
    startMs: Number(start_ms),
    endMs: end_ms === null ? null : Number(end_ms),
    evidence: JSON.parse(evidence) as Record<string, unknown>,
    decidedMs: decided_ms === null ? null : Number(decided_ms),
  }));
}
