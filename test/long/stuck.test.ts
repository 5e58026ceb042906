/** SQL from outside that the engine cannot stop: Muster answers, starts again without it, and stops when it is told to. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

/** Compares each of two million letters with all that follow it, inside of one call of one function. */
const endless = (what: string) => `SELECT length(${what}(arrayStringConcat(arrayMap(x -> 'a', range(2000000))), '(a*?b|a)'))`;

let dataDir: string;
let muster: Running;

beforeAll(async () => {
  dataDir = await temporaryData();
  muster = await startUnder(['env', 'MUSTER_QUERY_TIMEOUT=1'], dataDir);
});
afterAll(async () => {
  await muster.stop();
  await removeData(dataDir);
});

const address = async () => JSON.parse(await readFile(join(dataDir, 'muster.json'), 'utf8')) as { pid: number; instance: string };
const query = (sql: string) => runMuster(['query', '--data', dataDir, sql]);

it('starts again under the same address when a statement does not end, and refuses it from then on', async () => {
  const time = new Date().toISOString();
  const event = { id: 'one', type: 'enrollment.started', time, source: 'app', attempt_id: 'one' };
  const sent = await fetch(`${muster.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  });
  expect(sent.status).toBe(200);
  const before = await address();
  const answer = await query(endless('extractAll'));
  expect(answer.stderr).toContain('did not end after 1 s');
  for (let isAgain = false; !isAgain; await sleep(200))
    isAgain = await address().then(
      ({ instance }) => instance !== before.instance,
      () => false,
    );
  expect((await address()).pid).toBe(before.pid);
  expect(muster.output()).toContain('starting again without it; nothing that was acknowledged is lost');
  expect((await query('SELECT count() AS n FROM events_v')).stdout).toBe('{"n":1}\n');
  expect((await query(endless('extractAll').replace('2000000', '1999999'))).stderr).toContain('did not end before');
});

it('stops when it is told to, whatever runs', async () => {
  const running = fetch(`${muster.url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: endless('extractAll').replace('length', 'toString') }),
  }).catch(() => undefined);
  await sleep(1_000);
  const startMs = performance.now();
  expect(await muster.stop()).toBe(0);
  // It was told to end, and did not: that is waited for.
  expect(performance.now() - startMs).toBeGreaterThan(4_000);
  await running;
});
