/** Codes that people type: always text, compared in constant time. */
import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';

/** Body of a proof that is one code. */
export const codeProof = z.strictObject({ code: z.string().max(64) });

/** As it was meant: full-width digits are digits, and spaces and dashes between groups are nothing. */
export const typed = (code: string): string => code.normalize('NFKC').replace(/[\s\-‐-―]/g, '');

/** Of fixed length, so that the comparison tells nothing about either. */
const digest = (text: string) => createHash('sha256').update(text).digest();

/** Whether two texts are equal, in a time that says nothing of where they differ. */
export const isSame = (one: string, other: string): boolean => timingSafeEqual(digest(one), digest(other));

/** NIST SP 800-63B-4 section 3.1.3.2: six digits from an approved source. */
export const randomCode = (): string => String(randomInt(1_000_000)).padStart(6, '0');
