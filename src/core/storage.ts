/** The core's own store: enrollments, factors, answers kept for idempotency, and the outbox of events. SQLite, durable at commit. */
import { openSqlite, type Sqlite } from '../store/sqlite.ts';
import type { EnrollmentState, FactorState } from './lifecycle.ts';

export interface EnrollmentRow {
  id: string;
  user: string;
  factor_type: string;
  state: EnrollmentState;
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
  state: FactorState;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS enrollments (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, state TEXT NOT NULL, wrapped_secret BLOB NOT NULL,
    attempts_left INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, factor_id TEXT, labels TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS enrollments_open ON enrollments (user, factor_type) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS enrollments_waiting ON enrollments (expires_at) WHERE state = 'pending';
  CREATE TABLE IF NOT EXISTS factors (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, wrapped_secret BLOB NOT NULL, last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS factors_of_user ON factors (user);
  -- Of the version before: kept for a day at most.
  DROP TABLE IF EXISTS answers;
  CREATE TABLE IF NOT EXISTS kept_answers (
    principal TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, wrapped_body BLOB NOT NULL,
    enrollment TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (principal, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;
`;

export type CoreStorage = Sqlite;

/** Opens the database file, creating it when it is not there. */
export const openCoreStorage = (path: string): CoreStorage => openSqlite(path, SCHEMA);
