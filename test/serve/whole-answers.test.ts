/** Large answers over real sockets: those that nobody reads are bounded together, and end. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createWholeAnswers } from '../../src/serve/whole-answers.ts';
import { QueryError } from '../../src/store/guard/query-error.ts';

const MEBIBYTE = 1024 * 1024;
const LARGE = Buffer.alloc(32 * MEBIBYTE);
const servers: { close: () => void; closeAllConnections: () => void }[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serving(limits: { heldBytes: number; idleMs: number; wholeMs: number }) {
  const answers = createWholeAnswers(limits);
  const server = createServer(async (asked, response) => {
    try {
      const body = asked.url === '/small' ? Buffer.from('small') : LARGE;
      await answers.send(response, { 'content-type': 'text/plain' }, body, asked.url === '/packed');
    } catch (error) {
      response.writeHead(503).end(error instanceof QueryError ? error.message : String(error));
    }
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Asks, and reads nothing of the answer. */
async function unread(url: string) {
  const asked = request(url, { agent: false });
  asked.on('error', () => {});
  asked.end();
  const [response] = await once(asked, 'response');
  response.on('error', () => {});
  return { asked, response };
}

test('what nobody reads counts against what may be on its way, until its reader leaves; small answers pass', async () => {
  const url = await serving({ heldBytes: 40 * MEBIBYTE, idleMs: 60_000, wholeMs: 60_000 });
  const { asked } = await unread(`${url}/large`);
  const refused = await fetch(`${url}/large`);
  expect([refused.status, await refused.text()]).toEqual([503, expect.stringMatching(/^large answers of \d+ bytes are still being read/)]);
  expect(await (await fetch(`${url}/small`)).text()).toBe('small');
  asked.destroy();
  await expect.poll(async () => (await fetch(`${url}/large`)).status, { timeout: 10_000 }).toBe(200);
});

test('what is being packed counts as well, and is let go of when its reader leaves meanwhile', async () => {
  const url = await serving({ heldBytes: 40 * MEBIBYTE, idleMs: 60_000, wholeMs: 60_000 });
  const packing = request(`${url}/packed`, { agent: false }).on('error', () => {});
  packing.end();
  await expect.poll(async () => (await fetch(`${url}/large`)).status, { timeout: 10_000, interval: 1 }).toBe(503);
  packing.destroy();
  await expect.poll(async () => (await fetch(`${url}/packed`)).status, { timeout: 10_000 }).toBe(200);
  const whole = await (await fetch(`${url}/packed`)).arrayBuffer();
  expect(whole.byteLength).toBe(LARGE.length);
});

test.each([
  ['nothing is read', { idleMs: 200, wholeMs: 600_000 }],
  ['it takes too long', { idleMs: 600_000, wholeMs: 200 }],
])('a reader is let go when %s', async (_, limits) => {
  const url = await serving({ heldBytes: 40 * MEBIBYTE, ...limits });
  const { response } = await unread(`${url}/large`);
  await expect.poll(async () => (await fetch(`${url}/large`)).status, { timeout: 10_000 }).toBe(200);
  const closed = new Promise((resolve) => response.once('close', resolve));
  response.resume();
  await closed;
  expect(response.complete).toBe(false);
});
