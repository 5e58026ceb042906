/** Everything that makes or changes a table: names and engines once, and the statements that need more than a name. */
import type { Session } from './engine.ts';

/** The tables that are stored, each with its engine: of rows with one key the one with the greatest version stays. */
export const STORED_TABLES = {
  migrations: 'MergeTree',
  owner: 'MergeTree',
  events: 'ReplacingMergeTree(content_hash)',
  attempt_homes: 'ReplacingMergeTree',
  attempt_states: 'ReplacingMergeTree(roll, dead)',
  recovery_homes: 'ReplacingMergeTree',
  recovery_states: 'ReplacingMergeTree(roll, dead)',
  skewed_starts: 'ReplacingMergeTree',
  backlog: 'ReplacingMergeTree(roll, dead)',
  minutes: 'ReplacingMergeTree(roll)',
  hours: 'ReplacingMergeTree(roll)',
  bad_users: 'ReplacingMergeTree(roll)',
  coverage: 'ReplacingMergeTree',
  maintenance_log: 'ReplacingMergeTree(version, dead)',
  alert_inputs_log: 'ReplacingMergeTree(evaluated_at)',
  alert_states_log: 'ReplacingMergeTree(evaluated_at)',
  findings_log: 'ReplacingMergeTree(version)',
  spans_log: 'ReplacingMergeTree(received_at)',
  audit_entries: 'MergeTree',
  erasing: 'MergeTree',
  dead_letters_log: 'ReplacingMergeTree(version, dead)',
  series_minutes: 'ReplacingMergeTree(version)',
  series_models: 'ReplacingMergeTree',
  series_durations: 'ReplacingMergeTree(learned_at)',
  series_trainings: 'ReplacingMergeTree',
  series_left_out: 'ReplacingMergeTree',
  anomaly_flags_log: 'ReplacingMergeTree(version, dead)',
  incidents_log: 'ReplacingMergeTree(version)',
  suppressions_log: 'ReplacingMergeTree(version)',
} as const;
export type StoredTable = keyof typeof STORED_TABLES;

/** Written `ENGINE = @` in the migrations: the table's own. */
const ENGINE = /^CREATE TABLE (?:IF NOT EXISTS )?(\w+)\b([\s\S]*?)\bENGINE = @/m;

/** A statement of a migration as the engine takes it. @throws for a table that is not in {@link STORED_TABLES} */
export function withEngine(statement: string): string {
  return statement.replace(ENGINE, (found, name: string) => {
    const engine = (STORED_TABLES as Readonly<Record<string, string>>)[name];
    if (engine === undefined) throw new Error(`the table ${name} is not among the stored ones (ddl.ts)`);
    return found.replace(/ENGINE = @$/, `ENGINE = ${engine}`);
  });
}

/** @param columns with their types, and what stands behind the engine */
export const createTable = (session: Session, table: StoredTable, columns: string, rest: string): Promise<void> =>
  session.run(withEngine(`CREATE TABLE IF NOT EXISTS ${table} (${columns}) ENGINE = @ ${rest}`));

/** Adds the columns that a table does not have yet. */
export async function addColumns(session: Session, table: StoredTable, columns: Readonly<Record<string, string>>): Promise<void> {
  const there = await session.rows<{ name: string }>(
    'SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table: String}',
    { table },
  );
  const missing = Object.entries(columns).filter(([column]) => !there.some(({ name }) => name === column));
  if (missing.length > 0)
    await session.run(`ALTER TABLE ${table} ${missing.map(([name, type]) => `ADD COLUMN IF NOT EXISTS ${name} ${type}`).join(', ')}`);
}

/** Changes rows where they are; done when it resolves. @param change `UPDATE … WHERE …` or `DELETE WHERE …` */
export const rewrite = (session: Session, table: StoredTable, change: string): Promise<void> =>
  session.run(`ALTER TABLE ${table} ${change} SETTINGS mutations_sync = 2`);

/** Takes rows out some time later. */
export const removeLater = (session: Session, table: StoredTable, where: string): Promise<void> =>
  session.run(`ALTER TABLE ${table} DELETE WHERE ${where}`);

/** @param month `YYYYMM` */
export const dropMonth = (session: Session, table: StoredTable, month: string): Promise<void> =>
  session.run(`ALTER TABLE ${table} DROP PARTITION ${month}`);

/** Takes all rows out. */
export const emptyTable = (session: Session, table: StoredTable): Promise<void> => session.run(`TRUNCATE TABLE ${table}`);

/** Leaves of rows with one key the one that counts. */
export const mergeRows = (session: Session, table: StoredTable): Promise<void> => session.run(`OPTIMIZE TABLE ${table} FINAL`);

/** The same, and takes out what is marked as dead; nothing when another does that already. */
export const cleanUp = (session: Session, table: StoredTable): Promise<void> =>
  session.run(`OPTIMIZE TABLE ${table} FINAL CLEANUP SETTINGS optimize_throw_if_noop = 0`);

/** Lets whoever may read a view read it without a right to what it reads from. */
export const readableByAll = (session: Session, view: string): Promise<void> => session.run(`ALTER TABLE ${view} MODIFY SQL SECURITY NONE`);
