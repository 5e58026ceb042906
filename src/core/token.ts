/** Enrollment tokens: what the host application signs for a person who is logged in there, so that a browser may enroll one factor. */
import { readFile } from 'node:fs/promises';
import { createLocalJWKSet, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { z } from 'zod';
import { MusterError } from '../errors.ts';
import { TIME_TO_LIVE_MS } from './lifecycle.ts';
import { TIERS, type Tier } from './policy/policy.ts';
import type { Settings } from './settings.ts';
import type { Statements } from './storage/storage.ts';

const AUDIENCE = 'muster-core';
/** Signatures alone: a key that could also make tokens has no place here. */
const ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'Ed25519', 'PS256', 'RS256'];
/** NIST SP 800-63B-4 section 4.1.2.2: ten minutes at most. */
const MAX_LIFE_SECONDS = 600;
/** Clocks of two machines. */
const TOLERANCE_SECONDS = 5;
/** RFC 8176: more than one factor was used to log in; a key alone may have been the only one. */
const STRONG_METHOD = 'mfa';

const claims = z.object({
  jti: z.string().min(16).max(128),
  sub: z.string().min(1).max(320),
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
  /** Under the lock of its person. @throws MUSTER_TOKEN_USED when a factor was enrolled with it */
  assertUnused(statements: Statements): Promise<void>;
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

const refused = (why: string, cause?: unknown) => new MusterError('MUSTER_TOKEN_REFUSED', `the enrollment token ${why}`, { cause });

/** Tokens of the issuer in the settings; without one, none is valid. @throws MUSTER_BAD_ARGUMENT when its keys cannot be read */
export async function openTokens(settings: Settings['tokens'], now: () => number): Promise<Tokens> {
  if (!settings) {
    const none = async () => {
      throw refused('cannot be checked: no issuer is configured (tokens in the settings of the core)');
    };
    return { toStart: none, toGoOn: none };
  }
  const keys = createLocalJWKSet(await readKeys(settings.jwks_file));
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
      return claims.parse(payload);
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw refused('has ended: go back to where you came from, and start again', error);
      if (error instanceof z.ZodError) throw refused(`lacks ${error.issues[0]?.path.join('.')}, or it is not what it must be`, error);
      throw refused('is not one of the configured issuer, or is damaged', error);
    }
  };
  return {
    async toStart(token) {
      const claimed = await check(token, TOLERANCE_SECONDS);
      const { iat, exp, auth_time: authTime, amr } = claimed;
      if (exp - iat > MAX_LIFE_SECONDS) throw refused(`is valid for more than ${MAX_LIFE_SECONDS} s`);
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
  const { sid, jti, sub } = claimed;
  const about = Object.fromEntries(ABOUT.filter((name) => claimed[name] !== undefined).map((name) => [name, claimed[name]]));
  return { id: JSON.stringify([sid, jti]), user: sub, about };
}

/** A token enrolls one factor; whoever chooses another way, or begins again, has bound nothing yet. */
async function assertUnused(statements: Statements, id: string): Promise<void> {
  const bound = await statements.one(`SELECT 1 AS found FROM enrollments WHERE token_id = ? AND state = 'active' LIMIT 1`, id);
  if (bound) throw new MusterError('MUSTER_TOKEN_USED', 'this enrollment token has enrolled a factor already: ask for a new one');
}

async function readKeys(path: string): Promise<JSONWebKeySet> {
  try {
    const keys = JSON.parse(await readFile(path, 'utf8')) as JSONWebKeySet;
    if (keys.keys.length > 0 && keys.keys.every(({ kty, d }) => kty !== 'oct' && d === undefined)) return keys;
  } catch (cause) {
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: cannot be read as a JSON Web Key Set`, { cause });
  }
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${path}: expected public keys, and no private or symmetric one`);
}
