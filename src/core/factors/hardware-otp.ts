/** Tokens that show codes, whose seeds the maker delivered: one person each, by its serial number. */
import { HOTP, Secret } from 'otpauth';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { typed } from './code.ts';
import type { Factor, Kept } from './factor.ts';
import { freeToken, releaseToken, takeToken } from './hardware-token-stock.ts';
import { type HotpKept, hotpProof, verifyHotp } from './hotp.ts';
import { type TotpKept, verifyTotp } from './totp.ts';

export const serial = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected the serial number of the token: A-Z a-z 0-9 . _ -');
/** Tokens of the canary begin so; nobody imports one. */
export const CANARY_SERIAL = 'canary-';
const CANARY_SEED = Secret.fromHex('6d757374657263616e6172796d757374657263616e617279');
const options = z.object({ serial });

/** A clock without a network runs away by some minutes in years; the first code tells by how much, and from then on it is followed. */
const MAX_DRIFT_STEPS = 10;

interface HardwareKept extends Kept {
  serial: string;
  /** With the version of the token in the stock, as it was when it was asked for. */
  token: (({ kind: 'totp' } & TotpKept) | ({ kind: 'hotp' } & HotpKept)) & { version: number };
}

export const hardwareOtp: Factor<z.infer<typeof options>, z.infer<typeof hotpProof>> = {
  traits: { assurance: 2 },
  options,
  proof: hotpProof,
  shown: z.object({ serial: z.string() }),
  reserve: ({ serial: number }, statements, vault) => freeToken(number, statements, vault),
  begin({ serial: number }, _surroundings, token) {
    // Whether it is unknown or somebody else's is nobody's business.
    if (!token) throw new MusterError('MUSTER_NOT_FOUND', 'no token with this serial number is free; ask whoever hands them out');
    return { kept: { serial: number, token }, shown: { serial: number } };
  },
  verify(kept, proof, { nowMs }, use) {
    const { token } = kept as HardwareKept;
    const clock = { tolerance: use === 'bind' ? MAX_DRIFT_STEPS : 1, maxDrift: MAX_DRIFT_STEPS, isExplained: use === 'bind' };
    const verdict = token.kind === 'hotp' ? verifyHotp(token, proof, use === 'bind') : verifyTotp(token, typed(proof.code), nowMs, clock);
    return verdict.isRight ? { isRight: true, kept: { ...kept, token: verdict.kept } } : verdict;
  },
  async bound(statements, kept, factorId) {
    const { serial: number, token } = kept as HardwareKept;
    const isOurs = await takeToken(statements, number, token.version, factorId);
    return isOurs ? undefined : 'this token is somebody else’s by now; ask whoever hands them out';
  },
  released: releaseToken,
  isKeptAfterEnd: true,
  identity: (kept) => (kept as HardwareKept).serial,
  canary: {
    options: async (newToken) => ({ serial: await newToken(CANARY_SEED.hex) }),
    prove: () => ({ code: HOTP.generate({ secret: CANARY_SEED, counter: 0 }) }),
  },
  describe: (kept) => ({ serial: (kept as HardwareKept).serial }),
};
