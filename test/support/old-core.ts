/** The core's file as the version before numbered migrations wrote it. */
import { createVault } from '../../src/privacy/vault.ts';
import { openSqlite } from '../../src/system/sqlite.ts';

const SCHEMA = `
  CREATE TABLE enrollments (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, state TEXT NOT NULL, wrapped_secret BLOB NOT NULL,
    attempts_left INTEGER NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, factor_id TEXT, labels TEXT NOT NULL
  ) STRICT;
  CREATE INDEX enrollments_open ON enrollments (user, factor_type) WHERE state = 'pending';
  CREATE INDEX enrollments_waiting ON enrollments (expires_at) WHERE state = 'pending';
  CREATE TABLE factors (
    id TEXT PRIMARY KEY, user TEXT NOT NULL, factor_type TEXT NOT NULL, wrapped_secret BLOB NOT NULL, last_step INTEGER NOT NULL,
    created_at INTEGER NOT NULL, state TEXT NOT NULL
  ) STRICT;
  CREATE INDEX factors_of_user ON factors (user);
  CREATE TABLE kept_answers (
    principal TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, wrapped_body BLOB NOT NULL,
    enrollment TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (principal, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE outbox (n INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL) STRICT;`;

/** A person with a factor, and an event that was not delivered yet. */
export async function writeOldCore(path: string): Promise<{ user: string; secretHex: string; key: Buffer }> {
  const key = Buffer.alloc(32, 5);
  const secret = Buffer.from('12345678901234567890');
  const file = openSqlite(path, SCHEMA);
  const wrapped = createVault(key).wrap(secret, 'factor-1');
  file.run("INSERT INTO factors VALUES ('factor-1', 'Ada@example.org', 'totp', ?, 0, 1000, 'active')", wrapped);
  file.run(`INSERT INTO enrollments VALUES ('enrollment-1', 'Ada@example.org', 'totp', 'active', ?, 5, 0, 0, 'factor-1', '{}')`, wrapped);
  file.run('INSERT INTO outbox (event) VALUES (?)', JSON.stringify({ type: 'enrollment.started' }));
  file.close();
  return { user: 'ada@example.org', secretHex: secret.toString('hex'), key };
}
