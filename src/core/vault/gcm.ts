/** AES-256-GCM (NIST SP 800-38D) with a fresh nonce of 96 bits for each message: nonce ‖ ciphertext ‖ tag. */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Seals with AES-256-GCM: a nonce of its own, then the ciphertext with its tag. @param associated is held against what `decrypt` is given */
export function encrypt(key: KeyObject, plain: Uint8Array, associated: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(associated);
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** @throws when a byte of it, or of `associated`, is another */
export function decrypt(key: KeyObject, sealed: Buffer, associated: Uint8Array): Buffer {
  // Without its length a tag cut to four bytes would pass.
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
    .setAAD(associated)
    .setAuthTag(sealed.subarray(Math.max(NONCE_BYTES, sealed.length - TAG_BYTES)));
  return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
