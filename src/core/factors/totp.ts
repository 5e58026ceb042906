/** TOTP (RFC 6238): steps of 30 s, one step of drift on either side of the clock that was seen last. */
import { Secret, TOTP } from 'otpauth';
import type { z } from 'zod';
import { codeProof, isSame, typed } from './code.ts';
import type { Factor, Kept, ProofResult } from './factor.ts';
import { accountFor, accountOf, codeAt, looksLikeCode, otpauthUri, otpOptions, otpShown, SEED_BYTES, type Seed, seedOf } from './otp.ts';

const PERIOD_SECONDS = 30;
/** RFC 6238 section 5.2: at most one time step for the network; here on either side, since clocks are off either way. */
const TOLERANCE_STEPS = 1;
/** RFC 6238 section 6: the drift that was seen is remembered, up to this. */
const MAX_DRIFT_STEPS = 3;
/** A clock that is further off than this is not told from a wrong code. Told only; it proves nothing. */
const EXPLAINED_STEPS = 10;

export interface TotpKept extends Kept, Seed {
  /** The step of the last code that was accepted: RFC 6238 section 5.2 forbids a second use, of it and of any before. */
  lastStep: number;
  /** Steps by which the device was ahead the last time. */
  drift: number;
  /** Of a token that is not like the others. @default 30 */
  period?: number;
}

const uri = (kept: Kept, user: string) =>
  otpauthUri('totp', kept as TotpKept, accountOf(kept as TotpKept, user), { period: PERIOD_SECONDS });

export const totp: Factor<z.infer<typeof otpOptions>, z.infer<typeof codeProof>> = {
  traits: { assurance: 2 },
  options: otpOptions,
  proof: codeProof,
  shown: otpShown,
  begin({ algorithm = 'SHA1', digits = 6, device_name: device }, { random, user, issuer, setUps }) {
    const account = accountFor({ device, issuer, setUps });
    const kept: TotpKept = {
      secret: random(SEED_BYTES[algorithm]).toString('base64'),
      algorithm,
      digits,
      ...account,
      lastStep: 0,
      drift: 0,
    };
    return { kept, shown: { secret: seedOf(kept).base32, otpauth_uri: uri(kept, user) } };
  },
  verify: (kept, { code }, { nowMs }, use) =>
    verifyTotp(kept as TotpKept, typed(code), nowMs, {
      tolerance: TOLERANCE_STEPS,
      maxDrift: use === 'bind' ? TOLERANCE_STEPS : MAX_DRIFT_STEPS,
      isExplained: use === 'bind',
    }),
  identity: (kept) => (kept as TotpKept).secret,
  uri,
  canary: {
    prove: ({ secret }, { nowMs }) => ({ code: TOTP.generate({ secret: Secret.fromBase32(String(secret)), timestamp: nowMs }) }),
  },
};

export interface Clock {
  /** Steps on either side of the drift that was seen last. */
  tolerance: number;
  /** Steps beyond which a clock is refused, however slowly it got there. */
  maxDrift: number;
  /** Whether a clock that is off is told from a wrong code: not to whoever logs in, for it would say which guess will be right later. */
  isExplained: boolean;
}

/** The verdict on a code. */
export function verifyTotp(kept: TotpKept, code: string, nowMs: number, { tolerance, maxDrift, isExplained }: Clock): ProofResult {
  const period = kept.period ?? PERIOD_SECONDS;
  const now = Math.floor(nowMs / 1_000 / period);
  if (!looksLikeCode(code, kept)) return { isRight: false, code: 'wrong_code' };
  // Around the true time too: a clock that was set right must not lock its owner out.
  const near = [...around(kept.drift, tolerance), ...around(0, tolerance)].filter((delta) => Math.abs(delta) <= maxDrift);
  const delta = near.find((each) => isCodeOf(kept, code, now + each));
  if (delta === undefined) {
    const off = isExplained ? around(0, EXPLAINED_STEPS).find((each) => isCodeOf(kept, code, now + each)) : undefined;
    return off === undefined ? { isRight: false, code: 'wrong_code' } : clockOff(off * period);
  }
  if (now + delta <= kept.lastStep) return { isRight: false, code: 'code_used', hint: 'this code was used before: wait for the next' };
  return { isRight: true, kept: { ...kept, lastStep: now + delta, drift: delta } };
}

const isCodeOf = (seed: Seed, code: string, step: number): boolean => step >= 0 && isSame(codeAt(seed, step), code);

/** The nearest first. */
const around = (middle: number, reach: number): number[] => [
  middle,
  ...Array.from({ length: reach }, (_, index) => [middle - index - 1, middle + index + 1]).flat(),
];

const clockOff = (seconds: number): ProofResult => ({
  isRight: false,
  code: 'clock_off',
  hint: `the clock of the device is about ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}: set it to automatic time, and type the next code`,
  fields: { clock_offset_seconds: seconds },
});
