/** The core's own store: enrollments, factors, answers kept for idempotency, and the outbox of events. SQLite, durable at commit. */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

export interface EnrollmentRow {
  id: string;
  user: string;
  factor_type: string;
  state: 'pending' | 'active' | 'failed' | 'expired' | 'cancelled';
  wrapped_secret: Uint8Array;
  attempts_left: number;
  created_at: number;
  expires_at: number;
  factor_id: string | null;
  /** JSON of the labels that every event of the enrollment carries. */
  labels: string;
}

export interface FactorRow {
  id: string;
  user: string;
  factor_type: string;
  wrapped_secret: Uint8Array;
  last_step: number;
  created_at: number;
  state: 'active' | 'revoked';
}

const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  CREATE TABLE IF NOT EXISTS enrollments (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, state TEXT NOT NULL, wrapped_secret BLOB NOT NULL,
    attempts_left INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, factor_id TEXT, labels TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS enrollments_waiting ON enrollments (expires_at) WHERE state = 'pending';
  CREATE TABLE IF NOT EXISTS factors (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, wrapped_secret BLOB NOT NULL, last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS factors_of_user ON factors (user);
  CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, wrapped_body BLOB NOT NULL, at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;
`;

export interface CoreStorage {
  /** Everything inside happens, or nothing does. */
  transaction<T>(work: () => T): T;
  one<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined;
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[];
  /** Rows changed. */
  run(sql: string, ...values: SQLInputValue[]): number;
  close(): void;
}

/** Opens the database file, creating it with mode 0600. */
export function openCoreStorage(path: string): CoreStorage {
  // Made before SQLite opens it, with the mode that SQLite then gives to its journals too.
  closeSync(openSync(path, 'a', 0o600));
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
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
    one: <Row>(sql: string, ...values: SQLInputValue[]) => database.prepare(sql).get(...values) as Row | undefined,
    all: <Row>(sql: string, ...values: SQLInputValue[]) => database.prepare(sql).all(...values) as Row[],
    run: (sql, ...values) => Number(database.prepare(sql).run(...values).changes),
    close: () => database.close(),
  };
}
