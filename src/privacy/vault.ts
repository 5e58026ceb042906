/** The vault: secrets are only stored wrapped (AES-256-GCM, NIST SP 800-38D), each bound to the record that it belongs to. */
import { createCipheriv, createDecipheriv, createSecretKey, randomFillSync } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Drawn for many nonces at once: asking for twelve bytes costs as much as asking for thousands. */
const pool = Buffer.alloc(NONCE_BYTES * 512);
let used = pool.length;

function nextNonce(): Buffer {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += NONCE_BYTES;
  return Buffer.from(pool.subarray(used - NONCE_BYTES, used));
}

export interface Vault {
  /** nonce ‖ ciphertext ‖ tag; `owner` must be the same to unwrap. */
  wrap(secret: Uint8Array, owner: string): Buffer;
  /** @throws when the bytes were altered or belong to another owner */
  unwrap(wrapped: Uint8Array, owner: string): Buffer;
}

/** A vault under a key of 32 bytes. */
export function createVault(bytes: Buffer): Vault {
  const key = createSecretKey(bytes);
  return {
    wrap(secret, owner) {
      const nonce = nextNonce();
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(owner));
      return Buffer.concat([nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
    },
    unwrap(wrapped, owner) {
      const bytes = Buffer.from(wrapped);
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(owner))
        .setAuthTag(bytes.subarray(-TAG_BYTES));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    },
  };
}
