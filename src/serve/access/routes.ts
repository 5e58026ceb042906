/** Which scope a route asks for. What is not named here asks for `admin`: nothing is open by oversight. */
import type { Scope } from './keys.ts';

type Access = Scope | 'open';
type Rule = readonly [methods: readonly string[], path: RegExp, access: Access];

/** The first rule that fits decides. */
const RULES: readonly Rule[] = (
  [
    ['GET', /^\/(?:healthz|readyz)$/, 'open'],
    ['GET POST', /^\/(?:login|logout)$/, 'open'],
    ['GET POST', /^\/v1\/sources\/[^/]+$/, 'open'],
    ['POST', /^\/v1\/(?:events|traces|logs)$/, 'ingest'],
    ['GET', /^\/metrics$/, 'read'],
    ['GET POST DELETE', /^\/core\/v1(?:\/|$)/, 'core'],
    ['POST', /^\/api\/import\/[^/]+$/, 'ingest'],
    ['POST', /^\/api\/query$/, 'read'],
    ['POST', /^\/api\/reveal$/, 'reveal'],
    ['GET', /^\/api\/keys$/, 'admin'],
    ['GET', /^\/api\/session$/, 'read'],
    ['GET', /^\/api(?:\/|$)/, 'read'],
    ['POST DELETE', /^\/api(?:\/|$)/, 'admin'],
    // The page itself says nothing: it asks /api.
    ['GET', /^\/(?:(?:login|overview|slos|attempts|dashboards|runbooks|enroll|assets)(?:\/|$)|(?:mark\.svg|theme\.js)?$)/, 'open'],
  ] as const
).map(([methods, path, access]) => [methods.split(' '), path, access]);

/** Methods that read, for rules that name GET. */
const asRead = (method: string) => (method === 'HEAD' ? 'GET' : method);

/** @param path without query; in any case and with slashes at its end, as Express takes it */
export function accessOf(method: string, path: string): Access {
  const asked = path.toLowerCase().replace(/\/+$/, '') || '/';
  const rule = RULES.find(([methods, pattern]) => methods.includes(asRead(method)) && pattern.test(asked));
  return rule?.[2] ?? 'admin';
}
