/** Who asks, and whether they may: a key as bearer, a browser's session, the commands of this machine; or anybody while there are no keys. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Response } from 'express';
import { LRUCache } from 'lru-cache';
import { MusterError } from '../../errors.ts';
import type { Event } from '../../events/catalogue.ts';
import { type ApiKey, type KeyRegistry, refusalOf, type Scope } from './keys.ts';
import { accessOf } from './routes.ts';

const SESSION_MS = 12 * 3_600_000;
const MAX_SESSIONS = 1_000;
const LOGINS_PER_SECOND = 5;
const SESSION_COOKIE = 'muster_session';

export interface Caller {
  /** Who it is, for the audit log; undefined for anybody, where no keys are configured. */
  name: string | undefined;
  may: (scope: Scope) => boolean;
  /** What looks like an enrollment token: whether it is one, the core finds out. */
  token: string | undefined;
  /** Why this event may not be sent by the caller, or undefined; for spans, by the service alone. */
  refuses: ((event: Pick<Event, 'source'> & Partial<Event>) => string | undefined) | undefined;
}

export interface Gate {
  /**
   * Lets a request through or not, by its method and path.
   * @throws MUSTER_UNAUTHORIZED, MUSTER_FORBIDDEN, MUSTER_RATE_LIMITED
   */
  enter(request: IncomingMessage, path: string): Caller;
  /** A session for whoever has this key. @throws MUSTER_UNAUTHORIZED */
  login(key: string): { name: string; cookie: string };
  logout(request: IncomingMessage): { cookie: string };
}

/** Who made the request that this answers. */
export const callerOf = (response: Response): Caller => (response.locals as { caller?: Caller }).caller ?? ANYBODY;

/** Who did it: the key, or whom a command of this machine names. */
export const actorOf = (response: Response, named: string): string => callerOf(response).name ?? (named || 'anybody');

const ANYBODY: Caller = { name: undefined, may: () => true, token: undefined, refuses: undefined };
/** Three parts of base64url (RFC 7515 section 3.1); keys have no dots. */
const TOKEN = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const TOKEN_PATHS = /^\/core\/v1\/enrollments(?:\/|$)/i;
/** `admin` may do what others may, but not see who somebody is. */
const mayDo = (scopes: readonly Scope[], scope: Scope) => scopes.includes(scope) || (scope !== 'reveal' && scopes.includes('admin'));
const nameOf = ({ id }: ApiKey) => `key:${id}`;
const digest = (text: string) => createHash('sha256').update(text).digest();

/**
 * The gate of one server.
 * @param deps.localToken of this process: who can read it from the data directory may do everything
 */
export function createGate(deps: { keys: KeyRegistry; localToken: string; isSecure: boolean; now: () => number }): Gate {
  const { keys, now } = deps;
  const local = digest(deps.localToken);
  const sessions = new LRUCache<string, { keyId: string; untilMs: number }>({ max: MAX_SESSIONS });
  const buckets = new LRUCache<string, { tokens: number; atMs: number }>({ max: 10_000 });

  /** A bucket that fills by so many requests a second, and holds those of two. @throws MUSTER_RATE_LIMITED */
  const spend = (name: string, perSecond: number | null) => {
    if (perSecond === null) return;
    const full = Math.max(1, perSecond * 2);
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
    enter(request, path) {
      const access = accessOf(request.method ?? 'GET', path);
      if (access === 'open') return ANYBODY;
      const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
      if (bearer !== undefined && timingSafeEqual(digest(bearer), local)) return ANYBODY;
      if (bearer !== undefined && TOKEN.test(bearer) && TOKEN_PATHS.test(path))
        return { name: undefined, may: () => false, token: bearer, refuses: undefined };
      if (!keys.isConfigured()) return ANYBODY;
      const key = bearer === undefined ? sessionKey(request) : keys.find(bearer);
      if (!key) throw new MusterError('MUSTER_UNAUTHORIZED', 'this needs a key: send Authorization: Bearer, or sign in at /login');
      if (!mayDo(key.scopes, access)) throw new MusterError('MUSTER_FORBIDDEN', `this key lacks the scope ${access}`);
      spend(key.id, key.ratePerSecond);
      return { name: nameOf(key), may: (scope) => mayDo(key.scopes, scope), token: undefined, refuses: (event) => refusalOf(key, event) };
    },
    login(text) {
      const key = keys.find(text);
      if (!key) throw new MusterError('MUSTER_UNAUTHORIZED', 'this is not a key that may be used now');
      spend(`login ${key.id}`, LOGINS_PER_SECOND);
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

const cookie = (value: string, seconds: number, isSecure: boolean) =>
  `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${isSecure ? '; Secure' : ''}`;

function cookieOf(request: IncomingMessage): string {
  const found = (request.headers.cookie ?? '').split(';').find((each) => each.trim().startsWith(`${SESSION_COOKIE}=`));
  return found?.trim().slice(SESSION_COOKIE.length + 1) ?? '';
}
