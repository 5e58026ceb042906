/** The routes of the process: health, metrics, intake, sign-in. Those of the core and of `/api` have tables of their own; a test holds all against what Express was told. */

export interface ProcessRoute {
  method: 'get' | 'post' | 'delete';
  /** As Express writes it. */
  path: string;
  summary: string;
  /** Content type of the body, and an example. */
  body?: readonly [type: string, example: unknown];
  /** Content type of the answer. @default application/json */
  answer?: string;
  /** Status of success. @default 200 */
  status?: number;
}

const JSON_TYPE = 'application/json';
const json = (example: unknown) => [JSON_TYPE, example] as const;

const EVENT = {
  id: '1',
  type: 'enrollment.started',
  time: '2026-03-01T09:30:00Z',
  source: 'idp',
  attempt_id: 'a-1',
  user: 'ada@example.org',
  factor_type: 'totp',
};

export const PROCESS_ROUTES: readonly ProcessRoute[] = [
  { method: 'get', path: '/healthz', summary: 'Whether the process answers', answer: 'text/plain' },
  { method: 'get', path: '/readyz', summary: 'Whether events are taken in, and what does not work', answer: 'text/plain' },
  { method: 'get', path: '/metrics', summary: 'Metrics in the text format of Prometheus', answer: 'text/plain' },
  {
    method: 'post',
    path: '/v1/events',
    summary: 'Takes events in: one, an array, NDJSON or CloudEvents; answers once they are durable',
    body: json([EVENT]),
  },
  { method: 'post', path: '/v1/traces', summary: 'OTLP/HTTP traces', body: json({ resourceSpans: [] }) },
  { method: 'post', path: '/v1/logs', summary: 'OTLP/HTTP logs', body: json({ resourceLogs: [] }) },
  { method: 'post', path: '/login', summary: 'Signs a browser in with a key', body: json({ key: 'muster_…' }), status: 204 },
  { method: 'post', path: '/logout', summary: 'Signs it out', status: 204 },
];
