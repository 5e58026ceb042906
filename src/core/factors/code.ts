/** Codes that people type: always text, compared in constant time. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Body of a proof that is one code. */
export const codeProof = z.strictObject({ code: z.string().max(64) });

/** As it was meant: digits of any script are digits; spaces, dots, dashes and what cannot be seen are nothing. */
export const typed = (code: string): string =>
  code
    .normalize('NFKC')
    .replace(/[^\p{L}\p{Nd}]/gu, '')
    .replace(/\p{Nd}/gu, (digit) => String(digitOf(digit.codePointAt(0) ?? 0)));

/** Digits of a script stand together, from nought to nine (Unicode Standard, section 4.6, "Decimal digits"). */
function digitOf(codePoint: number): number {
  let zero = codePoint;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return (codePoint - zero) % 10;
}

/** Of fixed length, so that the comparison tells nothing about either. */
const digest = (text: string) => createHash('sha256').update(text).digest();

/** Whether two texts are equal, in a time that says nothing of where they differ. */
export const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

const CODES = 1_000_000;
/** Beyond it the first codes would come up once more than the last. */
const EVEN = Math.floor(2 ** 32 / CODES) * CODES;

/** NIST SP 800-63B-4 section 3.1.3.2: six digits from an approved source, each as likely as any other. */
export function randomCode(random: (bytes: number) => Buffer): string {
  let drawn = EVEN;
  while (drawn >= EVEN) drawn = random(4).readUInt32BE();
  return String(drawn % CODES).padStart(6, '0');
}
