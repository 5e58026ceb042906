/** The ClickHouse endpoint of a running process: with the official client, as clickhouse-go speaks, and under a heavy query. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
let url: string;
let key: string;
let client: ClickHouseClient;

const clientOf = (password: string) =>
  createClient({ url, username: 'grafana', password, request_timeout: 120_000, log: { level: ClickHouseLogLevel.OFF } });

beforeAll(async () => {
  muster = await startMuster(await temporaryData(), '--clickhouse-port', '0');
  url = JSON.parse(await readFile(join(muster.dataDir, 'muster.json'), 'utf8')).clickhouseUrl;
  key = (await readFile(join(muster.dataDir, 'clickhouse.key'), 'utf8')).trim();
  client = clientOf(key);
  const events = Array.from({ length: 50 }, (_, i) => ({
    id: `e${i}`,
    type: 'enrollment.started',
    time: new Date(Date.now() - 60_000).toISOString(),
    source: 'app',
    attempt_id: `a${i}`,
    region: i % 2 ? 'eu-west' : 'us-east',
  }));
  await send(events);
  for (let tries = 0; tries < 200; tries++) {
    const [row] = await rows<{ n: number }>('SELECT count() AS n FROM attempts');
    if (Number(row?.n) === 50) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the events did not arrive');
});
afterAll(async () => {
  await client.close();
  await muster.stop();
  await removeData(muster.dataDir);
});

const send = (events: unknown) =>
  fetch(`${muster.url}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) });

async function rows<Row>(query: string, query_params?: Record<string, unknown>): Promise<Row[]> {
  const result = await client.query({ query, format: 'JSONEachRow', ...(query_params && { query_params }) });
  return (await result.json()) as Row[];
}

/** What clickhouse-go sends over HTTP without TLS. */
const asGo = (sql: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/?client_protocol_version=54460&database=muster&default_format=Native&max_execution_time=60`, {
    method: 'POST',
    body: sql,
    headers: { authorization: `Basic ${Buffer.from(`grafana:${key}`).toString('base64')}`, ...headers },
  });

describe('@clickhouse/client over HTTP', () => {
  it('pings, both ways', async () => {
    expect(await client.ping()).toEqual({ success: true });
    expect(await client.ping({ select: true })).toEqual({ success: true });
  });

  it('reads rows, with values as parameters', async () => {
    const found = await rows('SELECT region, count() AS n FROM attempts WHERE region IN {regions:Array(String)} GROUP BY region', {
      regions: ['eu-west', "o'hara\t\\"],
    });
    expect(found).toEqual([{ region: 'eu-west', n: 25 }]);
    expect(await rows('SELECT {text:String} AS text', { text: "a\tb\\c'd\n" })).toEqual([{ text: "a\tb\\c'd\n" }]);
  });

  it('reads JSON with its totals, and streams', async () => {
    const json = await (await client.query({ query: 'SELECT number FROM numbers(3)', format: 'JSON' })).json<{ number: number }>();
    expect(json).toMatchObject({ rows: 3, data: [{ number: 0 }, { number: 1 }, { number: 2 }] });
    let count = 0;
    const stream = (await client.query({ query: 'SELECT number FROM numbers(10000)', format: 'JSONCompactEachRow' })).stream();
    for await (const chunk of stream) count += chunk.length;
    expect(count).toBe(10_000);
  });

  it('heeds no settings from outside', async () => {
    const result = await client.query({
      query: 'SELECT 1 AS one',
      format: 'JSONEachRow',
      clickhouse_settings: { readonly: '0', max_threads: 64 },
    });
    expect(await result.json()).toEqual([{ one: 1 }]);
  });

  it.each([
    ['an unknown column', 'SELECT nope FROM attempts', '47', 'UNKNOWN_IDENTIFIER'],
    ['an unknown table', 'SELECT 1 FROM nope', '60', 'UNKNOWN_TABLE'],
    ['an inner table', 'SELECT * FROM events', '497', 'ACCESS_DENIED'],
    ['a wrong statement', 'SELEC 1', '62', 'SYNTAX_ERROR'],
  ])('says of %s what ClickHouse would', async (_, query, code, type) => {
    await expect(client.query({ query })).rejects.toMatchObject({ code, type });
  });

  it('writes nothing', async () => {
    await expect(client.command({ query: 'CREATE TABLE x (a UInt8) ENGINE = Memory' })).rejects.toMatchObject({ code: '497' });
    await expect(client.insert({ table: 'events_v', values: [{ id: 'x' }], format: 'JSONEachRow' })).rejects.toThrow();
  });

  it('refuses a wrong key, and none', async () => {
    const stranger = clientOf('wrong');
    await expect(stranger.query({ query: 'SELECT 1' })).rejects.toMatchObject({ code: '516' });
    await stranger.close();
    expect((await fetch(url, { method: 'POST', body: 'SELECT 1' })).status).toBe(403);
  });
});

describe('clickhouse-go over HTTP', () => {
  it('gets the block that it waits for, at revision 0', async () => {
    const answer = await asGo('SELECT displayName(), version(), revision(), timezone()');
    const bytes = Buffer.from(await answer.arrayBuffer());
    expect(bytes.subarray(0, 10)).toEqual(Buffer.from([1, 0, 2, 255, 255, 255, 255, 0, 4, 1]));
    expect(bytes.toString('latin1')).toContain('revision()\x06UInt32\x00\x00\x00\x00\x00');
    expect(bytes.toString('latin1')).toMatch(/version\(\)\x06String\x00.\d+\.\d+\.\d+/s);
  });

  it('pings with one column that is called 1', async () => {
    const bytes = Buffer.from(await (await asGo('SELECT 1')).arrayBuffer());
    expect(bytes).toEqual(Buffer.from([1, 1, 1, 49, 5, ...Buffer.from('UInt8'), 1]));
  });

  it('takes large answers as gzip', async () => {
    // The connection is read raw: fetch would unpack it.
    const { request } = await import('node:http');
    const bytes = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      const sent = request(
        `${url}/?default_format=TSV`,
        { method: 'POST', headers: { 'x-clickhouse-user': 'x', 'x-clickhouse-key': key, 'accept-encoding': 'gzip' } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('end', () => resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }));
        },
      );
      sent.once('error', reject);
      sent.end('SELECT number FROM numbers(5000)');
    });
    expect(bytes.encoding).toBe('gzip');
    expect(gunzipSync(bytes.body).toString().split('\n')).toHaveLength(5_001);
  });

  it('gets an exception with its code as header', async () => {
    const answer = await asGo('SELECT nope');
    expect(answer.status).toBe(404);
    expect(answer.headers.get('x-clickhouse-exception-code')).toBe('47');
    expect(await answer.text()).toMatch(/^Code: 47\. DB::Exception: .*\(UNKNOWN_IDENTIFIER\)\n$/s);
  });

  it('finds the tables to choose from', async () => {
    const answer = await fetch(`${url}/?query=${encodeURIComponent('SELECT name FROM system.tables ORDER BY name LIMIT 2')}`, {
      headers: { 'x-clickhouse-key': key },
    });
    expect(await answer.text()).toBe('alert_inputs\nalert_states\n');
  });

  it('answers to this machine only', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve) => {
      request(url, { method: 'POST', headers: { host: 'evil.example:8123', 'x-clickhouse-key': key } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end('SELECT 1');
    });
    expect(status).toBe(400);
  });
});

describe('a heavy query', () => {
  it('delays neither intake nor pages, and ends by itself', async () => {
    const heavy = Array.from({ length: 6 }, () =>
      asGo('SELECT uniqExact(sipHash64(number, 1)) FROM numbers(100000000000)').then(async (answer) => [
        answer.status,
        await answer.text(),
      ]),
    );
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const startMs = performance.now();
      const answer = await send([{ id: `h${i}`, type: 'api.request', time: new Date().toISOString(), source: 'app', http_status: 200 }]);
      expect(answer.status).toBe(200);
      times.push(performance.now() - startMs);
    }
    expect((await fetch(`${muster.url}/api/slos`)).status).toBe(200);
    for (const [status, text] of await Promise.all(heavy)) {
      expect(status).toBe(500);
      expect(text).toMatch(/MEMORY_LIMIT_EXCEEDED|TIMEOUT_EXCEEDED/);
    }
    expect((await fetch(`${muster.url}/healthz`)).status).toBe(200);
    // Not a benchmark: a queue behind a query of 30 s would show.
    expect(Math.max(...times)).toBeLessThan(5_000);
  });
});

describe('muster query', () => {
  it('answers the same through the running process, as JSON lines in a pipe', async () => {
    const { stdout, status } = await runMuster(['query', 'SELECT count() AS n FROM attempts', '--data', muster.dataDir]);
    expect([status, stdout]).toEqual([0, '{"n":50}\n']);
    const csv = await runMuster(['query', '-', '--format', 'CSV', '--data', muster.dataDir], { input: 'SHOW TABLES' });
    expect(csv.stdout).toContain('"attempts"\n');
  });

  it.each([
    ["SELECT * FROM file('/etc/passwd', 'LineAsString')", /not allowed here/],
    ['SELECT * FROM events', /events cannot be read here; there are events_v/],
    ['SELECT nope FROM attempts', /nope/],
  ])('%s is one sentence and status 2', async (sql, words) => {
    const { status, stderr, stdout } = await runMuster(['query', sql, '--data', muster.dataDir]);
    expect(stderr).toMatch(words);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([status, stdout]).toEqual([2, '']);
  });

  it('needs no running process', async () => {
    const dataDir = await temporaryData();
    const other = await startMuster(dataDir);
    await other.stop();
    const { status, stdout } = await runMuster(['query', 'SELECT count() AS n FROM findings', '--data', dataDir]);
    expect([status, stdout]).toEqual([0, '{"n":0}\n']);
    await removeData(dataDir);
  });
});

describe('the port', () => {
  const taken = (): Promise<Server> =>
    new Promise((resolve) => {
      const server = createServer();
      server.listen(0, '127.0.0.1', () => resolve(server));
    });

  it('is an error when it was asked for and is taken', async () => {
    const server = await taken();
    const dataDir = await temporaryData();
    const { port } = server.address() as AddressInfo;
    const { status, stderr } = await runMuster(['up', '--port', '0', '--clickhouse-port', String(port), '--data', dataDir]);
    expect(stderr).toContain(`port ${port} is taken by another program; choose another with --clickhouse-port`);
    expect(status).toBe(1);
    server.close();
    await removeData(dataDir);
  });

  it('is refused with the reason when it is none', async () => {
    const { status, stderr } = await runMuster(['up', '--clickhouse-port', 'x']);
    expect(stderr).toContain('--clickhouse-port: expected a number from 0 to 65535, or off');
    expect(status).toBe(2);
  });
});
