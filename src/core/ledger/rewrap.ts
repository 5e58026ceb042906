/** After a rotation: what is sealed under an older key-encryption key is sealed anew, while everything goes on. */

import type { CoreStorage } from '../storage/storage.ts';
import type { Owner, Vault } from '../vault/vault.ts';
import type { Ledger } from './ledger.ts';

const BATCH = 200;

interface Row {
  id: string;
  person: string;
  sealed: Uint8Array;
  version: number;
}

/** Tables with something sealed: how a row is read, and written if it is still as it was read. */
const TABLES: readonly { kind: Owner['kind']; read: string; write: string }[] = [
  {
    kind: 'enrollment',
    read: `SELECT id, user_id AS person, sealed, version FROM enrollments WHERE id > ? AND state IN ('pending', 'active') ORDER BY id
      LIMIT ${BATCH}`,
    write: 'UPDATE enrollments SET sealed = ?, version = version + 1 WHERE id = ? AND version = ?',
  },
  {
    kind: 'factor',
    read: `SELECT id, user_id AS person, sealed, version FROM factors WHERE id > ? ORDER BY id LIMIT ${BATCH}`,
    write: 'UPDATE factors SET sealed = ?, version = version + 1 WHERE id = ? AND version = ?',
  },
  {
    kind: 'hardware_token',
    read: `SELECT serial AS id, '' AS person, sealed, version FROM hardware_tokens WHERE serial > ? ORDER BY serial LIMIT ${BATCH}`,
    write: 'UPDATE hardware_tokens SET sealed = ? WHERE serial = ? AND version = ?',
  },
];

export interface Rewrapped {
  /** Records that were sealed anew. */
  done: number;
  /** Those that changed meanwhile, and are still under an older key. */
  left: number;
  /** Those that cannot be opened, by table and id; the others go on. */
  unreadable: string[];
}

/** Seals everything under the key in use; kept answers end by themselves within a day. */
export async function rewrap({ storage, vault, ledger }: { storage: CoreStorage; vault: Vault; ledger: Ledger }): Promise<Rewrapped> {
  await vault.renew();
  const result: Rewrapped = { done: 0, left: 0, unreadable: [] };
  for (const { kind, read, write } of TABLES)
    for (let after = ''; ; ) {
      const rows = await storage.all<Row>(read, after);
      const last = rows.at(-1);
      if (!last) break;
      after = last.id;
      for (const row of rows.filter(({ sealed }) => sealed.length > 0 && !vault.isCurrent(sealed))) {
        const owner = { kind, user: row.person, id: row.id };
        const value = await vault.open(row.sealed, owner).catch(() => UNREADABLE);
        if (value === UNREADABLE) result.unreadable.push(`${kind} ${row.id}`);
        else if (await resealed(row, write, vault.seal(value, owner))) result.done += 1;
        else result.left += 1;
      }
    }
  return result;

  /** Under the lock of its person, like every change of a row. */
  async function resealed({ id, person, version }: Row, write: string, anew: Buffer): Promise<boolean> {
    return storage.transaction(async (statements) => {
      if (person !== '') await ledger.lock(statements, person);
      return (await statements.run(write, anew, id, version)) === 1;
    });
  }
}

const UNREADABLE = Symbol('unreadable');
