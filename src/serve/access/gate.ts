/** Who asks, and whether they may: a key as bearer, a browser's session, the commands of this machine; or anybody while there are no keys. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Response } from 'express';
import { LRUCache } from 'lru-cache';
import type { Binding } from '../../collect/intake/key-binding.ts';
import { MusterError } from '../../errors.ts';
import type { ApiKey, KeyRegistry, Scope } from './keys.ts';
import type { Access, Asked } from './routes.ts';

const SESSION_MS = 12 * 3_600_000;
const MAX_SESSIONS = 1_000;
/** Of one key: beyond them the oldest ends, so that one key does not push out the sessions of others. */
const SESSIONS_PER_KEY = 20;
/** Log-ins with a key, and tries without one from an address: ten at once, then one in five seconds. */
const LOGINS = { perSecond: 0.2, atOnce: 10 };
const SESSION_COOKIE = 'muster_session';

export interface Caller {
  /** Who it is, for the audit log; undefined for anybody, where no keys are configured. */
  name: string | undefined;
  may: (scope: Scope) => boolean;
  /** What looks like an enrollment token: whether it is one, the core finds out. */
  token: string | undefined;
  /** What the caller may send; undefined for anything. */
  binding: Binding | undefined;
  /** Whether what let the caller in still does. */
  isStillIn: () => boolean;
}

export interface Gate {
  /** Whether a request brings a key that is good now; a browser's session is none. */
  hasKey(request: IncomingMessage): boolean;
  /**
   * Lets a request through or not, by its method and path.
   * @throws MUSTER_UNAUTHORIZED, MUSTER_FORBIDDEN, MUSTER_RATE_LIMITED
   */
  enter(request: IncomingMessage, path: string): Caller;
  /** A session for whoever has this key. @throws MUSTER_UNAUTHORIZED, MUSTER_RATE_LIMITED */
  login(key: string, address: string): { name: string; cookie: string };
  logout(request: IncomingMessage): { cookie: string };
}

/** Who made the request that this answers. */
export const callerOf = (response: Response): Caller => (response.locals as { caller?: Caller }).caller ?? ANYBODY;

/** Who did it: the key, or whom a command of this machine names. */
export const actorOf = (response: Response, named: string): string => callerOf(response).name ?? (named || 'anybody');

const ANYBODY: Caller = { name: undefined, may: () => true, token: undefined, binding: undefined, isStillIn: () => true };
/** Three parts of base64url (RFC 7515 section 3.1); keys have no dots. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const TOKEN_PATHS = /^\/core\/v1\/enrollments(?:\/|$)/i;
/** `admin` may do what others may, but not see who somebody is. */
const mayDo = (scopes: readonly Scope[], scope: Scope) => scopes.includes(scope) || (scope !== 'reveal' && scopes.includes('admin'));
const mayAsk = (scopes: readonly Scope[], asked: Asked) => {
  if (asked === 'any') return true;
  return asked === 'admin+reveal' ? scopes.includes('admin') && scopes.includes('reveal') : mayDo(scopes, asked);
};
const nameOf = ({ id }: ApiKey) => `key:${id}`;
const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * The gate of one server.
 * @param deps.accessOf which scope a request asks for
 * @param deps.localToken of this process: who can read it from the data directory may do everything
 */
export function createGate(deps: {
  keys: KeyRegistry;
  accessOf: (method: string, path: string) => Access;
  localToken: string;
  isSecure: boolean;
  now: () => number;
}): Gate {
  const { keys, now } = deps;
  const local = digest(deps.localToken);
  const sessions = new LRUCache<string, { keyId: string; untilMs: number }>({ max: MAX_SESSIONS });
  const buckets = new LRUCache<string, { tokens: number; atMs: number }>({ max: 10_000 });

  /** A bucket that fills by so many requests a second, and holds so many. @throws MUSTER_RATE_LIMITED */
  const spend = (name: string, perSecond: number, full: number) => {
    const bucket = buckets.get(name) ?? { tokens: full, atMs: now() };
    bucket.tokens = Math.min(full, bucket.tokens + (Math.max(0, now() - bucket.atMs) / 1_000) * perSecond);
    bucket.atMs = now();
    buckets.set(name, bucket);
    if (bucket.tokens < 1) throw new MusterError('MUSTER_RATE_LIMITED', 'this key sends more than it may; send this request again');
    bucket.tokens -= 1;
  };
  const sessionKey = (request: IncomingMessage): ApiKey | undefined => {
    const session = sessions.get(digest(cookieOf(request)).toString('hex'));
    return session && now() < session.untilMs ? keys.byId(session.keyId) : undefined;
  };

  return {
    hasKey(request) {
      const bearer = bearerOf(request);
      return bearer !== undefined && (timingSafeEqual(digest(bearer), local) || keys.find(bearer) !== undefined);
    },
    enter(request, path) {
      const access = deps.accessOf(request.method ?? 'GET', path);
      if (access === 'open') return ANYBODY;
      const bearer = bearerOf(request);
      if (bearer !== undefined && timingSafeEqual(digest(bearer), local)) return ANYBODY;
      if (bearer !== undefined && TOKEN.test(bearer) && TOKEN_PATHS.test(path))
        return { name: undefined, may: () => false, token: bearer, binding: undefined, isStillIn: () => true };
      // The first key closes the door behind those who came in without one.
      if (!keys.isConfigured()) return { ...ANYBODY, isStillIn: () => !keys.isConfigured() };
      const key = bearer === undefined ? sessionKey(request) : keys.find(bearer);
      if (!key) throw new MusterError('MUSTER_UNAUTHORIZED', 'this needs a key: send Authorization: Bearer, or sign in at /login');
      if (!mayAsk(key.scopes, access)) throw new MusterError('MUSTER_FORBIDDEN', `this key lacks the scope ${access.replace('+', ' or ')}`);
      if (key.ratePerSecond !== null) spend(key.id, key.ratePerSecond, Math.max(1, key.ratePerSecond * 2));
      const { sources, types, anyTraffic } = key;
      return {
        name: nameOf(key),
        may: (scope) => mayDo(key.scopes, scope),
        token: undefined,
        binding: { sources, types, anyTraffic },
        isStillIn: () => (bearer === undefined ? sessionKey(request) : keys.byId(key.id)) !== undefined,
      };
    },
    login(text, address) {
      const key = keys.find(text);
      // Who guesses keeps nobody out who shares the address.
      if (!key) spend(`login from ${address}`, LOGINS.perSecond, LOGINS.atOnce);
      if (!key) throw new MusterError('MUSTER_UNAUTHORIZED', 'this is not a key that may be used now');
      spend(`login ${key.id}`, LOGINS.perSecond, LOGINS.atOnce);
      const older = [...sessions.entries()].filter(([, { keyId }]) => keyId === key.id);
      // The newest come first.
      for (const [id] of older.slice(SESSIONS_PER_KEY - 1)) sessions.delete(id);
      const token = randomBytes(32).toString('base64url');
      sessions.set(digest(token).toString('hex'), { keyId: key.id, untilMs: now() + SESSION_MS });
      return { name: nameOf(key), cookie: cookie(token, SESSION_MS / 1_000, deps.isSecure) };
    },
    logout(request) {
      sessions.delete(digest(cookieOf(request)).toString('hex'));
      return { cookie: cookie('', 0, deps.isSecure) };
    },
  };
}

const bearerOf = (request: IncomingMessage): string | undefined => /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

const cookie = (value: string, seconds: number, isSecure: boolean) =>
  `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`;

function cookieOf(request: IncomingMessage): string {
  const found = (request.headers.cookie ?? '').split(';').find((each) => each.trim().startsWith(`${SESSION_COOKIE}=`));
  return found?.trim().slice(SESSION_COOKIE.length + 1) ?? '';
}
