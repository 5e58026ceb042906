/** Hardware tokens that were imported: which of them are nobody's, whose they are, and what their last owner left of them. */
import type { Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import type { Kept } from './factor.ts';

interface TokenRow {
  serial: string;
  sealed: Uint8Array;
  last_factor: string | null;
  version: number;
}

/** What a token that is nobody's keeps: as it was imported, or as whoever held it last left it. Undefined when there is none. */
export async function freeToken(serial: string, statements: Statements, vault: Pick<Vault, 'open'>): Promise<Kept | undefined> {
  const sql = 'SELECT serial, sealed, last_factor, version FROM hardware_tokens WHERE serial = ? AND factor_id IS NULL';
  const row = await statements.one<TokenRow>(sql, serial);
  if (!row) return undefined;
  const { version, last_factor: last } = row;
  if (last === null) return { ...(await vault.open<Kept>(row.sealed, { kind: 'hardware_token', user: '', id: serial })), version };
  const factor = await statements.one<{ id: string; user_id: string; sealed: Uint8Array }>(
    'SELECT id, user_id, sealed FROM factors WHERE id = ?',
    last,
  );
  const kept = factor && (await vault.open<{ token: Kept }>(factor.sealed, { kind: 'factor', user: factor.user_id, id: factor.id }));
  return kept && { ...kept.token, version };
}

/** Binds a token to a factor. Whether it still was free, and as it was when it was asked for. */
export async function takeToken(statements: Statements, serial: string, version: number, factorId: string): Promise<boolean> {
  const sql = 'UPDATE hardware_tokens SET factor_id = ?, version = version + 1 WHERE serial = ? AND factor_id IS NULL AND version = ?';
  return (await statements.run(sql, factorId, serial, version)) === 1;
}

/** The token of a factor that has ended may be handed out again; the factor knows how far counter and clock have come, so no code of before comes back. */
export async function releaseToken(statements: Statements, factorId: string): Promise<void> {
  const sql = 'UPDATE hardware_tokens SET factor_id = NULL, last_factor = ?, version = version + 1 WHERE factor_id = ?';
  await statements.run(sql, factorId, factorId);
}
