/** SQLite files beside the engine: private, durable at commit or once they are asked to be. */
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { syncDirectory } from './durable-files.ts';

export interface Sqlite {
  /** Everything inside happens, or nothing does. */
  transaction<T>(work: () => T): T;
  one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[];
  /** Rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number;
  /** Statements without parameters. */
  exec(sql: string): void;
  /** Resolves when all that was committed is durable; the loop goes on meanwhile. */
  sync(): Promise<void>;
  close(): void;
}

export interface SqliteOptions {
  /** A commit that is `when synced` lasts from the next `sync` on: what is written in bulk from something durable need not wait for each. */
  durable?: 'at commit' | 'when synced';
}

/** Opens a database file with this schema, creating it with mode 0600. */
export function openSqlite(path: string, schema: string, { durable = 'at commit' }: SqliteOptions = {}): Sqlite {
  // Made before SQLite opens it, with the mode that SQLite then gives to its journals too.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  const synchronous = durable === 'at commit' ? 'FULL' : 'NORMAL';
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}; PRAGMA secure_delete = ON; ${schema}`);
  let isEntrySynced = false;
  let failedSync: unknown;
  const statements = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  const prepared = (sql: string) => {
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    return known;
  };
  return {
    transaction(work) {
      database.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw error;
      }
    },
    one: <Row>(sql: string, ...values: SQLInputValue[]) => prepared(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SQLInputValue[]) => prepared(sql).all(...values) as Row[],
    run: (sql, ...values) => Number(prepared(sql).run(...values).changes),
    exec: (sql) => database.exec(sql),
    async sync() {
      // Commits are in the journal until SQLite takes them over, which it syncs by itself. No lock of SQLite's is on the journal.
      // After a failed sync the kernel may have dropped the pages: a later one that succeeds would say nothing.
      if (failedSync !== undefined) throw failedSync;
      const journal = await open(`${path}-wal`, 'r');
      try {
        await journal.datasync();
      } catch (error) {
        failedSync = error;
        throw error;
      } finally {
        await journal.close();
      }
      if (!isEntrySynced) await syncDirectory(dirname(path));
      isEntrySynced = true;
    },
    close: () => database.close(),
  };
}
