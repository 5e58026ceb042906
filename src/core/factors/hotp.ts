/** HOTP (RFC 4226): codes of a counter, which may be ahead of ours by presses that nobody typed in. */
import { HOTP, Secret } from 'otpauth';
import { z } from 'zod';
import { isSame, typed } from './code.ts';
import type { Factor, Kept, ProofResult } from './factor.ts';
import { accountFor, accountOf, codeAt, looksLikeCode, otpauthUri, otpOptions, otpShown, SEED_BYTES, type Seed, seedOf } from './otp.ts';

/** RFC 4226 section 7.4, the parameter s: presses that may have been lost. */
const LOOK_AHEAD = 10;
/** With two codes in a row the counter is found again this far: twice six digits are not guessed. */
const RESYNC_AHEAD = 100;

/** @param next_code the code that the device shows after `code`, when it has run ahead */
export const hotpProof = z.strictObject({ code: z.string().max(64), next_code: z.string().max(64).optional() });

export interface HotpKept extends Kept, Seed {
  /** The next counter that is accepted. */
  counter: number;
}

const uri = (kept: Kept, user: string) => otpauthUri('hotp', kept as HotpKept, accountOf(kept as HotpKept, user), { counter: 0 });

export const hotp: Factor<z.infer<typeof otpOptions>, z.infer<typeof hotpProof>> = {
  traits: { assurance: 2 },
  options: otpOptions,
  proof: hotpProof,
  shown: otpShown,
  begin({ algorithm = 'SHA1', digits = 6, device_name: device }, { random, user, issuer, setUps }) {
    const account = accountFor({ device, issuer, setUps });
    const kept: HotpKept = { secret: random(SEED_BYTES[algorithm]).toString('base64'), algorithm, digits, ...account, counter: 0 };
    return { kept, shown: { secret: seedOf(kept).base32, otpauth_uri: uri(kept, user) } };
  },
  verify: (kept, proof, _, use) => verifyHotp(kept as HotpKept, proof, use === 'bind'),
  identity: (kept) => (kept as HotpKept).secret,
  uri,
  canary: { prove: ({ secret }) => ({ code: HOTP.generate({ secret: Secret.fromBase32(String(secret)), counter: 0 }) }) },
};

/**
 * The verdict on a code, or on two that follow each other.
 * @param isExplained whether a counter that ran ahead is told from a wrong code: not to whoever logs in, for it would say which guess will be right
 */
export function verifyHotp(kept: HotpKept, proof: z.infer<typeof hotpProof>, isExplained: boolean): ProofResult {
  const [code, next] = [typed(proof.code), proof.next_code === undefined ? undefined : typed(proof.next_code)];
  if (![code, next ?? code].every((each) => looksLikeCode(each, kept))) return { isRight: false, code: 'wrong_code' };
  const used = counterOf(kept, code, next);
  if (used !== undefined) return { isRight: true, kept: { ...kept, counter: used + (next === undefined ? 1 : 2) } };
  // A single code far ahead is one of a million that fit, so it is no proof; two in a row are.
  const isAhead =
    isExplained && next === undefined && range(kept.counter, RESYNC_AHEAD).some((counter) => isSame(codeAt(kept, counter), code));
  if (!isAhead) return { isRight: false, code: 'wrong_code' };
  return {
    isRight: false,
    code: 'counter_off',
    hint: 'the device has run ahead: type this code, and the next one that it shows',
    fields: { needs_next_code: true },
  };
}

function counterOf(seed: HotpKept, code: string, next: string | undefined): number | undefined {
  const counters = range(seed.counter, next === undefined ? LOOK_AHEAD : RESYNC_AHEAD);
  return counters.find((counter) => isSame(codeAt(seed, counter), code) && (next === undefined || isSame(codeAt(seed, counter + 1), next)));
}

const range = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index);
