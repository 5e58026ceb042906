/** Which methods a path takes: what is refused for its method alone is told those that are taken. */
import { MusterError } from '../errors.ts';
import { CORE_ROUTES } from './core/routes.ts';
import { PROCESS_ROUTES } from './openapi/process-routes.ts';

interface Route {
  method: string;
  path: string;
}

const OTHERS: readonly Route[] = [...PROCESS_ROUTES, ...CORE_ROUTES.map(({ method, path }) => ({ method, path: `/core/v1${path}` }))];

const fits = (pattern: string, path: string): boolean => {
  const [parts, asked] = [pattern.split('/'), path.split('/')];
  return parts.length === asked.length && parts.every((part, i) => (part.startsWith(':') ? asked[i] !== '' : part === asked[i]));
};

/** What a request that no route took is answered: its path is unknown, or its method is. */
export function notTaken(method: string, path: string, api: readonly Route[]): { error: MusterError; allow: string | undefined } {
  const methods = new Set(
    [...OTHERS, ...api.map((route) => ({ ...route, path: `/api${route.path}` }))]
      .filter((route) => fits(route.path, path))
      .map((route) => route.method.toUpperCase()),
  );
  if (methods.has('GET')) methods.add('HEAD');
  if (methods.size === 0 || methods.has(method))
    return { error: new MusterError('MUSTER_NOT_FOUND', 'no such page or route'), allow: undefined };
  const allow = [...methods].sort().join(', ');
  return { error: new MusterError('MUSTER_METHOD_NOT_ALLOWED', `expected ${allow}`), allow };
}
