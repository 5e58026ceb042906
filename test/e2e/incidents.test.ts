/** `muster incidents` as a user sees it: the list, one in full, what people decide, and two who decide at once. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { correlate } from '../../src/detect/incidents/correlate.ts';
import { writeIncidents } from '../../src/detect/incidents/incident-table.ts';
import type { Signal } from '../../src/detect/incidents/signal.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { testServices } from '../support/store.ts';

let dataDir: string;
let muster: Running | undefined;
const nowMs = Date.now();
const sign = (value: string, minutesAgo: number, isPage = false): Signal => ({
  source: 'flag',
  name: 'failures',
  of: 'failures',
  dimension: 'region',
  value,
  fromMs: nowMs - minutesAgo * 60_000,
  knownMs: nowMs - (minutesAgo - 2) * 60_000,
  toMs: nowMs - 60_000,
  isPage,
});

beforeAll(async () => {
  dataDir = await temporaryData();
  const services = await testServices({ dataDir });
  const signs = [sign('eu', 20, true), sign('us', 15), sign('\u001b[31mred\n', 10), sign('ap', 5)];
  await writeIncidents(services.store.engine, correlate([], signs, 1, nowMs), nowMs);
  await services.close();
});
afterAll(async () => {
  await muster?.stop();
  await removeData(dataDir);
});

const run = (...parameters: string[]) => runMuster(['incidents', ...parameters, '--data', dataDir]);

test('lists them, newest first, and shows one in full; what comes from outside colours nothing', async () => {
  const list = await run();
  expect(list.status, list.stderr).toBe(0);
  const ids = list.stdout.split('\n').flatMap((line) => /^INC-\d+/.exec(line)?.[0] ?? []);
  expect(ids).toEqual(['INC-4', 'INC-3', 'INC-2', 'INC-1']);
  expect(list.stdout).toContain('INC-1    open         page   Attempts fail: region eu');
  expect(list.stdout).not.toContain('\u001b');
  const one = await run('INC-1');
  for (const part of ['first sign', 'detected', 'cause', 'failures of failures, region eu']) expect(one.stdout).toContain(part);
  const json = JSON.parse((await run('INC-1', '--json')).stdout) as Record<string, unknown>;
  expect(Object.keys(json)).toEqual(
    expect.arrayContaining(
      'id title severity status start detected notified acknowledged mitigated end cause slos users attempts findings change'.split(' '),
    ),
  );
  expect(json).toMatchObject({ id: 'INC-1', severity: 'page', status: 'open', acknowledged: null, end: null });
});

test('what people decide is kept, asked for a reason, and refused the second time', async () => {
  expect((await run('ack', 'INC-1')).stderr).toContain('--reason');
  expect(await run('ack', 'INC-1', '--reason', ' ')).toMatchObject({ status: 2, stderr: expect.stringContaining('expected a reason') });
  expect(await run('ack', 'INC-1', '--reason', 'looking')).toMatchObject({ status: 0, stdout: 'INC-1 is acknowledged.\n' });
  expect(await run('ack', 'INC-1', '--reason', 'me too')).toMatchObject({
    status: 1,
    stderr: 'muster: INC-1 cannot be acknowledged: it is acknowledged\n',
  });
  expect((await run('assign', 'INC-1', '--to', 'ada', '--reason', 'knows it')).stdout).toBe('INC-1 is acknowledged, with ada.\n');
  expect((await run('dismiss', 'INC-2', '--reason', 'a load test')).stdout).toBe('INC-2 is dismissed.\n');
  const held = await runMuster(['suppressions', '--data', dataDir]);
  expect(held.stdout).toContain('region=us  failures of failures, until ');
  expect(held.stdout).toContain(': a load test · 0 minutes held back');
  expect((await run('note', 'INC-1', '--reason', 'the provider\nconfirms')).stdout).toBe('INC-1 is acknowledged, with ada.\n');
  expect(await run('step', 'INC-1', '--runbook', '../x', '--reason', 'no')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('expected the runbook'),
  });
  expect((await run('step', 'INC-1', '--runbook', 'provider-outage', '--reason', 'to the other one')).status).toBe(0);
  const text = await run('INC-1');
  expect(text.stdout).toMatch(/Log:\n.* ack by .*: looking\n.* assign by .*: assignee ada: knows it\n.* note by /);
  expect(text.stdout).toContain(': runbook provider-outage: to the other one');
  expect((await run('merge', 'INC-3', '--into', 'INC-1', '--reason', 'the same')).stdout).toBe('INC-3 is merged.\n');
  expect((await run('resolve', 'INC-1', '--reason', 'rolled back')).stdout).toBe('INC-1 is resolved, with ada.\n');
  const one = JSON.parse((await run('INC-1', '--json')).stdout) as { signals: unknown[]; status: string; end: string | null };
  expect(one).toMatchObject({ status: 'resolved', end: expect.any(String) });
  expect(one.signals).toHaveLength(2);
  expect(await run('split', 'INC-1', '--off', 'region=ap', '--reason', 'late')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('cannot be split'),
  });
  expect(await run('INC-99')).toMatchObject({ status: 2, stderr: expect.stringContaining('no incident has the id INC-99') });
  const audited = await runMuster(['query', 'SELECT action, target, reason FROM audit_log ORDER BY seq', '--data', dataDir]);
  expect(audited.stdout).toContain('{"action":"incident.assign","target":"INC-1","reason":"assignee ada: knows it"}');
});

test('of two who act at the same moment, each gets an answer of his own', async () => {
  muster = await startMuster(dataDir);
  const act = () =>
    fetch(`${muster?.url}/api/incidents/INC-4/acts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ act: 'ack', reason: 'mine', actor: 'ada' }),
    });
  const answers = await Promise.all([act(), act(), act()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  // Nothing failed in this store: that is an answer too.
  const causes = await fetch(`${muster.url}/api/incidents/INC-4/causes`);
  expect(await causes.json()).toEqual({ sli: 'M1', causes: [], errors: [], isChangeRuledOut: false });
  expect((await fetch(`${muster.url}/api/incidents/INC-99/causes`)).status).toBe(404);
  const metrics = await (await fetch(`${muster.url}/metrics`)).text();
  expect(metrics).toContain('muster_incidents_open{severity="ticket"} 1\n');
  expect(metrics).toContain('muster_incidents_open{severity="page"} 0\n');
  // Through the running process too.
  expect((await run('resolve', 'INC-4', '--reason', 'over')).stdout).toBe('INC-4 is resolved.\n');
});

test("what is held back ends by somebody's word; the table shows it", async () => {
  const table = await runMuster(['query', 'SELECT rule, entity, reason, held_back FROM suppressions', '--data', dataDir]);
  expect(table.stdout).toContain('{"rule":"failures","entity":"failures region=us","reason":"a load test","held_back":0}');
  expect(await runMuster(['suppressions', 'end', 'region=us', '--reason', 'over', '--data', dataDir])).toMatchObject({ status: 0 });
  expect((await runMuster(['suppressions', '--data', dataDir])).stdout).toBe('Nothing is held back.\n');
  expect(await runMuster(['suppressions', 'end', 'region=us', '--reason', 'over', '--data', dataDir])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('nothing is held back of region=us'),
  });
});
