/** Recovery codes: ten secrets of 128 bits, shown once, each good once, in letters and digits that cannot be taken for one another. */
import { z } from 'zod';
import { codeProof, isSame, typed } from './code.ts';
import type { Factor, Kept } from './factor.ts';

const CODES = 10;
/** NIST SP 800-63B-4 section 3.1.2.2 and ASVS 6.5.2: from 112 bits on a plain approved hash is enough. */
const CODE_BYTES = 16;
/** The last group takes what would be left over. */
const GROUP = /.{5}(?=.{5})/g;

/** Without B, I, L and O, which look like 8, 1 and 0: whoever writes them down or reads them out means the digit. */
const ALPHABET = '0123456789ACDEFGHJKMNPQRSTUVWXYZ';
const SYMBOL_BITS = 5n;
const SYMBOLS = Math.ceil((CODE_BYTES * 8) / Number(SYMBOL_BITS));

/** A code of some random bytes, five bits a symbol. */
function codeOf(bytes: Buffer): string {
  let rest = BigInt(`0x${bytes.toString('hex')}`);
  let code = '';
  for (let i = 0; i < SYMBOLS; i++) {
    code = `${ALPHABET[Number(rest & 31n)]}${code}`;
    rest >>= SYMBOL_BITS;
  }
  return code;
}

/** A code as it was made: whatever look-alike was typed, it means the one that codes have. */
const meant = (code: string): string => typed(code).toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1').replaceAll('B', '8');

/** What a code of an older version may have been, which were of base32: no 0, 1 and 8, but O, I, L and B. */
function meantBefore(code: string): string[] {
  const old = typed(code).toUpperCase().replaceAll('0', 'O').replaceAll('8', 'B');
  return [...new Set([old, old.replaceAll('1', 'I'), old.replaceAll('1', 'L')])];
}

export interface RecoveryKept extends Kept {
  pepper: number;
  /** Of the codes that are still good. */
  digests: string[];
}

export const recoveryCode: Factor<Record<string, never>, z.infer<typeof codeProof>> = {
  traits: { assurance: 2 },
  options: z.object({}),
  proof: codeProof,
  shown: z.object({ codes: z.array(z.string()) }),
  begin(_, { random, vault }) {
    const codes = Array.from({ length: CODES }, () => codeOf(random(CODE_BYTES)));
    const made = codes.map((code) => vault.pepper(code));
    const kept: RecoveryKept = { pepper: made[0]?.version ?? 0, digests: made.map(({ digest }) => digest) };
    return { kept, shown: { codes: codes.map((code) => code.replace(GROUP, '$&-')) } };
  },
  verify(kept, { code }, { vault }) {
    const { pepper, digests } = kept as RecoveryKept;
    const given = [meant(code), ...meantBefore(code)].map((each) => vault.pepper(each, pepper).digest);
    const left = digests.filter((each) => !given.some((digest) => isSame(each, digest)));
    if (left.length === digests.length) return { isRight: false, code: 'wrong_code' };
    return { isRight: true, kept: { ...kept, digests: left } };
  },
  alsoEmits: 'recovery.codes_issued',
  identity: (kept) => (kept as RecoveryKept).digests.join(),
  canary: { prove: ({ codes }) => ({ code: (codes as string[])[0] }) },
  describe: (kept) => ({ codes_left: (kept as RecoveryKept).digests.length }),
};
