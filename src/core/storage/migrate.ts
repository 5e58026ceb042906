/** Brings the core's store to the newest schema: numbered SQL files, forward only, each applied once, in one text for both databases. */
import { readdir, readFile } from 'node:fs/promises';
import type { Statements } from './storage.ts';

const FOLDER = new URL('./migrations/', import.meta.url);

/** The words in which the databases differ; the files are written in those of PostgreSQL. */
const IN_SQLITE: readonly (readonly [RegExp, string])[] = [
  [/\bBIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY\b/g, 'INTEGER PRIMARY KEY AUTOINCREMENT'],
  [/\bBIGINT\b/g, 'INTEGER'],
  [/\bBYTEA\b/g, 'BLOB'],
  [/\bDOUBLE PRECISION\b/g, 'REAL'],
];

/** To be called inside a transaction that nobody else can be in at the same time. */
export async function migrateCore(statements: Statements, dialect: 'sqlite' | 'postgres'): Promise<void> {
  await statements.run('CREATE TABLE IF NOT EXISTS core_migrations (name TEXT PRIMARY KEY)');
  const applied = new Set((await statements.all<{ name: string }>('SELECT name FROM core_migrations')).map(({ name }) => name));
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort();
  for (const name of names.filter((each) => !applied.has(each))) {
    const text = await readFile(new URL(name, FOLDER), 'utf8');
    const sql = dialect === 'sqlite' ? IN_SQLITE.reduce((done, [word, other]) => done.replace(word, other), text) : text;
    for (const statement of sql.split(/;\s*(?:\n|$)/).filter((each) => each.replace(/^--.*$/gm, '').trim() !== ''))
      await statements.run(statement);
    await statements.run('INSERT INTO core_migrations (name) VALUES (?)', name);
  }
}
