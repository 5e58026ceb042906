/** Which scope a route asks for. What is named neither here nor in a table asks for `admin`: nothing is open by oversight. */
import type { Scope } from './keys.ts';

/** Scopes that one request asks for; of some, both; `any` for a key, whatever it may do. */
export type Asked = Scope | 'admin+reveal' | 'any';
export type Access = Asked | 'open';

/** A route of a table that says for itself which scope it asks for. */
export interface Guarded {
  method: string;
  /** As Express writes it. */
  path: string;
  access: Asked;
}

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
    // Those that there are say it in their own table.
    ['GET', /^\/api(?:\/|$)/, 'read'],
    // The page itself says nothing: it asks /api.
    [
      'GET',
      /^\/(?:(?:login|overview|sources|incidents|findings|slos|attempts|dashboards|runbooks|enroll|assets)(?:\/|$)|(?:mark\.svg|theme\.js)?$)/,
      'open',
    ],
  ] as const
).map(([methods, path, access]) => [methods.split(' '), path, access]);

/** Methods that read, for rules that name GET. */
const asRead = (method: string) => (method === 'HEAD' ? 'GET' : method);

/** Of what stands in no table. @param path without query; in any case and with slashes at its end, as Express takes it */
export function accessOf(method: string, path: string): Access {
  const asked = plainPath(path);
  const rule = RULES.find(([methods, pattern]) => methods.includes(asRead(method)) && pattern.test(asked));
  return rule?.[2] ?? 'admin';
}

const plainPath = (path: string): string => path.toLowerCase().replace(/\/+$/, '') || '/';

/** The scope that each request asks for, by the tables that say it, and the rules for the rest. */
export function createAccess(routes: readonly Guarded[]): typeof accessOf {
  const tabled = routes.map(({ method, path, access }) => ({
    method: method.toUpperCase(),
    pattern: new RegExp(`^${plainPath(path).replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+')}$`),
    access,
  }));
  return (method, path) => {
    const asked = plainPath(path);
    return tabled.find((each) => each.method === asRead(method) && each.pattern.test(asked))?.access ?? accessOf(method, path);
  };
}
