/** Enrollment tokens: what the host application signs for a person who is logged in there, so that a browser may enroll one factor. */
import { errors, jwtVerify } from 'jose';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { MAX_TOKEN_LIFE_SECONDS, TIME_TO_LIVE_MS } from '../ledger/lifecycle.ts';
import { TIERS, type Tier } from '../policy/policy.ts';
import type { Settings } from '../settings.ts';
import type { Statements } from '../storage/storage.ts';
import { userSchema } from './requests.ts';
import { openTokenKeys } from './token-keys.ts';

const AUDIENCE = 'muster-core';
/** Signatures alone: a key that could also make tokens has no place here. */
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
/** Clocks of two machines. */
const TOLERANCE_SECONDS = 5;
/** How far a token may be issued ahead of this clock: seconds are whole, and clocks that are kept in time differ by less. */
const AHEAD_SECONDS = 1;
/** RFC 8176: more than one factor was used to log in; a key alone may have been the only one. */
const STRONG_METHOD = 'mfa';

const claims = z.object({
  jti: z.string().min(16).max(128),
  sub: userSchema,
  sid: z.string().min(1).max(256),
  iat: z.number(),
  exp: z.number(),
  auth_time: z.number(),
  amr: z.array(z.string()).default([]),
  user_tier: z.enum(TIERS).optional(),
  segment: z.string().min(1).max(64).optional(),
  region: z.string().min(1).max(64).optional(),
  tenant: z.string().min(1).max(64).optional(),
});
const ABOUT = ['user_tier', 'segment', 'region', 'tenant'] as const;

type Claims = z.infer<typeof claims>;

/** A token that is valid for this request. */
export interface BoundToken {
  id: string;
  user: string;
  /** Whether the person logged in with more than a password. */
  isStrong: boolean;
  /** What the host application says of the person, for the policy and the events. */
  about: { user_tier?: Tier; segment?: string; region?: string; tenant?: string };
  /** In milliseconds since 1970. */
  issuedAtMs: number;
  /** Under the lock of its person. @throws MUSTER_TOKEN_USED when a factor was enrolled with it */
  assertUnused(statements: Statements): Promise<void>;
}

/**
 * What a token allowed ends with a reset of its person, or the account. Its second is all that it says of its time.
 * @param notBeforeMs when that was
 * @throws MUSTER_TOKEN_REFUSED
 */
export function assertIssuedSince({ issuedAtMs }: Pick<BoundToken, 'issuedAtMs'>, notBeforeMs: number): void {
  // One issued ahead of our clock may have been there before.
  if (notBeforeMs > 0 && Math.floor(issuedAtMs / 1_000) <= Math.floor(notBeforeMs / 1_000) + AHEAD_SECONDS)
    throw refused('was issued before the factors of this person were reset, or the account ended: ask for a new one');
}

export interface Tokens {
  /**
   * A token that starts an enrollment.
   * @throws MUSTER_TOKEN_REFUSED
   */
  toStart(token: string): Promise<BoundToken>;
  /** What goes on with an enrollment, for as long as that may take. @throws MUSTER_TOKEN_REFUSED */
  toGoOn(token: string): Promise<Omit<BoundToken, 'assertUnused' | 'isStrong'>>;
}

const refused = (why: string, cause?: unknown): MusterError =>
  new MusterError('MUSTER_TOKEN_REFUSED', `the enrollment token ${why}`, { cause });

/** Tokens of the issuer in the settings; without one, none is valid. @throws MUSTER_BAD_ARGUMENT when its keys cannot be read */
export function openTokens(
  settings: Settings['tokens'],
  { now, onProblem }: { now: () => number; onProblem: (message: string) => void },
): Tokens {
  if (!settings) {
    const none = async () => {
      throw refused('cannot be checked: no issuer is configured (tokens in the settings of the core)');
    };
    return { toStart: none, toGoOn: none };
  }
  const keys = openTokenKeys(settings, { now, onProblem });
  const check = async (token: string, toleranceSeconds: number) => {
    const options = {
      issuer: settings.issuer,
      audience: AUDIENCE,
      algorithms: ALGORITHMS,
      currentDate: new Date(now()),
      clockTolerance: toleranceSeconds,
    };
    try {
      const { payload } = await jwtVerify(token, keys, options);
      const claimed = claims.parse(payload);
      if (claimed.iat > now() / 1_000 + AHEAD_SECONDS) throw refused('is of a moment that is yet to come: the clocks differ');
      return claimed;
    } catch (error) {
      if (error instanceof MusterError) throw error;
      if (
        error instanceof errors.JWKSTimeout ||
        (error instanceof errors.JOSEError && error.code === 'ERR_JOSE_GENERIC') ||
        error instanceof TypeError
      )
        throw new MusterError(
          'MUSTER_CORE_UNREACHABLE',
          'the keys of the issuer of enrollment tokens cannot be fetched; send this request again',
          { cause: error },
        );
      if (error instanceof errors.JWTExpired) throw refused('has ended: go back to where you came from, and start again', error);
      if (error instanceof z.ZodError) throw refused(`lacks ${error.issues[0]?.path.join('.')}, or it is not what it must be`, error);
      throw refused('is not one of the configured issuer, or is damaged', error);
    }
  };
  return {
    async toStart(token) {
      const claimed = await check(token, TOLERANCE_SECONDS);
      const { iat, exp, auth_time: authTime, amr } = claimed;
      if (exp - iat > MAX_TOKEN_LIFE_SECONDS) throw refused(`is valid for more than ${MAX_TOKEN_LIFE_SECONDS} s`);
      const age = now() / 1_000 - authTime;
      if (age > settings.max_age_seconds + TOLERANCE_SECONDS) throw refused('is of a log-in that is too long ago: log in again');
      if (age < -TOLERANCE_SECONDS) throw refused('is of a log-in that is yet to come: the clocks differ');
      const bound = boundOf(claimed);
      return { ...bound, isStrong: amr.includes(STRONG_METHOD), assertUnused: (statements) => assertUnused(statements, bound.id) };
    },
    toGoOn: async (token) => boundOf(await check(token, TIME_TO_LIVE_MS / 1_000)),
  };
}

/** Two tokens of one session are two; the same id in another session would be somebody's copy. */
function boundOf(claimed: Claims): Omit<BoundToken, 'assertUnused' | 'isStrong'> {
  const { sid, jti, sub, iat } = claimed;
  const about = Object.fromEntries(ABOUT.filter((name) => claimed[name] !== undefined).map((name) => [name, claimed[name]]));
  return { id: JSON.stringify([sid, jti]), user: sub, about, issuedAtMs: iat * 1_000 };
}

/** A token enrolls one factor; whoever chooses another way, or begins again, has bound nothing yet. */
async function assertUnused(statements: Statements, id: string): Promise<void> {
  const bound = await statements.one(`SELECT 1 AS found FROM enrollments WHERE token_id = ? AND state = 'active' LIMIT 1`, id);
  if (bound) throw new MusterError('MUSTER_TOKEN_USED', 'this enrollment token has enrolled a factor already: ask for a new one');
}
