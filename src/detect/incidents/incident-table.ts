/** `incidents`: read and written whole, by one process. */
import { MusterError } from '../../errors.ts';
import { printable } from '../../events/checker.ts';
import type { Engine, Parameters } from '../../store/engine/engine.ts';
import { nextVersion } from '../../store/engine/versions.ts';
import { findingsOf, type Incident } from './incident.ts';
import type { Signal } from './signal.ts';

const STRUCTURE = `id String, title String, severity String, status String, start Int64, last_sign Int64, detected Int64,
  notified Nullable(Int64), acknowledged Nullable(Int64), mitigated Nullable(Int64), end Nullable(Int64), cause_dimension String,
  cause_value String, slos Array(Tuple(slo String, budget_spent Float64)), users UInt64, attempts UInt64, findings Array(String),
  change_type String, change_deployment String, change_time Nullable(Int64), assignee String, merged_into String, bounds String, signals String,
  version UInt64`;

const TIMES = ['start', 'last_sign', 'detected', 'notified', 'acknowledged', 'mitigated', 'end', 'change_time'];
const COLUMNS = STRUCTURE.split(/,\s+(?=[a-z_]+ [A-Z])/)
  .map((column) => column.split(' ')[0] as string)
  .filter((name) => name !== 'budget_spent');

/** Writes incidents down, each in place of what stood under its id. */
export async function writeIncidents(engine: Engine, incidents: readonly Incident[], nowMs: number): Promise<void> {
  if (incidents.length === 0) return;
  const version = await nextVersion(engine, 'incidents_log', nowMs);
  const lines = incidents.map((incident) => {
    const { id, title, severity, status, startMs, lastSignMs, detectedMs, notifiedMs, acknowledgedMs, mitigatedMs, endMs } = incident;
    const { cause, slos, users, attempts, change, assignee, mergedInto, bounds, signals } = incident;
    return JSON.stringify([
      ...[id, title, severity, status, startMs, lastSignMs, detectedMs, notifiedMs, acknowledgedMs, mitigatedMs, endMs],
      ...[
        cause?.dimension ?? '',
        cause?.value ?? '',
        slos.map(({ slo, budgetSpent }) => ({ slo, budget_spent: budgetSpent })),
        users,
        attempts,
      ],
      ...[findingsOf(incident), change?.type ?? '', change?.deployment ?? '', change?.timeMs ?? null, assignee, mergedInto],
      ...[JSON.stringify(bounds), JSON.stringify(signals), version],
    ]);
  });
  const columns = COLUMNS.map((name) => (TIMES.includes(name) ? `fromUnixTimestamp64Milli(${name}, 'UTC')` : name)).join(', ');
  await engine.insert(
    'evaluate',
    { data: lines.join('\n'), format: 'JSONCompactEachRow', structure: STRUCTURE },
    (rows) => `INSERT INTO incidents_log (${COLUMNS.join(', ')}) SELECT ${columns} FROM ${rows}`,
  );
}

type Row = Record<(typeof TIMES)[number], string | null> & {
  id: string;
  title: string;
  severity: Incident['severity'];
  status: Incident['status'];
  cause_dimension: string;
  cause_value: string;
  slos: [string, number][];
  users: string;
  attempts: string;
  change_type: string;
  change_deployment: string;
  assignee: string;
  merged_into: string;
  bounds: string;
  signals: string;
};

async function select(engine: Engine, where: string, parameters?: Parameters): Promise<Incident[]> {
  const times = TIMES.map((name) => `toString(toUnixTimestamp64Milli(${name})) AS ${name}_ms`).join(', ');
  const rows = await engine.session('read').rows<Row & Record<string, string | null>>(
    `SELECT id, title, severity, status, ${times}, cause_dimension, cause_value,
       arrayMap(each -> (each.slo, each.budget_spent), slos) AS slos, toString(users) AS users, toString(attempts) AS attempts,
       change_type, change_deployment, assignee, merged_into, bounds, signals
     FROM incidents_log FINAL ${where}`,
    parameters,
  );
  return rows.map((row) => {
    const at = (name: string) => (row[`${name}_ms`] === null ? null : Number(row[`${name}_ms`]));
    return {
      id: row.id,
      title: row.title,
      severity: row.severity,
      status: row.status,
      startMs: Number(at('start')),
      lastSignMs: Number(at('last_sign')),
      detectedMs: Number(at('detected')),
      notifiedMs: at('notified'),
      acknowledgedMs: at('acknowledged'),
      mitigatedMs: at('mitigated'),
      endMs: at('end'),
      cause: row.cause_dimension === '' ? null : { dimension: row.cause_dimension, value: row.cause_value },
      slos: row.slos.map(([slo, budgetSpent]) => ({ slo, budgetSpent })),
      users: Number(row.users),
      attempts: Number(row.attempts),
      change:
        row.change_type === '' ? null : { type: row.change_type, deployment: row.change_deployment, timeMs: Number(at('change_time')) },
      assignee: row.assignee,
      mergedInto: row.merged_into,
      bounds: JSON.parse(row.bounds) as Incident['bounds'],
      signals: JSON.parse(row.signals) as Signal[],
    };
  });
}

/** A list shows the newest; all of them are in the table. */
export const MAX_LISTED_INCIDENTS = 1_000;

/** Incidents that began at or after a moment, or that are not over, newest first. */
export const incidentsSince = (engine: Engine, sinceMs: number, limit = MAX_LISTED_INCIDENTS): Promise<Incident[]> =>
  select(
    engine,
    `WHERE status IN ('open', 'acknowledged') OR start >= fromUnixTimestamp64Milli(${Math.floor(sinceMs)}, 'UTC')
     ORDER BY start DESC, id DESC LIMIT ${limit}`,
  );

/** Those that may still take a sign of a time: none that was over before it. */
export const incidentsReaching = (engine: Engine, fromMs: number): Promise<Incident[]> =>
  select(
    engine,
    `WHERE status != 'merged' AND (end IS NULL OR end >= fromUnixTimestamp64Milli(${Math.floor(fromMs)}, 'UTC')) ORDER BY start, id`,
  );

/** @throws MUSTER_NOT_FOUND */
export async function incidentNamed(engine: Engine, id: string): Promise<Incident> {
  const [incident] = await select(engine, 'WHERE id = {id: String}', { id });
  if (incident) return incident;
  throw new MusterError('MUSTER_NOT_FOUND', `no incident has the id ${printable(id.slice(0, 64))}: muster incidents --json lists them`);
}

/** Those before a moment that had the same cause, the last first; none where no cause is known. */
export const incidentsLike = (engine: Engine, { id, cause, startMs }: Incident, limit: number): Promise<Incident[]> =>
  cause === null
    ? Promise.resolve([])
    : select(
        engine,
        `WHERE cause_dimension = {dimension: String} AND cause_value = {value: String} AND id != {id: String} AND status != 'merged'
           AND start < fromUnixTimestamp64Milli(${Math.floor(startMs)}, 'UTC') ORDER BY start DESC LIMIT ${limit}`,
        { ...cause, id },
      );

/** The number of the next new one. */
export async function nextNumber(engine: Engine): Promise<number> {
  const [row] = await engine
    .session('read')
    .rows<{ n: number }>(`SELECT toUInt32(max(toUInt32OrZero(substring(id, 5)))) + 1 AS n FROM incidents_log`);
  return row?.n ?? 1;
}

/** How many are not over, by severity. */
export const countOpenIncidents = (engine: Engine): Promise<{ severity: string; count: number }[]> =>
  engine
    .session('read')
    .rows(`SELECT severity, toUInt32(count()) AS count FROM incidents WHERE status IN ('open', 'acknowledged') GROUP BY severity`);
