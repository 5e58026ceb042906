/** The public key of a device that answers pushes: one key, however its point is written. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { MusterError } from '../../errors.ts';

/** SubjectPublicKeyInfo of what is taken, each with a key of that many bytes behind it: RFC 8410 section 4, RFC 5480 section 2. */
const FORMS = [
  { head: '302a300506032b6570032100', keyBytes: 32 },
  { head: '3059301306072a8648ce3d020106082a8648ce3d03010703420004', keyBytes: 64 },
  { head: '3039301306072a8648ce3d020106082a8648ce3d03010703220002', keyBytes: 32 },
  { head: '3039301306072a8648ce3d020106082a8648ce3d03010703220003', keyBytes: 32 },
].map(({ head, keyBytes }) => ({ head: Buffer.from(head, 'hex'), keyBytes }));

/**
 * The key in base64url of a SubjectPublicKeyInfo: Ed25519, or P-256 with its point whole or compressed.
 * @throws MUSTER_BAD_ARGUMENT for another key, and for anything before, in or behind it
 */
export function pushKey(publicKey: string): KeyObject {
  const bytes = Buffer.from(publicKey, 'base64url');
  const isTaken = FORMS.some(
    ({ head, keyBytes }) => bytes.length === head.length + keyBytes && bytes.subarray(0, head.length).equals(head),
  );
  try {
    if (isTaken) return createPublicKey({ key: bytes, format: 'der', type: 'spki' });
  } catch {
    // No point of the curve.
  }
  throw new MusterError(
    'MUSTER_BAD_ARGUMENT',
    'public_key: expected the SubjectPublicKeyInfo of a P-256 or Ed25519 key in base64url, and nothing behind it',
  );
}

/** The one way in which a key is kept: its point whole, without padding. */
export const canonicalPushKey = (publicKey: string): string =>
  createPublicKey({ key: pushKey(publicKey).export({ format: 'jwk' }), format: 'jwk' })
    .export({ type: 'spki', format: 'der' })
    .toString('base64url');
