/** Brings a database to the newest schema: numbered SQL files, forward only, each applied once. */
import { readdir, readFile } from 'node:fs/promises';
import { createTable, withEngine } from './ddl.ts';
import type { Session } from './engine.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

/** Names of all migrations, in their order. */
export const migrationNames = async (): Promise<string[]> => (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();

/**
 * Applies the migrations that the database has not seen, in order of their numbers.
 * @param upTo of these alone. @default all
 */
export async function migrate(session: Session, upTo?: readonly string[]): Promise<void> {
  await createTable(session, 'migrations', 'name String, at DateTime DEFAULT now()', 'ORDER BY name');
  const applied = new Set(await appliedMigrations(session));
  for (const name of await migrationNames()) {
    if (applied.has(name) || upTo?.includes(name) === false) continue;
    for (const statement of statements(await readFile(new URL(name, FOLDER), 'utf8'))) {
      // A crash between two statements of one file leaves the first done: the second start passes over it.
      await session.run(withEngine(statement).replace(/^CREATE (TABLE|VIEW) /m, 'CREATE $1 IF NOT EXISTS '));
    }
    // Not VALUES: of those the embedded engine reads more from the standard input.
    await session.run(`INSERT INTO migrations (name) SETTINGS async_insert = 0 SELECT '${name}'`);
  }
}

/** Names of the migrations that a database has seen. */
export const appliedMigrations = async (session: Session): Promise<string[]> =>
  (await session.rows<{ name: string }>('SELECT name FROM migrations ORDER BY name')).map(({ name }) => name);

function statements(sql: string): string[] {
  return sql
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement.replace(/^--.*$/gm, '').trim() !== '');
}
