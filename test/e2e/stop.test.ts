/** A stop under load: what was begun is answered, and kept once; who comes later is told to come again, until the end. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

const MUSTER = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url));

const otlp = (n: number) =>
  JSON.stringify({
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'app' } }] },
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: `${Date.now() - 60_000}000000`,
                eventName: 'api.request',
                attributes: [
                  { key: 'muster.operation', value: { stringValue: 'start' } },
                  { key: 'muster.reason', value: { stringValue: `request ${n}` } },
                ],
              },
            ],
          },
        ],
      },
    ],
  });

/** A request whose body is begun, and ends when that is said. */
function begin(url: string, body: string) {
  const half = Math.floor(body.length / 2);
  const sent = request(url, { method: 'POST', headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) } });
  const status = new Promise<number | string>((resolve) => {
    sent.on('response', (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    sent.on('error', (error) => resolve(error.message));
  });
  sent.write(body.slice(0, half));
  return { status, finish: () => sent.end(body.slice(half)) };
}

test('requests in work are finished, new ones are told when to come again, and a retry adds nothing', async () => {
  const dataDir = await temporaryData();
  try {
    const bodies = Array.from({ length: 20 }, (_, n) => otlp(n));
    const muster = await startMuster(dataDir);
    const begun = bodies.map((body) => begin(`${muster.url}/v1/logs`, body));
    // They are being read once their connections are taken, and a moment has passed in which nothing else was to be done.
    const sockets = async () =>
      Number(/^nodejs_active_resources\{type="TCPSocketWrap"\} (\d+)$/m.exec(await (await fetch(`${muster.url}/metrics`)).text())?.[1]);
    await expect.poll(sockets, { timeout: 60_000 }).toBeGreaterThanOrEqual(bodies.length);
    await sleep(500);
    const stopped = muster.stop();
    await expect.poll(async () => (await fetch(`${muster.url}/readyz`)).text(), { timeout: 30_000 }).toBe('stopping\n');
    const late = await fetch(`${muster.url}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: otlp(99) });
    expect([late.status, Number(late.headers.get('retry-after')) > 0, late.headers.get('connection')]).toEqual([503, true, 'close']);
    const core = await fetch(`${muster.url}/core/v1/enrollments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user: 'ada', factor_type: 'totp' }),
    });
    expect([core.status, Number(core.headers.get('retry-after')) > 0]).toEqual([503, true]);
    for (const each of begun) each.finish();
    expect(await Promise.all(begun.map(({ status }) => status))).toEqual(bodies.map(() => 200));
    await stopped;
    const again = await startMuster(dataDir);
    try {
      for (const body of bodies)
        expect(
          (await fetch(`${again.url}/v1/logs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status,
        ).toBe(200);
    } finally {
      await again.stop();
    }
    const { stdout } = await runMuster([
      'query',
      'SELECT count() AS n, uniqExact(id) AS ids FROM events_v',
      '--format',
      'JSONEachRow',
      '--data',
      dataDir,
    ]);
    expect(JSON.parse(stdout)).toEqual({ n: 20, ids: 20 });
  } finally {
    await removeData(dataDir);
  }
});

test('who was started by npm ends when npm does', async () => {
  const dataDir = await temporaryData();
  const environment = { ...process.env, npm_command: 'exec', MUSTER_CLICKHOUSE_PORT: 'off' };
  const shell = spawn('sh', ['-c', '"$0" "$@" & echo $!; wait', process.execPath, MUSTER, 'up', '--data', dataDir, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: environment,
  });
  let said = '';
  shell.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  try {
    await expect.poll(() => said, { timeout: 120_000 }).toContain('Muster is at');
    const pid = Number(/^\d+/.exec(said)?.[0]);
    shell.kill('SIGKILL');
    await expect.poll(() => isRunning(pid), { timeout: 60_000 }).toBe(false);
  } finally {
    await removeData(dataDir);
  }
});

function isRunning(pid: number): boolean {
  try {
    // What has ended and was not waited for is there, too.
    return process.kill(pid, 0) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
