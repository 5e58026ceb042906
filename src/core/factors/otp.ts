/** Seeds of one-time passwords: what HOTP, TOTP and hardware tokens have in common. */
import { HOTP, Secret } from 'otpauth';
import { z } from 'zod';

export const ALGORITHMS = ['SHA1', 'SHA256', 'SHA512'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

/** RFC 4226 section 4, R6, recommends 160 bits; RFC 6238 section 1.2 and its erratum 2866: as long as the output of the hash. */
export const SEED_BYTES: Record<Algorithm, number> = { SHA1: 20, SHA256: 32, SHA512: 64 };
/** NIST SP 800-63B-4 section 3.1.4.1: 112 bits. */
export const MIN_SEED_BYTES = 14;

/** Options of HOTP and TOTP. SHA-1 and six digits are what every authenticator app reads; some pass over anything else. */
export const otpShown = z.object({ secret: z.string().describe('base32'), otpauth_uri: z.string(), qr_svg: z.string() });
export const otpOptions = z.object({
  algorithm: z.enum(ALGORITHMS).optional(),
  digits: z.union([z.literal(6), z.literal(8)], { error: 'expected 6 or 8' }).optional(),
  device_name: z.string().max(64).optional().describe('on which device it is kept, in words: told apart by it in the app'),
});

export interface Seed {
  /** Base64. */
  secret: string;
  algorithm: Algorithm;
  digits: number;
  /** Of the account in an authenticator app. @default that of {@link accountOf} */
  issuer?: string;
  device?: string;
}

/** The secret as the library for one-time passwords takes it. */
export const seedOf = ({ secret }: Seed): Secret => new Secret({ buffer: Uint8Array.from(Buffer.from(secret, 'base64')).buffer });

/** RFC 4226 section 5.3. */
export const codeAt = (seed: Seed, counter: number): string =>
  HOTP.generate({ secret: seedOf(seed), algorithm: seed.algorithm, digits: seed.digits, counter });

/** Whether this could be a code of the seed at all. */
export const looksLikeCode = (code: string, { digits }: Seed): boolean => code.length === digits && /^[0-9]+$/.test(code);

/** Who the account is with, in an authenticator app, unless the settings say otherwise. */
export const DEFAULT_ISSUER = 'Muster';
/** Longer labels make codes that a camera does not read. */
const MAX_LABEL = 96;

const MAX_DEVICE = 24;

/** Whose a seed is, as an authenticator app names it: two of one person must not look alike. */
export interface Account {
  user: string;
  issuer: string;
  /** Name of the device, or which one it is; empty for a first one without a name. */
  device: string;
}

/** What a new seed keeps of its account. @param of.setUps how often the person has begun to set one up before */
export const accountFor = (of: { device: string | undefined; issuer: string; setUps: number }): Pick<Seed, 'issuer' | 'device'> => ({
  issuer: of.issuer,
  device: of.device?.trim() || (of.setUps > 0 ? String(of.setUps + 1) : ''),
});

/** The account of a seed; those of an older version know of none. */
export const accountOf = ({ issuer = DEFAULT_ISSUER, device = '' }: Seed, user: string): Account => ({ user, issuer, device });

const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}]/gu, '')
    .replaceAll(':', ' ')
    .trim();

/**
 * The URI that authenticator apps take over (Key Uri Format of Google Authenticator). A colon parts issuer and account, so neither has one.
 * @param account whose it is, and which of theirs
 * @param moving `period` or `counter`
 */
export function otpauthUri(type: 'totp' | 'hotp', seed: Seed, { user, issuer, device }: Account, moving: Record<string, number>): string {
  const suffix = device === '' ? '' : ` (${plain(device).slice(0, MAX_DEVICE)})`;
  const account = `${plain(user).slice(0, MAX_LABEL - suffix.length)}${suffix}`;
  const parameters = { secret: seedOf(seed).base32, issuer, algorithm: seed.algorithm, digits: seed.digits, ...moving };
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `otpauth://${type}/${encodeURIComponent(issuer)}:${encodeURIComponent((account || 'user').toWellFormed())}?${query.join('&')}`;
}
