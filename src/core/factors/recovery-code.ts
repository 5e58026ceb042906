/** Recovery codes: ten secrets of 128 bits, shown once, each good once. */
import { Secret } from 'otpauth';
import { z } from 'zod';
import { codeProof, isSame, typed } from './code.ts';
import type { Factor, Kept } from './factor.ts';

const CODES = 10;
/** NIST SP 800-63B-4 section 3.1.2.2 and ASVS 6.5.2: from 112 bits on a plain approved hash is enough. */
const CODE_BYTES = 16;
/** The last group takes what would be left over. */
const GROUP = /.{5}(?=.{5})/g;

export interface RecoveryKept extends Kept {
  pepper: number;
  /** Of the codes that are still good. */
  digests: string[];
}

export const recoveryCode: Factor<Record<string, never>, z.infer<typeof codeProof>> = {
  traits: { assurance: 2 },
  options: z.object({}),
  proof: codeProof,
  begin(_, { random, vault }) {
    const codes = Array.from({ length: CODES }, () => new Secret({ buffer: Uint8Array.from(random(CODE_BYTES)).buffer }).base32);
    const made = codes.map((code) => vault.pepper(code));
    const kept: RecoveryKept = { pepper: made[0]?.version ?? 0, digests: made.map(({ digest }) => digest) };
    return { kept, shown: { codes: codes.map((code) => code.replace(GROUP, '$&-')) } };
  },
  verify(kept, { code }, { vault }) {
    const { pepper, digests } = kept as RecoveryKept;
    const { digest } = vault.pepper(typed(code).toUpperCase(), pepper);
    const left = digests.filter((each) => !isSame(each, digest));
    if (left.length === digests.length) return { isRight: false, code: 'wrong_code' };
    return { isRight: true, kept: { ...kept, digests: left } };
  },
  alsoEmits: 'recovery.codes_issued',
  identity: (kept) => (kept as RecoveryKept).digests.join(),
  canary: { prove: ({ codes }) => ({ code: (codes as string[])[0] }) },
  describe: (kept) => ({ codes_left: (kept as RecoveryKept).digests.length }),
};
