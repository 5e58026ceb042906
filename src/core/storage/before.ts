/** What a version before kept of the core: its tables are set aside, and their rows taken over once the vault is open. */

import { createVault } from '../../privacy/vault.ts';
import type { Sqlite } from '../../system/sqlite.ts';
import type { Vault } from '../vault/vault.ts';
import type { CoreStorage } from './storage.ts';

const OLD_INDEXES = ['enrollments_open', 'enrollments_waiting', 'factors_of_user'];
const OLD_TABLES = ['enrollments', 'factors'];

const has = (database: Sqlite, table: string) =>
  database.one(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?`, table) !== undefined;

/** Renames the tables from before there were numbered migrations. */
export function setOldTablesAside(database: Sqlite): void {
  if (!has(database, 'enrollments') || has(database, 'core_migrations')) return;
  database.transaction(() => {
    for (const index of OLD_INDEXES) database.exec(`DROP INDEX IF EXISTS ${index}`);
    for (const table of OLD_TABLES) database.exec(`ALTER TABLE ${table} RENAME TO old_${table}`);
    database.exec('DROP TABLE IF EXISTS kept_answers; DROP TABLE IF EXISTS answers');
  });
}

interface OldFactor {
  id: string;
  user: string;
  wrapped_secret: Uint8Array;
  last_step: number;
  created_at: number;
  state: string;
}

/**
 * Takes the factors over, once. What was pending had ten minutes at most, and is left behind.
 * @param oldKey under which their secrets were wrapped
 */
export async function takeOldFactors(storage: CoreStorage, vault: Vault, oldKey: Buffer): Promise<void> {
  const isThere = await storage.one(`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = 'old_factors'`);
  if (!isThere) return;
  const old = createVault(oldKey);
  await storage.transaction(async (statements) => {
    for (const row of await statements.all<OldFactor>('SELECT * FROM old_factors')) {
      const secret = old.unwrap(row.wrapped_secret, row.id).toString('base64');
      const kept: Record<string, unknown> = { secret, algorithm: 'SHA1', digits: 6, lastStep: row.last_step, drift: 0 };
      const { user } = row;
      await statements.run('INSERT INTO people (user_id, epoch) VALUES (?, 0) ON CONFLICT (user_id) DO NOTHING', user);
      await statements.run(
        `INSERT INTO factors (id, user_id, factor_type, state, version, sealed, failures, sends, may_send_at, identity, created_at, labels)
         VALUES (?, ?, 'totp', ?, 0, ?, 0, 0, 0, ?, ?, '{}')`,
        row.id,
        user,
        row.state,
        vault.seal(kept, { kind: 'factor', user, id: row.id }),
        vault.mark('totp', secret),
        row.created_at,
      );
    }
    for (const table of OLD_TABLES) await statements.run(`DROP TABLE old_${table}`);
  });
}
