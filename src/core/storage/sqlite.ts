/** The core's store in a SQLite file: callers of one moment share a commit (each has a savepoint), which is durable before any of them goes on. */
import { setImmediate } from 'node:timers/promises';
import { openSqlite } from '../../system/sqlite.ts';
import { setOldTablesAside } from './before.ts';
import { migrateCore } from './migrate.ts';
import type { CoreStorage, Statements } from './storage.ts';

/** Callers that share a commit: more would make the first wait for the last. */
const MAX_GROUP = 32;
/** The journal goes into the file when nobody waits for a commit, or at the latest when it has so many pages. */
const CHECKPOINT_EVERY_MS = 2_000;
const MAX_JOURNAL_PAGES = 16_000;

interface Waiting {
  work: (statements: Statements) => Promise<unknown>;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/** Opens the file, creating it when it is not there. */
export async function openSqliteStorage(path: string): Promise<CoreStorage> {
  // Another process may hold the file for a moment: a backup, muster forget.
  const pragmas = 'PRAGMA busy_timeout = 5000';
  const writer = openSqlite(path, `${pragmas}; PRAGMA wal_autocheckpoint = ${MAX_JOURNAL_PAGES}`);
  // Statements outside of a transaction must not see what is not committed yet.
  const reader = openSqlite(path, pragmas);
  const of = (database: typeof writer): Statements => ({
    // There is one writer at a time.
    alone: async () => {},
    one: async (sql, ...values) => database.one(sql, ...values),
    all: async (sql, ...values) => database.all(sql, ...values),
    run: async (sql, ...values) => database.run(sql, ...values),
  });
  const inside = of(writer);
  const waiting: Waiting[] = [];
  let working: Promise<void> | undefined;

  const group = async (callers: readonly Waiting[]): Promise<void> => {
    const done: (() => void)[] = [];
    try {
      writer.exec('BEGIN IMMEDIATE');
      for (const { work, resolve, reject } of callers) {
        writer.exec('SAVEPOINT caller');
        try {
          const result = await work(inside);
          writer.exec('RELEASE caller');
          done.push(() => resolve(result));
        } catch (error) {
          writer.exec('ROLLBACK TO caller; RELEASE caller');
          done.push(() => reject(error));
        }
      }
      writer.exec('COMMIT');
    } catch (error) {
      try {
        writer.exec('ROLLBACK');
      } catch {
        // SQLite had ended the transaction by itself.
      }
      for (const { reject } of callers) reject(error);
      return;
    }
    for (const tell of done) tell();
  };
  const workOff = async (): Promise<void> => {
    while (waiting.length > 0) {
      // Who comes in the same turn of the loop shares the commit.
      await setImmediate();
      await group(waiting.splice(0, MAX_GROUP));
    }
    working = undefined;
  };

  const checkpoints = setInterval(() => {
    if (working) return;
    try {
      writer.exec('PRAGMA wal_checkpoint(PASSIVE)');
    } catch {
      // A disk that is full, a file that is busy: it is tried again, and a commit that fails says so to its caller.
    }
  }, CHECKPOINT_EVERY_MS).unref();

  const storage: CoreStorage = {
    ...of(reader),
    transaction: <T>(work: (statements: Statements) => Promise<T>) =>
      new Promise<T>((resolve, reject) => {
        waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
        working ??= workOff();
      }),
    run: (sql, ...values) => storage.transaction((statements) => statements.run(sql, ...values)),
    async scrub() {
      await working;
      writer.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    },
    async close() {
      clearInterval(checkpoints);
      await working;
      reader.close();
      writer.close();
    },
  };
  try {
    setOldTablesAside(writer);
    await storage.transaction((statements) => migrateCore(statements, 'sqlite'));
  } catch (error) {
    await storage.close();
    throw error;
  }
  return storage;
}
