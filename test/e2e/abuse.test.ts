/** Clients that mean no good, or cannot do better: each gets its answer, and everybody else is served meanwhile. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Running, removeData, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
const sockets: Socket[] = [];
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await muster.stop();
  await removeData(muster.dataDir);
});

const NOW = new Date().toISOString();
async function send(body: string): Promise<{ status: number; body: { accepted?: number; rejected?: { message: string }[] } }> {
  const response = await fetch(`${muster.url}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return { status: response.status, body: (await response.json()) as never };
}
const event = (id: string, more = '') => `{"id":"${id}","type":"api.request","time":"${NOW}","source":"app"${more}}`;

/** A connection that has sent this much and says no more; what it is told, and whether it is closed. */
function half(text: string): { told: () => string; isClosed: () => boolean } {
  const { hostname, port } = new URL(muster.url);
  const socket = connect(Number(port), hostname);
  let told = '';
  let isClosed = false;
  socket.on('data', (chunk) => (told += chunk.toString()));
  socket.on('close', () => (isClosed = true));
  socket.on('error', () => (isClosed = true));
  socket.write(text.replaceAll('HOST', `${hostname}:${port}`));
  sockets.push(socket);
  return { told: () => told, isClosed: () => isClosed };
}
const several = (count: number, text: string) => Array.from({ length: count }, () => half(text));

test('headers that never end are let go within seconds, while events are taken in', async () => {
  const slow = several(500, 'POST /v1/events HTTP/1.1\r\nHost: HOST\r\nX-Slow: ');
  for (let i = 0; i < 20; i++) expect((await send(event(`meanwhile-${i}`))).status).toBe(200);
  await expect.poll(() => slow.filter(({ isClosed }) => !isClosed()).length, { timeout: 120_000, interval: 250 }).toBe(0);
  for (const { told } of slow) expect(told()).toMatch(/^HTTP\/1\.1 408 /);
});

test('ten thousand idle connections keep nobody out', async () => {
  const idle: ReturnType<typeof half>[] = [];
  // Not all at once: what waits to be accepted is bounded by the system.
  for (let i = 0; i < 20; i++) {
    idle.push(...several(500, ''));
    await sleep(50);
  }
  await sleep(500);
  for (let i = 0; i < 20; i++) expect((await send(event(`beside-${i}`))).status).toBe(200);
  expect(idle.filter(({ isClosed }) => isClosed()).length).toBe(0);
});

test.each([
  ['headers of 20 kB', `GET /healthz HTTP/1.1\r\nHost: HOST\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
  ['a length and chunks', `POST /v1/events HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ['two hosts', 'GET /healthz HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\n\r\n', 400],
  ['the same host twice', 'GET /v1/events HTTP/1.1\r\nHost: HOST\r\nhost: HOST\r\n\r\n', 400],
  ['a path that is no path', 'GET http://[::1 HTTP/1.1\r\nHost: HOST\r\n\r\n', 400],
  ['a path with another host', 'GET http://evil.example/healthz HTTP/1.1\r\nHost: HOST\r\n\r\n', 400],
  ['a path that is a star', 'OPTIONS * HTTP/1.1\r\nHost: HOST\r\n\r\n', 400],
  ['a path with a broken escape', 'GET /runbooks/%ff HTTP/1.1\r\nHost: HOST\r\n\r\n', 400],
  ['a length that is none', 'POST /v1/events HTTP/1.1\r\nHost: HOST\r\nContent-Length: many\r\n\r\n', 400],
])('%s get their status', async (_, text, status) => {
  const socket = half(text);
  await expect.poll(() => socket.told(), { timeout: 5_000 }).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test('who asks ahead of the answers keeps nobody waiting, and gets no more than some of them', async () => {
  const ahead = several(20, 'GET /metrics HTTP/1.1\r\nHost: HOST\r\n\r\n'.repeat(500));
  // They are let go while they have had a few answers, not five hundred.
  await expect.poll(() => ahead.every(({ isClosed }) => isClosed()), { timeout: 120_000 }).toBe(true);
  for (const { told } of ahead) expect(told().split('HTTP/1.1 200').length).toBeLessThan(100);
  expect((await fetch(`${muster.url}/healthz`)).status).toBe(200);
});

test('requests sent ahead are answered in their order', async () => {
  const socket = half(['/healthz', '/readyz', '/nothing', '/healthz'].map((path) => `GET ${path} HTTP/1.1\r\nHost: HOST\r\n\r\n`).join(''));
  await expect
    .poll(
      () =>
        socket
          .told()
          .match(/HTTP\/1\.1 \d+/g)
          ?.map((line) => line.slice(9)),
      { timeout: 5_000 },
    )
    .toEqual(['200', '200', '404', '200']);
});

test('a body in pieces of a byte is refused, and so is the connection', async () => {
  const pieces = '1\r\nx\r\n'.repeat(100_000);
  const started = several(
    20,
    `POST /v1/events HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${pieces}`,
  );
  await expect.poll(() => started.every(({ isClosed }) => isClosed()), { timeout: 120_000 }).toBe(true);
});

test('who breaks off in the middle of a body leaves no trace in the log', async () => {
  const head = 'HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"rec';
  const routes = ['/v1/events', '/v1/logs', '/api/import/okta', '/api/query', '/core/v1/enrollments'];
  const begun = routes.map((path) => half(`POST ${path} ${head}`));
  await sleep(300);
  for (const socket of sockets.splice(0)) socket.destroy();
  await expect.poll(() => begun.every(({ isClosed }) => isClosed())).toBe(true);
  expect((await send(event('after'))).status).toBe(200);
  expect(muster.output()).not.toMatch(/failed:|aborted|at .*\.ts/);
});

test.each(['/core/v1/enrollments', '/api/query', '/api/forget', '/api/maintenance'])('%s takes no text that is not UTF-8', async (path) => {
  const body = Buffer.concat([Buffer.from('{"user":"eve'), Buffer.of(0xff), Buffer.from('","factor_type":"totp"}')]);
  for (const [type, bytes] of [
    ['application/json', body],
    ['application/json; charset=utf-16', Buffer.from('{"user":"eve"}', 'utf16le')],
  ] as const) {
    const response = await fetch(`${muster.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body: new Uint8Array(bytes),
    });
    expect([400, 415]).toContain(response.status);
    expect(['MUSTER_BAD_JSON', 'MUSTER_UNSUPPORTED_TYPE']).toContain(((await response.json()) as { code: string }).code);
  }
});

test('of JSON that says a thing twice the last counts, and numbers without end are refused', async () => {
  expect(await send(`{"id":"first",${event('last').slice(1)}`)).toMatchObject({ status: 200, body: { accepted: 1 } });
  const { status, body } = await send(event('endless', ',"duration_ms":1e999'));
  expect({ status, message: body.rejected?.[0]?.message }).toMatchObject({ status: 400, message: expect.stringMatching(/^duration_ms: /) });
  expect((await send(event('precise', ',"duration_ms":12345678901234567890'))).status).toBe(400);
  expect(muster.output()).not.toMatch(/failed:/);
});
