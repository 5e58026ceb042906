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

test('headers that never end are let go within seconds, while events are taken in', { timeout: 60_000 }, async () => {
  const slow = several(500, 'POST /v1/events HTTP/1.1\r\nHost: HOST\r\nX-Slow: ');
  for (let i = 0; i < 20; i++) expect((await send(event(`meanwhile-${i}`))).status).toBe(200);
  await expect.poll(() => slow.filter(({ isClosed }) => !isClosed()).length, { timeout: 15_000, interval: 250 }).toBe(0);
  for (const { told } of slow) expect(told()).toMatch(/^HTTP\/1\.1 408 /);
});

test('ten thousand idle connections keep nobody out', { timeout: 60_000 }, async () => {
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

test('of JSON that says a thing twice the last counts, and numbers without end are refused', async () => {
  expect(await send(`{"id":"first",${event('last').slice(1)}`)).toMatchObject({ status: 200, body: { accepted: 1 } });
  const { status, body } = await send(event('endless', ',"duration_ms":1e999'));
  expect({ status, message: body.rejected?.[0]?.message }).toMatchObject({ status: 400, message: expect.stringMatching(/^duration_ms: /) });
  expect((await send(event('precise', ',"duration_ms":12345678901234567890'))).status).toBe(400);
  expect(muster.output()).not.toMatch(/failed:/);
});
