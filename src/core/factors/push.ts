/** Push with number matching: the browser shows a number, the person types it into the app, and the device signs it. "Approve?" is no question here. */
import { generateKeyPairSync, verify as isSigned, sign } from 'node:crypto';
import { z } from 'zod';
import { isSame, randomCode, typed } from './code.ts';
import type { Factor, Kept, ProofResult, Renewal, Surroundings } from './factor.ts';
import { canonicalPushKey, pushKey } from './push-key.ts';

/** NIST SP 800-63B-4 section 3.1.3.2: six digits; sections 3.1.6.2 and 3.1.7.2: a nonce of at least 64 bits. */
const NONCE_BYTES = 16;
const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/, 'expected base64url');

const options = z.object({ public_key: base64url.max(1_024).describe('SubjectPublicKeyInfo of the device, P-256 or Ed25519, base64url') });
const proof = z.union(
  [
    z.strictObject({ number: z.string().min(1).max(16), signature: base64url.max(1_024) }),
    z.strictObject({ deny: z.literal(true), signature: base64url.max(1_024) }),
  ],
  { error: 'expected number and signature: an approval without the number is not taken; or deny and signature' },
);

export interface PushKept extends Kept {
  publicKey: string;
  /** Absent once it was answered. */
  open?: { number: string; nonce: string };
}

/** What the device signs: each part on a line of its own. */
export const signedText = (id: string, answer: string, nonce: string): Buffer => Buffer.from(`muster-push\n${id}\n${answer}\n${nonce}`);

export const push: Factor<z.infer<typeof options>, z.infer<typeof proof>> = {
  traits: { assurance: 2 },
  options,
  proof,
  shown: z.object({ number: z.string(), nonce: z.string(), about: z.string().describe('what the device signs beside them') }),
  begin({ public_key: publicKey }, surroundings) {
    const { apply, ...first } = challenge(surroundings);
    return { kept: apply({ publicKey: canonicalPushKey(publicKey) }), ...first };
  },
  again: (_, surroundings) => challenge(surroundings),
  verify(kept, answer, { id }): ProofResult {
    const { publicKey, open } = kept as PushKept;
    const used = { publicKey };
    if (!open) return { isRight: false, code: 'no_challenge', hint: 'there is nothing to answer: ask for a new number' };
    const said = 'deny' in answer ? 'deny' : typed(answer.number);
    if (!isSignedBy(publicKey, signedText(id, said, open.nonce), answer.signature)) return { isRight: false, code: 'wrong_signature' };
    if ('deny' in answer) return { isRight: false, code: 'denied', kept: used, isDenied: true, isFinal: true };
    // A second guess would make the number worth a hundredth of what it is.
    if (!isSame(said, open.number))
      return { isRight: false, code: 'wrong_number', kept: used, isFinal: true, hint: 'start again for a new number' };
    return { isRight: true, kept: used };
  },
  identity: (kept) => canonicalPushKey((kept as PushKept).publicKey),
  canary: {
    options: async () => ({ public_key: canaryKeys().publicKey.export({ format: 'der', type: 'spki' }).toString('base64url') }),
    prove: ({ number, nonce }, { id }) => ({
      number,
      signature: sign(null, signedText(id, String(number), String(nonce)), canaryKeys().privateKey).toString('base64url'),
    }),
  },
};

let keys: ReturnType<typeof generateKeyPairSync> | undefined;
const canaryKeys = () => {
  keys ??= generateKeyPairSync('ed25519');
  return keys;
};

function challenge({ id, random }: Surroundings): Renewal {
  const open = { number: randomCode(random), nonce: random(NONCE_BYTES).toString('base64url') };
  return { shown: { number: open.number, nonce: open.nonce, about: id }, apply: (kept) => ({ ...kept, open }) };
}

function isSignedBy(publicKey: string, text: Buffer, signature: string): boolean {
  const key = pushKey(publicKey);
  const hash = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  // As WebCrypto and the keystores of phones give it for P-256: r ‖ s, or DER.
  const bytes = Buffer.from(signature, 'base64url');
  return (
    isSigned(hash, text, { key, dsaEncoding: 'ieee-p1363' }, bytes) ||
    (hash !== null && isSigned(hash, text, { key, dsaEncoding: 'der' }, bytes))
  );
}
