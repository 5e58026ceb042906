/** Every route under `/api`: asked with the example that the document gives, it answers as the document says; asked wrongly, it says what is wrong. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { correlate } from '../../src/detect/incidents/correlate.ts';
import { writeIncidents } from '../../src/detect/incidents/incident-table.ts';
import { API_ROUTES } from '../../src/serve/routes/api.ts';
import type { ApiRoute } from '../../src/serve/routes/route.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { testServices } from '../support/store.ts';

let muster: Running;
let key: string;

const post = (path: string, body: unknown) => ask('POST', path, body);
function ask(method: string, path: string, body?: unknown): Promise<Response> {
  const headers = { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) };
  return fetch(`${muster.url}${path}`, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) });
}

/** What there must be before an example can be carried out, by route: it may name what was made. */
const BEFORE: Readonly<Record<string, () => Promise<{ params?: Record<string, string>; body?: Record<string, unknown> }>>> = {
  'post /keys/:id/rotate': async () => ({ params: { id: await madeKey() } }),
  'delete /keys/:id': async () => ({ params: { id: await madeKey() } }),
  'delete /maintenance/:id': async () => {
    const soon = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    const made = await post('/api/maintenance', { slo: 'enrollment-success', start: soon(1), end: soon(2), reason: 'upgrade' });
    return { params: { id: ((await made.json()) as { id: string }).id } };
  },
  'post /findings/:id/dismissal': async () => ({ params: { id: await leaked('idp') } }),
  'post /findings/:id/merge': async () => ({ params: { id: await leaked('first') }, body: { into: await leaked('second') } }),
  'get /findings/:id': async () => ({ params: { id: await leaked('one-that-is-shown') } }),
  'post /reveal': async () => {
    const found = await post('/api/query', { sql: "SELECT user_ref FROM events_v WHERE user_ref != '' LIMIT 1", format: 'TSV' });
    return { body: { ref: (await found.text()).trim() } };
  },
  'post /pseudonyms/retire': async () => {
    await post('/api/pseudonyms/rotate', {});
    return { body: { force: true } };
  },
};

/** The id of the finding that a source sends a secret. */
async function leaked(source: string): Promise<string> {
  await post('/v1/events', [{ id: 'leak', type: 'ux.error', time: new Date().toISOString(), source, reason: 'password=hunter2xyz' }]);
  return vi.waitFor(
    async () => {
      const findings = (await (await ask('GET', '/api/findings')).json()) as { id: string; dimensions: { source?: string } }[];
      return findings.find(({ dimensions }) => dimensions.source === source)?.id ?? Promise.reject(new Error('no finding yet'));
    },
    { timeout: 240_000, interval: 200 },
  );
}

async function madeKey(): Promise<string> {
  const made = (await (await post('/api/keys', { name: 'other', scopes: ['read'] })).json()) as { id: string };
  return made.id;
}

beforeAll(async () => {
  const dataDir = await temporaryData();
  const { stdout, stderr, status } = await runMuster(['keys', 'create', '--scope', 'admin', 'reveal', '--data', dataDir]);
  expect(status, stderr).toBe(0);
  key = stdout.trim();
  const services = await testServices({ dataDir });
  const nowMs = Date.now();
  const sign = { source: 'flag', name: 'failures', of: 'failures', dimension: 'region', value: 'eu' } as const;
  const [incident] = correlate([], [{ ...sign, fromMs: nowMs - 600_000, knownMs: nowMs, toMs: nowMs, isPage: true }], 1, nowMs);
  await writeIncidents(services.store.engine, incident ? [incident] : [], nowMs);
  await services.close();
  muster = await startMuster(dataDir);
  const event = { id: '1', type: 'enrollment.started', time: new Date().toISOString(), source: 'idp', user: 'ada@example.org' };
  await post('/v1/events', [{ ...event, attempt_id: 'a-1', factor_type: 'totp' }]);
  await vi.waitFor(async () => expect((await ask('GET', '/api/attempts/a-1')).status).toBe(200), { timeout: 240_000, interval: 200 });
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

const named = (route: ApiRoute) => `${route.method} ${route.path}`;
const pathOf = ({ path }: ApiRoute, params: Readonly<Record<string, string>>) =>
  `/api${path.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''))}`;

test('each answers its own example as it is documented', async () => {
  const wrong: string[] = [];
  for (const route of API_ROUTES) {
    const before = await BEFORE[named(route)]?.();
    const body = route.body && { ...(route.example as object), ...before?.body };
    const response = await ask(route.method.toUpperCase(), pathOf(route, { ...route.params, ...before?.params }), body);
    const type = response.headers.get('content-type')?.split(';')[0];
    const isStream = route.sends === 'text/event-stream';
    const said = isStream ? await response.body?.cancel() : await response.text();
    const { status = 200, sends = 'application/json' } = route;
    if (response.status !== status || (status !== 204 && type !== sends))
      wrong.push(`${named(route)}: ${response.status} ${type} ${String(said).slice(0, 200)}`);
    if (route.isSecret && response.headers.get('cache-control') !== 'no-store') wrong.push(`${named(route)}: may be kept by a cache`);
  }
  expect(wrong).toEqual([]);
});

test('each refuses a query and a body that it does not take, by the name of what is wrong', async () => {
  const wrong: string[] = [];
  const expectRefused = async (what: string, response: Response, name: string) => {
    const { code, message, detail } = (await response.json()) as { code?: string; message?: string; detail?: string };
    if (response.status !== 400 || code !== 'MUSTER_BAD_ARGUMENT' || !`${message} ${detail}`.includes(name))
      wrong.push(`${what}: ${response.status} ${code} ${message ?? detail}`);
  };
  for (const route of API_ROUTES) {
    const [first] = Object.keys(route.query?.shape ?? {}).filter((name) => name !== 'slo');
    const path = pathOf(route, route.params ?? {});
    if (first !== undefined) await expectRefused(`${named(route)}?${first}`, await ask('GET', `${path}?${first}=a&${first}=b`), first);
    if (route.body)
      await expectRefused(named(route), await ask(route.method.toUpperCase(), path, { sql: 1, actor: 1, records: 1, defaultTime: 1 }), '');
  }
  expect(wrong).toEqual([]);
});

test('a wrong method, path, type or shape is said as such, with the headers of every answer', async () => {
  const send = async (method: string, path: string, headers: Record<string, string> = {}, body?: string) => {
    const response = await fetch(`${muster.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, ...headers },
      ...(body !== undefined && { body }),
    });
    expect(response.headers.get('x-content-type-options'), `${method} ${path}`).toBe('nosniff');
    const text = await response.text();
    return { status: response.status, allow: response.headers.get('allow'), type: response.headers.get('content-type') ?? '', text };
  };
  expect(await send('PUT', '/api/keys')).toMatchObject({ status: 405, allow: 'GET, HEAD, POST' });
  expect(await send('GET', '/core/v1/enrollments')).toMatchObject({ status: 405, allow: 'POST' });
  expect(await send('GET', '/api/attempts/%ff')).toMatchObject({ status: 400 });
  const unknown = await send('GET', '/nothing', { accept: 'text/html' });
  expect(unknown).toMatchObject({ status: 404, type: expect.stringContaining('text/html') });
  expect(await send('GET', '/nothing', { accept: 'application/json' })).toMatchObject({ status: 404, type: 'application/problem+json' });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await send('POST', '/core/v1/enrollments', form, '{"factor_type":"totp"}')).toMatchObject({
    status: 415,
    text: expect.stringContaining('application/json'),
  });
  for (const body of ['0', 'null', '"x"', '[]'])
    expect(await send('POST', '/core/v1/enrollments', { 'content-type': 'application/json' }, body), body).toMatchObject({
      status: 400,
      text: expect.stringContaining('expected a JSON object'),
    });
});
