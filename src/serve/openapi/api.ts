/** The routes beside the core's, as the OpenAPI document tells of them. A test holds the list against what Express was told. */

export interface Described {
  method: 'get' | 'post' | 'delete';
  /** As Express writes it. */
  path: string;
  summary: string;
  /** Query parameters, with what they are. */
  query?: Record<string, string>;
  /** Content type of the body, and an example. */
  body?: readonly [type: string, example: unknown];
  /** Content type of the answer. @default application/json */
  answer?: string;
  /** Status of success. @default 200 */
  status?: number;
}

const JSON_TYPE = 'application/json';
const AT = { at: 'moment, RFC 3339; now unless given' };
const RANGE = { from: 'start of the range, RFC 3339', to: 'its end; now unless given' };
const BY = { actor: 'ops@example.org' };
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

export const DESCRIBED: readonly Described[] = [
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
  { method: 'get', path: '/api/openapi.json', summary: 'This document' },
  { method: 'get', path: '/api/overview', summary: 'What the first page shows' },
  { method: 'get', path: '/api/slos', summary: 'Every SLO: counts, budget, burn rates, states', query: AT },
  { method: 'get', path: '/api/slos/:name/detail', summary: 'One SLO with its splits', query: AT },
  {
    method: 'get',
    path: '/api/slos/:name/backtest',
    summary: 'How its alerts would have fired in the past',
    query: { ...RANGE, objective: 'another objective, such as 0.99' },
  },
  { method: 'get', path: '/api/slos/:name/suggest', summary: 'Objectives that the past would have met', query: RANGE },
  {
    method: 'get',
    path: '/api/slos/:name/explain',
    summary: 'What accounts for the failures of a range',
    query: { ...RANGE, baseline_from: 'what it is compared with', baseline_to: 'its end' },
  },
  { method: 'get', path: '/api/gate', summary: 'Whether the error budgets let a deploy through', query: { slo: 'one or more names' } },
  { method: 'get', path: '/api/maintenance', summary: 'Announced maintenance' },
  {
    method: 'post',
    path: '/api/maintenance',
    summary: 'Announces maintenance',
    body: json({ slo: 'totp-success', start: '2026-03-01T09:00:00Z', end: '2026-03-01T10:00:00Z', reason: 'upgrade', ...BY }),
  },
  { method: 'delete', path: '/api/maintenance/:id', summary: 'Takes an announcement back' },
  { method: 'get', path: '/api/findings', summary: 'Findings', query: { since: 'moment, RFC 3339; thirty days ago unless given' } },
  { method: 'get', path: '/api/alerts', summary: 'Alerts that fire' },
  { method: 'post', path: '/api/alerts/test', summary: 'Sends a test through every route for alerts' },
  {
    method: 'post',
    path: '/api/query',
    summary: 'Runs a SELECT of the documented tables',
    body: json({ sql: 'SELECT count() FROM events_v', format: 'JSON' }),
  },
  {
    method: 'get',
    path: '/api/attempts/:id',
    summary: 'One attempt with its events and spans',
    query: { source: 'where several have this id' },
  },
  { method: 'get', path: '/api/loader', summary: 'What the loader has done and how far it is behind' },
  { method: 'get', path: '/api/panels', summary: 'Panels of the dashboards' },
  { method: 'get', path: '/api/panels/:name', summary: 'The figures of a panel', query: RANGE },
  { method: 'get', path: '/api/dashboards', summary: 'Dashboards and their panels' },
  { method: 'get', path: '/api/runbooks', summary: 'Runbooks' },
  { method: 'get', path: '/api/runbooks/:name', summary: 'A runbook' },
  { method: 'get', path: '/api/events/recent', summary: 'Events of the last minutes, masked' },
  { method: 'get', path: '/api/events/stream', summary: 'Events as they are loaded', answer: 'text/event-stream' },
  {
    method: 'post',
    path: '/api/import/:source',
    summary: 'Takes records of a source in',
    body: json({ records: [{ line: 1, value: EVENT }] }),
  },
  { method: 'post', path: '/api/rejected/retry', summary: 'Tries refused records again', body: json({}) },
  {
    method: 'get',
    path: '/api/doctor',
    summary: 'What is wrong with this installation',
    query: { production: '`true` for what others depend on' },
  },
  { method: 'post', path: '/api/backup', summary: 'A backup as a tar stream', answer: 'application/x-tar' },
  { method: 'get', path: '/api/audit/verify', summary: 'Whether the audit log is whole' },
  {
    method: 'post',
    path: '/api/reveal',
    summary: 'Who a reference stands for; in the audit log',
    body: json({ ref: '1kwuyc01w78lX6Zb', reason: 'INC-1', ...BY }),
  },
  { method: 'post', path: '/api/forget', summary: 'Takes a person out of everything', body: json({ user: 'ada@example.org', ...BY }) },
  { method: 'get', path: '/api/pseudonyms', summary: 'The keys of pseudonyms' },
  { method: 'post', path: '/api/pseudonyms/rotate', summary: 'Makes a new one', body: json(BY) },
  { method: 'post', path: '/api/pseudonyms/retire', summary: 'Destroys an old one', body: json({ key: 1, ...BY }) },
  { method: 'get', path: '/api/vault', summary: 'The key-encryption keys of the core' },
  { method: 'post', path: '/api/vault/rotate', summary: 'Makes a new one, and seals everything under it', body: json(BY) },
  { method: 'get', path: '/api/session', summary: 'Who is signed in' },
  { method: 'get', path: '/api/keys', summary: 'API keys' },
  { method: 'post', path: '/api/keys', summary: 'Makes a key, told once', body: json({ name: 'collector', scopes: ['ingest'], ...BY }) },
  { method: 'post', path: '/api/keys/:id/rotate', summary: 'Makes a new secret for a key', body: json(BY) },
  { method: 'delete', path: '/api/keys/:id', summary: 'Revokes a key', body: json(BY) },
];
