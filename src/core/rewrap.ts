/** After a rotation: what is sealed under an older key-encryption key is sealed anew, while everything goes on. */
import type { CoreStorage } from './storage/storage.ts';
import type { Owner, Vault } from './vault/vault.ts';

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
    read: `SELECT id, user_id AS person, sealed, version FROM enrollments WHERE id > ? AND state IN ('pending', 'active') ORDER BY id LIMIT ${BATCH}`,
    write: 'UPDATE enrollments SET sealed = ?, version = version + 1 WHERE id = ? AND version = ?',
  },
  {
    kind: 'factor',
    read: `SELECT id, user_id AS person, sealed, version FROM factors WHERE id > ? ORDER BY id LIMIT ${BATCH}`,
    write: 'UPDATE factors SET sealed = ?, version = version + 1 WHERE id = ? AND version = ?',
  },
  {
    kind: 'hardware_token',
    read: `SELECT serial AS id, '' AS person, sealed, 0 AS version FROM hardware_tokens WHERE serial > ? ORDER BY serial LIMIT ${BATCH}`,
    write: 'UPDATE hardware_tokens SET sealed = ? WHERE serial = ? AND 0 = ?',
  },
];

/**
 * Seals everything under the key in use; kept answers end by themselves within a day.
 * @returns how many were sealed anew, and how many are still under an older key because they changed meanwhile
 */
export async function rewrap({ storage, vault }: { storage: CoreStorage; vault: Vault }): Promise<{ done: number; left: number }> {
  await vault.renew();
  let done = 0;
  let left = 0;
  for (const { kind, read, write } of TABLES)
    for (let after = ''; ; ) {
      const rows = await storage.all<Row>(read, after);
      const last = rows.at(-1);
      if (!last) break;
      after = last.id;
      for (const { id, person, sealed, version } of rows.filter((row) => row.sealed.length > 0 && !vault.isCurrent(row.sealed))) {
        const owner = { kind, user: person, id };
        const anew = vault.seal(await vault.open(sealed, owner), owner);
        if ((await storage.run(write, anew, id, version)) === 1) done += 1;
        else left += 1;
      }
    }
  return { done, left };
}
