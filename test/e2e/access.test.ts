/** Who may do what: every route with every scope, keys with bounds, sessions. */

import { readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createBodies } from '../../src/serve/admission.ts';
import { createApp, type ServerDeps } from '../../src/serve/server.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { ROUTES } from '../support/routes.ts';

const SCOPES = ['ingest', 'read', 'core', 'reveal', 'admin'] as const;

/** What each route asks for. A route that is not here, or a line without a route, fails the first test. */
const EXPECTED = ROUTES.map(({ method, path, access }) => [method, path, access] as const);

interface Layer {
  route?: { path: string | string[]; methods: Record<string, boolean> };
  handle: { stack?: Layer[] };
  match(path: string): boolean;
}

/** What Express has been told, with the paths under which routers are mounted. */
function registered(): string[] {
  const app = createApp(
    { api: { config: { maxBodyBytes: 1 } }, core: {}, gate: {}, metrics: {} } as unknown as ServerDeps,
    () => {},
    createBodies(),
  );
  const routesOf = (layers: readonly Layer[], mount: string): string[] =>
    layers.flatMap((layer) => {
      if (layer.route) {
        const { path, methods } = layer.route;
        return [path].flat().flatMap((each) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${mount}${each}`));
      }
      if (!layer.handle.stack) return [];
      const inner = layer.match('/nowhere') ? '' : ['/api', '/core/v1', '/v1/sources'].find((prefix) => layer.match(`${prefix}/x`));
      return routesOf(layer.handle.stack, `${mount}${inner}`);
    });
  return routesOf((app as unknown as { router: { stack: Layer[] } }).router.stack, '');
}

test('every route has its line, and every line its route', () => {
  const hot = ['POST /v1/events', 'POST /v1/traces', 'POST /v1/logs'];
  expect([...new Set([...registered(), ...hot])].sort()).toEqual(EXPECTED.map(([method, path]) => `${method} ${path}`).sort());
});

describe('with keys', () => {
  let muster: Running;
  const keys: Record<string, string> = {};
  const create = async (...parameters: string[]) => {
    const { stdout, stderr, status } = await runMuster(['keys', 'create', '--data', muster.dataDir, ...parameters]);
    expect(status, stderr).toBe(0);
    return stdout.trim();
  };
  const call = (method: string, path: string, key?: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(`${muster.url}${path}`, {
      method,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(method !== 'GET' && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(method !== 'GET' && { body: JSON.stringify(body ?? {}) }),
      redirect: 'manual',
    });
  const statusOf = async (...parameters: Parameters<typeof call>) => {
    const response = await call(...parameters);
    // A stream of events never ends by itself.
    await response.body?.cancel();
    return response.status;
  };
  const idOf = (key: string) => key.split('_')[1] as string;
  /** The server looks at the file of keys once a second. */
  const looked = () => sleep(1_100);

  beforeAll(async () => {
    muster = await startMuster(await temporaryData());
    for (const scope of SCOPES) keys[scope] = await create('--scope', scope);
    await looked();
  });
  afterAll(async () => {
    await muster.stop();
    await removeData(muster.dataDir);
  });

  test('every route asks for its scope: of no key, a made-up one, and one of each scope', async () => {
    const wrong: string[] = [];
    for (const [method, pattern, access] of EXPECTED) {
      const path = pattern.replace(/:\w+/g, 'nothing');
      for (const who of ['nobody', 'made-up', ...SCOPES]) {
        const key = who === 'nobody' ? undefined : (keys[who] ?? `muster_00000000_${'A'.repeat(43)}`);
        const isKnown = who in keys;
        const may = access === 'open' || (access === 'any' && isKnown) || who === access || (who === 'admin' && !access.includes('reveal'));
        // A slash at the end is no way round.
        const status = await statusOf(method, who === 'made-up' || path === '/' ? path : `${path}/`, key);
        const plain = await statusOf(method, path, key);
        if ((status === 401 || status === 403) !== (plain === 401 || plain === 403))
          wrong.push(`${method} ${path}/ as ${who}: ${status}, without the slash ${plain}`);
        const expected = may ? 'in' : isKnown ? '403' : '401';
        const actual = status === 401 || status === 403 ? String(status) : 'in';
        // A wrong key at /login is what 401 says there.
        if (actual !== expected && pattern !== '/login') wrong.push(`${method} ${path} as ${who}: ${actual}, expected ${expected}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('by another name of the server: probes, and whoever brings a key, but no session and no made-up key', async () => {
    const cookie = (await call('POST', '/login', undefined, { key: keys.read })).headers.getSetCookie()[0]?.split(';')[0] as string;
    const elsewhere = (path: string, headers: Record<string, string> = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = { host: '10.1.2.3:8686', ...headers };
        const asked = httpRequest(`${muster.url}${path}`, { headers: sent }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asked.once('error', reject).end();
      });
    for (const path of ['/healthz', '/readyz']) expect(await elsewhere(path)).toBe(200);
    expect(await elsewhere('/metrics', { authorization: `Bearer ${keys.read}` })).toBe(200);
    expect(await elsewhere('/metrics', { authorization: `Bearer muster_00000000_${'A'.repeat(43)}` })).toBe(403);
    expect(await elsewhere('/metrics', { cookie })).toBe(403);
    expect(await elsewhere('/metrics')).toBe(403);
  });

  test('what no rule names is for administrators only', async () => {
    for (const [method, path] of [
      ['POST', '/anything'],
      ['PUT', '/v1/events'],
      ['DELETE', '/metrics'],
      ['PATCH', '/core/v1/enrollments/x'],
    ] as const) {
      expect(await statusOf(method, path, keys.read), path).toBe(403);
      expect(await statusOf(method, path), path).toBe(401);
    }
    for (const path of ['/api/../api/overview', '//api/overview', '/API/overview', '/api/overview/', '/api%2foverview'])
      expect(await statusOf('GET', path), path).toBe(401);
  });

  test('only the digest of a key is kept, and its text is shown once', async () => {
    const file = await readFile(join(muster.dataDir, 'keys.json'), 'utf8');
    for (const key of Object.values(keys)) expect(file).not.toContain(key.slice('muster_00000000_'.length));
    const listed = await (await call('GET', '/api/keys', keys.admin)).text();
    expect(listed).not.toMatch(/sha256/);
    expect(JSON.parse(listed)).toHaveLength(SCOPES.length);
  });

  test('an ingest key is held to its sources, types and traffic, event by event', async () => {
    const key = await create('--scope', 'ingest', '--source', 'app', 'other-app', '--type', 'api.request', 'ux.error');
    const any = await create('--scope', 'ingest', '--any-traffic');
    await looked();
    const event = (id: string, more: object = {}) => ({ id, type: 'api.request', time: new Date().toISOString(), source: 'app', ...more });
    const events = [
      event('good'),
      event('source', { source: 'elsewhere' }),
      event('type', { type: 'ux.step_viewed' }),
      event('traffic', { traffic: 'synthetic' }),
    ];
    expect(await (await call('POST', '/v1/events', key, events)).json()).toEqual({
      accepted: 1,
      duplicates: 0,
      rejected: [
        { index: 1, id: 'source', message: 'source: this key is for other sources' },
        { index: 2, id: 'type', message: 'type: this key is for other types' },
        { index: 3, id: 'traffic', message: 'traffic: this key may only send traffic of users' },
      ],
    });
    expect(await (await call('POST', '/v1/events', any, events.slice(1))).json()).toMatchObject({ accepted: 3, rejected: [] });
    const log = {
      resourceLogs: [
        {
          scopeLogs: [
            {
              logRecords: [
                {
                  timeUnixNano: `${Date.now()}000000`,
                  eventName: 'api.request',
                  attributes: [{ key: 'muster.source', value: { stringValue: 'elsewhere' } }],
                },
              ],
            },
          ],
        },
      ],
    };
    expect(await (await call('POST', '/v1/logs', key, log)).json()).toMatchObject({ partialSuccess: { rejectedLogRecords: '1' } });
    const span = {
      traceId: 'a'.repeat(32),
      spanId: 'b'.repeat(16),
      name: 'x',
      startTimeUnixNano: `${Date.now()}000000`,
      endTimeUnixNano: `${Date.now()}000000`,
    };
    const traces = (service: string) => ({
      resourceSpans: [
        { resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeSpans: [{ spans: [span] }] },
      ],
    });
    expect(await (await call('POST', '/v1/traces', key, traces('elsewhere'))).json()).toMatchObject({
      partialSuccess: { rejectedSpans: '1' },
    });
    expect(await (await call('POST', '/v1/traces', key, traces('app'))).json()).toEqual({});
    // Neither by import, nor by driving refused records again.
    const records = events.map((value, i) => ({ line: i + 1, value: { ...value, id: `import-${i}` } }));
    records.push({ line: 9, value: { ...(events[0] as object), id: 'history', time: '2001-03-01T09:00:00Z' } as never });
    expect(await (await call('POST', '/api/import/muster', key, { records })).json()).toMatchObject({ accepted: 1, rejected: 4 });
    expect(await (await call('POST', '/api/rejected/retry', keys.admin)).json()).toMatchObject({ accepted: 0 });
    // Nor by sending what is refused for another reason, and waiting for somebody to drive it again.
    const smuggled = [
      { id: 's-1', type: 'enrollment.started', source: 'elsewhere', attempt_id: 'x' },
      { id: 's-2', type: 'deploy.started', source: 'app' },
      { id: 's-3', type: 'enrollment.started', source: 'app', attempt_id: 'x', traffic: 'bot' },
      { id: 's-4', type: 'enrollment.started', source: 'app', attempt_id: 'x', time: '2019-03-01T09:00:00Z' },
      {
        id: 's-5',
        type: 'enrollment.started',
        source: 'elsewhere',
        attempt_id: 'x',
        sent_with: { sources: [], types: [], anyTraffic: true, receivedAtMs: null },
      },
    ];
    expect(await (await call('POST', '/v1/events', key, smuggled)).json()).toMatchObject({ accepted: 0 });
    expect(await (await call('POST', '/api/rejected/retry', keys.admin, { defaultTime: new Date().toISOString() })).json()).toMatchObject({
      accepted: 0,
    });
    expect(
      await (await call('POST', '/api/query', keys.read, { sql: "SELECT count() AS n FROM events_v WHERE id LIKE 's-%'" })).text(),
    ).toBe('{"n":0}\n');
  });

  test('a key has its time, its rate, and its end', async () => {
    const early = await create('--scope', 'read', '--from', '2090-01-01T00:00:00Z');
    const late = await create('--scope', 'read', '--until', '2020-01-01T00:00:00Z');
    const slow = await create('--scope', 'read', '--rate', '2');
    const old = await create('--scope', 'read');
    await looked();
    for (const key of [early, late]) expect(await statusOf('GET', '/api/session', key)).toBe(401);
    const statuses = await Promise.all(Array.from({ length: 20 }, () => call('GET', '/api/session', slow)));
    // Four at once, and what comes in while they are answered.
    expect(statuses.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(4);
    expect(statuses.find(({ status }) => status === 429)?.headers.get('retry-after')).toBe('1');
    const rotated = await runMuster(['keys', 'rotate', idOf(old), '--grace', '0', '--data', muster.dataDir, '--json']);
    const made = JSON.parse(rotated.stdout) as { key: string; scopes: string[] };
    expect(made.scopes).toEqual(['read']);
    await looked();
    expect(await statusOf('GET', '/api/session', old)).toBe(401);
    expect(await statusOf('GET', '/api/session', made.key)).toBe(200);
    expect((await runMuster(['keys', 'revoke', idOf(made.key), '--data', muster.dataDir])).status).toBe(0);
    await looked();
    expect(await statusOf('GET', '/api/session', made.key)).toBe(401);
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    // What has an end does not get a later one by being rotated.
    const bounded = await create('--scope', 'read', '--until', soon);
    expect((await runMuster(['keys', 'rotate', idOf(bounded), '--grace', '24', '--data', muster.dataDir])).status).toBe(0);
    const listed = JSON.parse((await runMuster(['keys', 'list', '--data', muster.dataDir, '--json'])).stdout) as {
      id: string;
      validUntil: string;
    }[];
    expect(listed.find(({ id }) => id === idOf(bounded))?.validUntil).toBe(soon);
    const unknown = await runMuster(['keys', 'revoke', 'nothing', '--data', muster.dataDir]);
    expect(unknown).toMatchObject({ status: 2, stderr: expect.stringContaining('muster keys list') });
  });

  test('a stream ends within a second of its key, and of its session', async () => {
    const key = await create('--scope', 'read');
    await looked();
    const cookie = (await call('POST', '/login', undefined, { key })).headers.getSetCookie()[0]?.split(';')[0] as string;
    const open = async (headers: Record<string, string>) => {
      const response = await fetch(`${muster.url}/api/events/stream`, { headers });
      expect(response.status).toBe(200);
      let endedAtMs: number | undefined;
      void response.text().then(() => (endedAtMs = performance.now()));
      return () => endedAtMs;
    };
    const [bySession, byOther] = [await open({ cookie }), await open({ authorization: `Bearer ${keys.read}` })];
    expect(await statusOf('POST', '/logout', undefined, {}, { cookie })).toBe(204);
    await expect.poll(bySession, { timeout: 1_000 }).toBeDefined();
    const byKey = await open({ authorization: `Bearer ${key}` });
    await runMuster(['keys', 'revoke', idOf(key), '--data', muster.dataDir]);
    await expect.poll(byKey, { timeout: 1_000 }).toBeDefined();
    expect(byOther()).toBeUndefined();
  });

  test('log-ins are limited, with a key and without one', async () => {
    const key = await create('--scope', 'read');
    await looked();
    for (const sent of ['wrong', key]) {
      const statuses = await Promise.all(Array.from({ length: 30 }, () => statusOf('POST', '/login', undefined, { key: sent })));
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(15);
      expect(statuses.filter((status) => status !== 429).length).toBeGreaterThanOrEqual(10);
    }
  });

  test('nobody gives what they may not do, and changes at the same time are all kept', async () => {
    const want = (scopes: string[]) => ({ scopes });
    expect(await statusOf('POST', '/api/keys', keys.admin, want(['reveal']))).toBe(403);
    expect(await statusOf('POST', `/api/keys/${idOf(keys.reveal as string)}/rotate`, keys.admin)).toBe(403);
    const before = ((await (await call('GET', '/api/keys', keys.admin)).json()) as object[]).length;
    const statuses = await Promise.all(Array.from({ length: 8 }, () => statusOf('POST', '/api/keys', keys.admin, want(['read']))));
    expect(statuses).toEqual(Array(8).fill(201));
    expect(await (await call('GET', '/api/keys', keys.admin)).json()).toHaveLength(before + 8);
  });

  test('a file of keys that goes away opens nothing', async () => {
    const path = join(muster.dataDir, 'keys.json');
    const text = await readFile(path);
    await rm(path);
    await looked();
    expect(await statusOf('GET', '/api/session')).toBe(401);
    expect(await statusOf('GET', '/api/session', keys.read)).toBe(200);
    await writeFile(path, '{"keys": []}');
    await looked();
    expect(await statusOf('GET', '/api/session')).toBe(401);
    await writeFile(path, text);
    await looked();
    expect(await statusOf('GET', '/api/session', keys.read)).toBe(200);
  });

  test('a browser signs in with a key: a cookie that no script reads, ended by signing out and with the key', async () => {
    const key = await create('--scope', 'read');
    await looked();
    expect([401, 429]).toContain(await statusOf('POST', '/login', undefined, { key: 'wrong' }));
    const signedIn = await call('POST', '/login', undefined, { key });
    expect(signedIn.status).toBe(204);
    const [cookie = ''] = signedIn.headers.getSetCookie();
    expect(cookie).toMatch(/^muster_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    const own = { cookie: cookie.split(';')[0] as string };
    expect(await (await call('GET', '/api/session', undefined, undefined, own)).json()).toEqual({ name: `key:${idOf(key)}` });
    expect(await statusOf('POST', '/api/keys', undefined, {}, own)).toBe(403);
    expect(await statusOf('POST', '/api/query', undefined, { sql: 'SELECT 1' }, { ...own, origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf('POST', '/logout', undefined, {}, own)).toBe(204);
    expect(await statusOf('GET', '/api/session', undefined, undefined, own)).toBe(401);
    const again = (await call('POST', '/login', undefined, { key })).headers.getSetCookie()[0]?.split(';')[0] as string;
    await runMuster(['keys', 'revoke', idOf(key), '--data', muster.dataDir]);
    await looked();
    expect(await statusOf('GET', '/api/session', undefined, undefined, { cookie: again })).toBe(401);
  });

  test('commands of this machine need no key, and what is privileged is in the audit log by whose key it was', async () => {
    expect((await runMuster(['slo', 'status', '--data', muster.dataDir])).status).toBe(0);
    const body = {
      slo: '*',
      start: new Date().toISOString(),
      end: new Date(Date.now() + 600_000).toISOString(),
      reason: 'upgrade',
      actor: 'somebody else',
    };
    expect(await statusOf('POST', '/api/maintenance', keys.admin, body)).toBe(201);
    const query = {
      sql: "SELECT action, target, reason, actor_ref FROM audit_log WHERE action LIKE 'maint%' OR action = 'keys.create' ORDER BY seq",
      format: 'JSONEachRow',
    };
    const rows = (await (await call('POST', '/api/query', keys.read, query)).text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>);
    expect(rows.at(-1)).toMatchObject({ action: 'maintenance.add', target: '*', reason: 'upgrade' });
    const [created] = rows;
    expect(created).toMatchObject({ action: 'keys.create', reason: 'ingest' });
    expect(rows.at(-1)?.actor_ref).not.toBe(created?.actor_ref);
    expect(await (await call('GET', '/api/audit/verify', keys.read)).json()).toMatchObject({ broken: null });
  });
});
