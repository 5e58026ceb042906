/** Import of the seeds of hardware tokens. */
import { Secret } from 'otpauth';
import { MusterError } from '../../errors.ts';
import { MIN_SEED_BYTES } from '../factors/otp.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import type { HardwareTokens } from './requests.ts';

/** RFC 4648 section 6: without padding these remainders of eight cannot occur. */
const IMPOSSIBLE_LENGTHS = new Set([1, 3, 6]);

/** The bytes of a seed as its maker wrote it. @throws MUSTER_BAD_ARGUMENT */
function decodeSeed(secret: HardwareTokens[number]['secret'], serial: string): Buffer {
  const fail = (why: string) => new MusterError('MUSTER_BAD_ARGUMENT', `tokens: ${serial}: ${why}`);
  const bytes = 'base32' in secret ? fromBase32(secret.base32) : 'hex' in secret ? fromHex(secret.hex) : fromBase64(secret.base64);
  if (!bytes) throw fail('its secret is not what it says it is');
  if (bytes.length < MIN_SEED_BYTES) throw fail(`its secret has ${bytes.length} bytes; expected ${MIN_SEED_BYTES} or more`);
  return bytes;
}

/** As people and makers write it: lower case, spaces and dashes too. Undefined when it cannot be base32. */
export function fromBase32(text: string): Buffer | undefined {
  const letters = text.toUpperCase().replace(/[\s-]/g, '').replace(/=+$/, '');
  if (!/^[A-Z2-7]*$/.test(letters) || IMPOSSIBLE_LENGTHS.has(letters.length % 8)) return undefined;
  return Buffer.from(Secret.fromBase32(letters).bytes);
}

/** With or without padding; a seed in hex would decode to something as well, and is refused for its length or its digits. */
const fromBase64 = (text: string): Buffer | undefined => {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '') && !/^[0-9a-f]+$/i.test(text) ? bytes : undefined;
};

const fromHex = (text: string): Buffer | undefined => {
  const digits = text.replace(/[\s:-]/g, '');
  return /^(?:[0-9a-f]{2})*$/i.test(digits) ? Buffer.from(digits, 'hex') : undefined;
};

export interface ImportDeps {
  storage: CoreStorage;
  vault: Vault;
  now: () => number;
}

/**
 * Takes tokens in: all of them, or none. Returns how many are new; one that is there stays as it is, unless whoever held it was forgotten: then
 * nobody knows how far it has come, and it begins anew.
 */
export async function importTokens(
  tokens: HardwareTokens,
  { storage, vault, now }: ImportDeps,
  inside: (statements: Statements, taken: number) => Promise<void> = async () => {},
): Promise<number> {
  const rows = tokens.map(({ serial, kind, secret, algorithm, digits, period, counter }) => {
    const seed = { secret: decodeSeed(secret, serial).toString('base64'), algorithm, digits };
    const kept = kind === 'totp' ? { kind, ...seed, period, lastStep: 0, drift: 0 } : { kind, ...seed, counter };
    return { serial, sealed: vault.seal(kept, { kind: 'hardware_token', user: '', id: serial }) };
  });
  return storage.transaction(async (statements) => {
    let taken = 0;
    for (const { serial, sealed } of rows)
      taken += await statements.run(
        `INSERT INTO hardware_tokens (serial, sealed, version, imported_at) VALUES (?, ?, 0, ?)
         ON CONFLICT (serial) DO UPDATE SET sealed = excluded.sealed, factor_id = NULL, last_factor = NULL,
           version = hardware_tokens.version + 1
         WHERE NOT EXISTS (SELECT 1 FROM factors WHERE id = COALESCE(hardware_tokens.factor_id, hardware_tokens.last_factor))
           AND COALESCE(hardware_tokens.factor_id, hardware_tokens.last_factor) IS NOT NULL`,
        serial,
        sealed,
        now(),
      );
    await inside(statements, taken);
    return taken;
  });
}
