/**
 * A real Collector with the configuration of docs/sources.md between the SDKs of four languages and Muster, which stops, is killed and has too
 * much to do while they send: every record is there, once.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { peerOf, whyNot } from '../support/peers.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

const run = promisify(execFile);
const DOCS = new URL('../../docs/sources.md', import.meta.url);
const ATTEMPTS = 600;
const PAUSE_MS = 50;
const SENT = "source LIKE 'through-%' AND source != 'through-logs'";
const LANGUAGES = ['javascript', 'python', 'go', 'java'] as const;

const missing = await whyNot('collector');
if (missing !== undefined) console.warn(`NOT RUN here, a Collector: ${missing}`);
const languages: (typeof LANGUAGES)[number][] = [];
if (missing === undefined) for (const language of LANGUAGES) if ((await whyNot(language)) === undefined) languages.push(language);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

describe.runIf(missing === undefined)('a Collector', () => {
  let folder: string;
  let dataDir: string;
  let muster: Running;
  let key: string;
  let musterPort: number;
  let collectorUrl: string;
  let configuration: string;
  let collector: ChildProcess;
  let said = '';

  const start = async () => startMuster(dataDir, '--port', String(musterPort));
  const startCollector = async () => {
    const [program] = await peerOf('collector', 'collector');
    const child = spawn(program, ['--config', configuration], {
      env: { ...process.env, MUSTER_KEY: key },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    for (const until = Date.now() + 60_000; !said.includes('Everything is ready'); await sleep(50))
      if (Date.now() > until) throw new Error(`the Collector does not start:\n${said}`);
    return child;
  };
  const ask = async (sql: string) => {
    const response = await fetch(`${muster.url}/api/query`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ sql, format: 'JSONCompactEachRow' }),
    });
    const lines = (await response.text()).trim().split('\n');
    return lines.map((line) => JSON.parse(line) as unknown[]);
  };
  const sendDirectly = async (language: (typeof languages)[number]) => {
    const [program, ...parameters] = await peerOf(language, 'otlp');
    const env = { ...process.env, OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${key}` };
    const sent = run(program, [...parameters, muster.url, `direct-${language}`, String(ATTEMPTS), String(PAUSE_MS)], {
      timeout: 300_000,
      env,
    });
    return `${language} ${await sent.then(
      () => 'sent all',
      () => 'gave up on some',
    )}`;
  };
  /** How often the Collector was told to come again. */
  const retries = () => said.split('Will retry the request').length - 1;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-collector-'));
    dataDir = await temporaryData();
    const made = await runMuster(['keys', 'create', '--scope', 'ingest', '--scope', 'read', '--data', dataDir, '--json']);
    key = (JSON.parse(made.stdout) as { key: string }).key;
    musterPort = await freePort();
    muster = await start();
    const port = await freePort();
    collectorUrl = `http://127.0.0.1:${port}`;
    configuration = join(folder, 'collector.yaml');
    const text = /^### A Collector[\s\S]*?^```yaml\n([\s\S]*?)^```/m.exec(await readFile(DOCS, 'utf8'))?.[1] ?? '';
    await writeFile(
      configuration,
      text
        .replace('127.0.0.1:4318', `127.0.0.1:${port}`)
        .replace('http://127.0.0.1:8686', muster.url)
        .replace('service:\n', 'service:\n  telemetry: { metrics: { level: none } }\n')
        .replace('/var/lib/otelcol/muster', join(folder, 'queue')),
    );
    collector = await startCollector();
  }, 240_000);
  afterAll(async () => {
    collector?.kill('SIGKILL');
    await muster?.stop();
    await removeData(dataDir);
    await rm(folder, { recursive: true, force: true });
  });

  test('makes events of JSON in the bodies of log records, as its transform says', async () => {
    const time = String(BigInt(Date.now()) * 1_000_000n);
    const record = (what: string, uid: string) => ({
      timeUnixNano: time,
      body: { stringValue: JSON.stringify({ what, try: 'log-1', factor: 'totp', who: 'ada@example.org' }) },
      attributes: [{ key: 'log.record.uid', value: { stringValue: uid } }],
    });
    const logRecords = [record('mfa_enroll_begin', 'l-1'), record('mfa_enroll_done', 'l-2')];
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'through-logs' } }] };
    const response = await fetch(`${collectorUrl}/v1/logs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }),
    });
    expect(response.status).toBe(200);
    await expect
      .poll(() => ask("SELECT attempt_id, result, factor_type FROM attempts WHERE source = 'through-logs'"), { timeout: 60_000 })
      .toEqual([['log-1', 'completed', 'totp']]);
  });

  test('brings every record once, through a stop, a kill and an overload of Muster', async () => {
    const sending = languages.map(async (language) => {
      const [program, ...parameters] = await peerOf(language, 'otlp');
      await run(program, [...parameters, collectorUrl, `through-${language}`, String(ATTEMPTS), String(PAUSE_MS)], { timeout: 300_000 });
    });
    // Those that try again after a refused connection; what they lose is theirs, what arrives is there once.
    const direct = languages.filter((language) => language !== 'go').map((language) => sendDirectly(language));
    const again = async () => {
      const before = retries();
      await expect.poll(retries, { timeout: 60_000 }).toBeGreaterThan(before);
    };
    await sleep(5_000);
    await Promise.all([again(), muster.stop()]);
    muster = await start();
    await sleep(3_000);
    await Promise.all([again(), muster.kill()]);
    // Its log takes a mebibyte that waits to be loaded, which is soon full.
    process.env.MUSTER_MAX_LOG_BYTES = String(1024 * 1024);
    muster = await start();
    delete process.env.MUSTER_MAX_LOG_BYTES;
    const refused = await flood(() => muster.url, key, 15_000);
    expect(refused).toBeGreaterThan(0);
    await Promise.all(sending);
    const arrived = await Promise.all(direct);
    console.log(`directly: ${arrived.join(', ')}`);
    const expected = languages.map((language) => [`through-${language}`, 'completed', ATTEMPTS]).sort();
    await expect
      .poll(() => ask(`SELECT source, result, toUInt32(count()) FROM attempts WHERE ${SENT} GROUP BY source, result ORDER BY source`), {
        timeout: 180_000,
        interval: 1_000,
      })
      .toEqual(expected);
    expect(await ask(`SELECT toUInt32(count()), toUInt32(uniqExact(id)) FROM events_v WHERE ${SENT}`)).toEqual([
      [2 * ATTEMPTS * languages.length, 2 * ATTEMPTS * languages.length],
    ]);
    expect(await ask("SELECT toUInt32(count() - uniqExact(id)) FROM events_v WHERE source LIKE 'direct-%'")).toEqual([[0]]);
    // What a retry brings again is known, and counted nowhere.
    expect(await ask("SELECT toUInt32(count()) FROM dead_letters WHERE source LIKE 'through-%'")).toEqual([[0]]);
  }, 600_000);
});

/** More than Muster takes, from several senders; returns how often it said so. */
async function flood(url: () => string, key: string, forMs: number): Promise<number> {
  let refused = 0;
  let sent = 0;
  const until = Date.now() + forMs;
  const sender = async () => {
    while (Date.now() < until) {
      const time = new Date().toISOString();
      const events = Array.from({ length: 20_000 }, () => ({
        id: `f-${sent++}`,
        type: 'api.request',
        time,
        source: 'flood',
        http_status: 200,
      }));
      const response = await fetch(`${url()}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${key}` },
        body: events.map((event) => JSON.stringify(event)).join('\n'),
      });
      if (response.status === 503) refused += 1;
      await response.body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: 6 }, sender));
  return refused;
}
