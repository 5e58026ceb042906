/** The running process and everything that may be thrown at it: each gets a clear answer, and nothing acknowledged is lost. */

import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

let n = 0;
const event = (fields: object = {}) => ({
  id: `e2e-${++n}`,
  type: 'api.request',
  time: new Date().toISOString(),
  source: 'e2e',
  operation: 'start',
  http_status: 201,
  duration_ms: 10,
  ...fields,
});

async function post(body: string | Buffer, headers: Record<string, string> = { 'content-type': 'application/json' }) {
  const response = await fetch(`${muster.url}/v1/events`, { method: 'POST', body: body as string, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
}

describe('a dry run', () => {
  const dry = async (events: unknown, search = '?dry_run=1') => {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${muster.url}/v1/events${search}`, { method: 'POST', body: JSON.stringify(events), headers });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  test('says what is wrong, what was meant, and keeps nothing', async () => {
    const good = event();
    const answer = await dry([good, event({ regoin: 'eu' }), event({ shoe_size: 43 }), event({ time: '2026-03-01 09:30' }), 7]);
    expect(answer).toEqual({
      status: 200,
      body: {
        dry_run: true,
        valid: 1,
        rejected: [
          { index: 1, id: expect.any(String), message: 'unknown field regoin; did you mean region?' },
          { index: 2, id: expect.any(String), message: 'unknown field shoe_size; what has no field goes into attributes, text to text' },
          { index: 3, id: expect.any(String), message: 'time: expected an RFC 3339 date-time with offset, such as 2026-03-01T09:30:00Z' },
          { index: 4, id: null, message: 'expected an event: a JSON object' },
        ],
      },
    });
    // Sent in earnest it is new.
    expect(await post(JSON.stringify(good))).toMatchObject({ status: 200, body: { accepted: 1, duplicates: 0 } });
    expect(await dry([], '?dry_run=yes')).toMatchObject({ status: 400, body: { detail: 'dry_run: expected 1 or 0' } });
  });
});

describe('accepts', () => {
  test('one event, an array, NDJSON, and each of them as gzip', async () => {
    const json = { 'content-type': 'application/json; charset=utf-8' };
    const ndjson = { 'content-type': 'application/x-ndjson' };
    expect(await post(JSON.stringify(event()), json)).toMatchObject({ status: 200, body: { accepted: 1, duplicates: 0, rejected: [] } });
    expect(await post(JSON.stringify([event(), event()]), json)).toMatchObject({ status: 200, body: { accepted: 2 } });
    expect(await post(`${JSON.stringify(event())}\n\n${JSON.stringify(event())}`, ndjson)).toMatchObject({
      status: 200,
      body: { accepted: 2 },
    });
    expect(await post(gzipSync(`${JSON.stringify(event())}\n`), { ...ndjson, 'content-encoding': 'gzip' })).toMatchObject({
      status: 200,
      body: { accepted: 1 },
    });
    expect(await post('[]', json)).toMatchObject({ status: 200, body: { accepted: 0 } });
  });

  test('CloudEvents, structured, batched and binary', async () => {
    const { id, source, type, time, ...data } = event() as Record<string, unknown>;
    const envelope = { specversion: '1.0', id, source, type: `org.example.${type}`, time, data };
    const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };
    expect(await post(JSON.stringify(envelope), structured)).toMatchObject({ status: 200, body: { accepted: 1 } });
    const batch = JSON.stringify([envelope, { ...envelope, id: `${id}-2` }, { ...envelope, specversion: '0.3' }]);
    expect(await post(batch, { 'content-type': 'application/cloudevents-batch+json' })).toMatchObject({
      status: 200,
      body: { accepted: 1, duplicates: 1, rejected: [{ index: 2, message: 'specversion: expected "1.0"' }] },
    });
    const attributes = {
      'ce-specversion': '1.0',
      'ce-id': `${id}-3`,
      'ce-source': String(source),
      'ce-type': String(type),
      'ce-time': String(time),
    };
    const binary = { 'content-type': 'application/json', ...attributes };
    expect(await post(JSON.stringify(data), binary)).toMatchObject({ status: 200, body: { accepted: 1 } });
  });

  test('what is valid of a batch, and says of the rest where and why', async () => {
    const { status, body } = await post(`${JSON.stringify(event())}\n{"id":"x"}\nnot json\n`, { 'content-type': 'application/x-ndjson' });
    expect(status).toBe(200);
    expect(body).toEqual({
      accepted: 1,
      duplicates: 0,
      rejected: [
        { index: 1, id: 'x', message: 'type: is missing' },
        { index: 2, id: null, message: 'not valid JSON' },
      ],
    });
  });

  test('the same event again as a duplicate', async () => {
    const again = JSON.stringify(event());
    expect(await post(again)).toMatchObject({ body: { accepted: 1, duplicates: 0 } });
    expect(await post(again)).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 1 } });
    expect(await post(`[${again},${again}]`)).toMatchObject({ status: 200, body: { accepted: 0, duplicates: 2 } });
  });
});

describe('refuses with a clear answer', () => {
  test.each([
    ['malformed JSON', '{"id":', 'application/json', 400, 'MUSTER_BAD_JSON'],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'application/json', 400, 'MUSTER_BAD_JSON'],
    ['an empty body', '', 'application/json', 400, 'MUSTER_BAD_JSON'],
    ['events that are all invalid', '[{"id":"a"},7]', 'application/json', 400, 'MUSTER_INVALID_EVENTS'],
    ['NDJSON without any JSON', 'hello\nworld\n', 'application/x-ndjson', 400, 'MUSTER_INVALID_EVENTS'],
    ['a wrong content type', '{}', 'text/plain', 415, 'MUSTER_UNSUPPORTED_TYPE'],
  ] as const)('%s', async (_name, body, type, status, code) => {
    const answer = await post(body, { 'content-type': type });
    expect(answer).toMatchObject({ status, body: { code, detail: expect.stringMatching(/\w+ \w+/) } });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test.each([
    ['an unknown type', { type: 'enrollment.begun' }, /^type: /],
    ['an unknown field', { colour: 'red' }, /unknown field colour/],
    ['a date in 1970', { time: '1970-01-01T00:00:00Z' }, /^time: is before/],
    ['a date in 2100', { time: '2100-01-01T00:00:00Z' }, /^time: is more than 5 minutes ahead/],
    ['30 February', { time: '2026-02-30T00:00:00Z' }, /^time: names a date/],
    ['a string of 10 MB', { reason: 'x'.repeat(10_000_000) }, /^larger than 256 KiB/],
  ])('%s', async (_name, fields, message) => {
    const { status, body } = await post(JSON.stringify(event(fields)));
    expect(status).toBe(400);
    expect((body.rejected as { message: string }[])[0]?.message).toMatch(message);
  });

  test('a __proto__ key, and nothing is polluted by it', async () => {
    const { status, body } = await post(`${JSON.stringify(event()).slice(0, -1)},"__proto__":{"polluted":true}}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain('unknown field __proto__');
  });

  test('a body of 50 MB, whether its length is said or not', async () => {
    const large = Buffer.alloc(50_000_000, 0x20);
    expect(await post(large)).toMatchObject({ status: 413, body: { code: 'MUSTER_BODY_TOO_LARGE' } });
    const chunked = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest(
        `${muster.url}/v1/events`,
        { method: 'POST', headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      );
      request.once('error', reject);
      request.end(large);
    });
    expect(chunked).toBe(413);
  });

  test('the codings of HTTP that Node has, one behind the other, and a byte order mark', async () => {
    const lines = `${JSON.stringify(event())}\n${JSON.stringify(event())}\n`;
    const ndjson = { 'content-type': 'application/x-ndjson' };
    const coded: [string, Buffer][] = [
      ['', Buffer.from(lines)],
      ['x-gzip', gzipSync(lines)],
      ['deflate', deflateSync(lines)],
      ['zstd', zstdCompressSync(lines)],
      ['deflate, gzip', gzipSync(deflateSync(lines))],
      ['identity', Buffer.from(`\ufeff${lines}`)],
    ];
    for (const [index, [coding, body]] of coded.entries())
      expect([coding, await post(body, { ...ndjson, 'content-encoding': coding })]).toMatchObject([
        coding,
        { status: 200, body: { accepted: index === 0 ? 2 : 0, duplicates: index === 0 ? 0 : 2 } },
      ]);
    for (const coding of ['snappy', 'br', 'gzip, gzip, gzip, gzip', '__proto__'])
      expect([coding, await post(lines, { ...ndjson, 'content-encoding': coding })]).toMatchObject([
        coding,
        { status: 415, body: { detail: expect.stringContaining('gzip, deflate, zstd') } },
      ]);
  });

  test('a small gzip that unpacks to 50 MB, broken gzip, and another encoding', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    expect(await post(gzipSync(Buffer.alloc(50_000_000)), headers)).toMatchObject({ status: 413 });
    expect(await post('no gzip', headers)).toMatchObject({ status: 400, body: { code: 'MUSTER_BAD_JSON' } });
    expect(await post('{}', { ...headers, 'content-encoding': 'br' })).toMatchObject({ status: 415 });
  });

  test('a line over the limit, without losing its neighbours', async () => {
    const long = JSON.stringify(event({ reason: 'x'.repeat(300_000) }));
    const { status, body } = await post([event(), event()].map((each) => JSON.stringify(each)).join(`\n${long}\n`), {
      'content-type': 'application/x-ndjson',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ accepted: 2, rejected: [{ index: 1, message: expect.stringMatching(/256 KiB/) }] });
  });

  test('a million nested arrays', async () => {
    expect(await post('['.repeat(1_000_000) + ']'.repeat(1_000_000))).toMatchObject({
      status: 400,
      body: { code: 'MUSTER_BAD_JSON' },
    });
  });

  test('another method, and says which is right', async () => {
    const response = await fetch(`${muster.url}/v1/events`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });

  test.each([
    ['a foreign Host', { host: 'evil.example' }],
    ['a foreign Host with our port', { host: 'evil.example:PORT' }],
    ['a foreign Origin', { origin: 'https://evil.example' }],
    ['the Origin of a sandboxed page', { origin: 'null' }],
  ])('%s, on every route', async (_name, headers) => {
    const port = new URL(muster.url).port;
    for (const path of ['/v1/events', '/api/overview', '/core/v1/enrollments', '/metrics', '/']) {
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const sent = Object.fromEntries(Object.entries(headers).map(([key, value]) => [key, String(value).replace('PORT', port)]));
        const request = httpRequest(
          `${muster.url}${path}`,
          { method: path.includes('v1') ? 'POST' : 'GET', headers: { 'content-type': 'application/json', ...sent } },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        request.once('error', reject);
        request.end();
      });
      expect([path, status]).toEqual([path, 403]);
    }
  });

  test('an unknown route and an unknown panel as problem details', async () => {
    for (const path of ['/api/nothing', '/nothing', '/api/panels/nothing', '/runbooks/..%2f..%2fpackage', '/%ff']) {
      const response = await fetch(`${muster.url}${path}`);
      expect([path, response.headers.get('content-type')]).toEqual([path, 'application/problem+json']);
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
    }
  });
});

test('nothing of all that reached the log as a defect', () => {
  expect(muster.output()).not.toMatch(/failed:|Error|undefined/);
});

describe('one data directory, one port', () => {
  test('a second process on the same data directory is refused, and the first goes on', async () => {
    const second = await runMuster(['up', '--port', '0', '--data', muster.dataDir]);
    expect(second.status).toBe(1);
    expect(second.stderr).toMatch(/^muster: the data in .* is used by the Muster process at http:.*--data\n$/s);
    expect(await post(JSON.stringify(event()))).toMatchObject({ status: 200 });
  });

  test('a taken port is an error that names it', async () => {
    const { port } = new URL(muster.url);
    const other = await temporaryData();
    const second = await runMuster(['up', '--port', port, '--data', other]);
    expect(second).toMatchObject({
      status: 1,
      stderr: `muster: port ${port} is taken by another program; stop it, or choose another with --port\n`,
    });
    await removeData(other);
  });

  test('records from the standard input make a new data directory', async () => {
    const folder = await temporaryData();
    const records = ['one', 'two'].map((id) => JSON.stringify(event({ id }))).join('\n');
    const imported = await runMuster(['import', 'muster', '-', '--data', join(folder, 'new')], { input: records });
    expect(imported).toMatchObject({ status: 0, stdout: expect.stringContaining('2 accepted') });
    await removeData(folder);
  });

  test('an address left by a process that crashed leads to nobody else', async () => {
    const [crashed, other] = [await temporaryData(), await temporaryData()];
    const first = await startMuster(crashed);
    await first.kill();
    const second = await startMuster(other, '--port', new URL(first.url).port);
    try {
      const record = JSON.stringify(event({ id: 'for-the-crashed-one' }));
      expect((await runMuster(['import', 'muster', '-', '--data', crashed], { input: record })).stdout).toMatch(/1 accepted/);
      expect(await (await fetch(`${second.url}/api/loader`)).json()).toMatchObject({ loadedEvents: 0 });
    } finally {
      await second.stop();
      await removeData(crashed);
      await removeData(other);
    }
  });

  test('a command that only reads makes no store where there is none', async () => {
    const { status, stderr } = await runMuster(['slo', 'status', '--data', '/tmp/no-such-muster']);
    expect([status, stderr]).toEqual([
      2,
      'muster: /tmp/no-such-muster holds no data of Muster; name its directory with --data, or start with muster up\n',
    ]);
  });

  test('--demo refuses a store with other data', async () => {
    await sleep(2_500);
    await muster.stop();
    const refused = await runMuster(['up', '--demo', '--port', '0', '--data', muster.dataDir]);
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringMatching(/holds other than demo data/) });
    muster = await startMuster(muster.dataDir);
  });

  test('wrong usage is one sentence and status 2', async () => {
    for (const parameters of [
      ['up', '--port', 'eighty'],
      ['up', '--port', '70000'],
      ['slo', 'status', '--at', 'noon'],
      ['import', 'nobody', 'x'],
      ['import', 'okta', '/nowhere/log'],
      ['import', 'okta', '/tmp'],
      ['slo', 'status', '--data', '/etc/hostname'],
      ['simulate', '--seed', '1', '--days', '1', '--rate', '1', '--out', '/nowhere/x'],
      ['simulate', '--seed', 'x', '--days', '1', '--rate', '1', '--out', '/tmp/x'],
      ['nonsense'],
    ]) {
      const { status, stderr } = await runMuster(parameters);
      expect([parameters, status]).toEqual([parameters, 2]);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
    }
  });
});
