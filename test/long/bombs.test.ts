/** Small bodies that stand for large ones: each is refused before it is unpacked, and the process goes on answering others. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';

const AT_ONCE = 20;
const MIB = 1024 * 1024;

let muster: Running;
beforeAll(async () => {
  // As little memory as a small machine has: what would end a process there must end this one.
  muster = await startUnder(['env', 'NODE_OPTIONS=--max-old-space-size=700'], await temporaryData());
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

const array = (element: string, bytes: number) => `[${`${element},`.repeat(Math.floor(bytes / (element.length + 1)))}${element}]`;
const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
const wrap = (tag: number, inner: Buffer) => Buffer.concat([Buffer.of(tag), varint(inner.length), inner]);
// A resource with a scope whose records hold nothing.
const protobuf = (bytes: number) => wrap(0x0a, wrap(0x12, Buffer.alloc(bytes, Buffer.of(0x12, 0x00))));
/** Log records that say nothing but what their resource says. */
const sharing = (records: number, attributes: [name: string, value: string][]) => {
  const shared = attributes.map(([key, stringValue]) => ({ key, value: { stringValue } }));
  const logRecords = Array.from({ length: records }, () => ({ timeUnixNano: `${Date.now()}000000`, eventName: 'ux.error' }));
  return JSON.stringify({ resourceLogs: [{ resource: { attributes: shared }, scopeLogs: [{ logRecords }] }] });
};
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}

const JSON_TYPE = 'application/json';
const BOMBS: [what: string, path: string, type: string, body: () => string | Buffer][] = [
  ['five million empty objects', '/v1/events', JSON_TYPE, () => array('{}', 15 * MIB)],
  ['eight million numbers', '/v1/events', JSON_TYPE, () => array('0', 15 * MIB)],
  ['a million arrays within one another', '/v1/events', JSON_TYPE, () => nested(MIB)],
  ['seven million arrays within one another', '/v1/events', JSON_TYPE, () => nested(7 * MIB)],
  ['one text of 15 MiB', '/v1/events', JSON_TYPE, () => JSON.stringify('x'.repeat(15 * MIB))],
  ['an event with a text of 15 MiB', '/v1/events', JSON_TYPE, () => `[{"id":"${'x'.repeat(15 * MIB)}"}]`],
  ['an object of a million keys', '/v1/events', JSON_TYPE, () => `{${Array.from({ length: 1_000_000 }, (_, i) => `"k${i}":0`).join(',')}}`],
  [
    'an event of a million attributes',
    '/v1/events',
    JSON_TYPE,
    () => `[{"attributes":{${Array.from({ length: 900_000 }, (_, i) => `"k${i}":""`).join(',')}}}]`,
  ],
  ['small enough to be parsed at once, all refused', '/v1/events', JSON_TYPE, () => array('{}', 0.9 * MIB)],
  ['five million lines', '/v1/events', 'application/x-ndjson', () => '{}\n'.repeat(5 * MIB)],
  ['eight million lines that are nothing', '/v1/events', 'application/x-ndjson', () => '0\n'.repeat(7 * MIB)],
  ['one line of 15 MiB', '/v1/events', 'application/x-ndjson', () => 'x'.repeat(15 * MIB)],
  ['a batch of CloudEvents that are none', '/v1/events', 'application/cloudevents-batch+json', () => array('{}', 15 * MIB)],
  [
    'log records that hold nothing',
    '/v1/logs',
    JSON_TYPE,
    () => `{"resourceLogs":[{"scopeLogs":[{"logRecords":${array('{}', 15 * MIB)}}]}]}`,
  ],
  ['resources that hold nothing', '/v1/traces', JSON_TYPE, () => `{"resourceSpans":${array('{}', 15 * MIB)}}`],
  ['log records in protobuf that hold nothing', '/v1/logs', 'application/x-protobuf', () => protobuf(15 * MIB)],
  ['spans in protobuf that hold nothing', '/v1/traces', 'application/x-protobuf', () => protobuf(15 * MIB)],
  ['resources in protobuf that hold nothing', '/v1/traces', 'application/x-protobuf', () => Buffer.alloc(15 * MIB, Buffer.of(0x0a, 0x00))],
  [
    'log records that share a hundred attributes',
    '/v1/logs',
    JSON_TYPE,
    () => {
      const attributes = Array.from({ length: 120 }, (_, i) => `{"key":"muster.attributes.k${i}","value":{"stringValue":"${i}"}}`).join(
        ',',
      );
      const records = array('{"eventName":"api.request"}', 1.3 * MIB);
      return `{"resourceLogs":[{"resource":{"attributes":[${attributes}]},"scopeLogs":[{"logRecords":${records}}]}]}`;
    },
  ],
  [
    'ten thousand activities of twenty events each',
    '/api/import/google_workspace',
    JSON_TYPE,
    () => `{"records":${array(`{"line":1,"value":{"events":${array('{"name":"2sv_enroll"}', 440)}}}`, MIB)}}`,
  ],
  [
    'an activity of a quarter of a million events',
    '/api/import/google_workspace',
    JSON_TYPE,
    () => `{"records":[{"line":1,"value":{"events":${array('{"name":"2sv_enroll"}', 5 * MIB)}}}]}`,
  ],
  ['records that are of another form', '/api/import/okta', JSON_TYPE, () => `{"records":${array('{"lin":1}', 90_000)}}`],
  [
    'events full of what may be a secret',
    '/v1/events',
    JSON_TYPE,
    () => {
      const attributes = Array.from({ length: 32 }, (_, i) => `"k${i}":"${`${'QUJD'.repeat(60)} `.repeat(4)}"`).join(',');
      return array(
        `{"id":"x","type":"api.request","time":"${new Date().toISOString()}","source":"app","attributes":{${attributes}}}`,
        0.9 * MIB,
      );
    },
  ],
  ['a record of one text of 600 MiB', '/api/import/okta', JSON_TYPE, () => Buffer.alloc(600 * MIB, 'x')],
  [
    'attributes of a resource in protobuf that hold nothing',
    '/v1/traces',
    'application/x-protobuf',
    () => wrap(0x0a, wrap(0x0a, Buffer.alloc(15 * MIB, Buffer.of(0x0a, 0x00)))),
  ],
  [
    'log records that share attributes of a thousand letters',
    '/v1/logs',
    JSON_TYPE,
    () =>
      sharing(
        30_000,
        Array.from({ length: 31 }, (_, i) => [`muster.attributes.a${i}`, 'x'.repeat(1_024)]),
      ),
  ],
  [
    'log records that share an attribute of ten million letters',
    '/v1/logs',
    JSON_TYPE,
    () => sharing(20_000, [['other', 'x'.repeat(10_000_000)]]),
  ],
  [
    'an activity of an actor of ten million letters',
    '/api/import/google_workspace',
    JSON_TYPE,
    () =>
      JSON.stringify({
        records: [
          {
            line: 1,
            value: {
              id: { time: new Date().toISOString() },
              actor: { email: 'a', x: 'y'.repeat(10_000_000) },
              events: Array.from({ length: 600 }, () => ({ name: '2sv_enroll' })),
            },
          },
        ],
      }),
  ],
  [
    'resources in protobuf, each of a nameless attribute',
    '/v1/traces',
    'application/x-protobuf',
    () => Buffer.alloc(MIB, Buffer.from('0a060a020a001200', 'hex')),
  ],
  ['scopes in protobuf', '/v1/logs', 'application/x-protobuf', () => wrap(0x0a, Buffer.alloc(MIB, Buffer.of(0x12, 0x00)))],
  [
    'a record of attributes in protobuf',
    '/v1/logs',
    'application/x-protobuf',
    () => wrap(0x0a, wrap(0x12, wrap(0x12, Buffer.alloc(MIB, Buffer.of(0x32, 0x00))))),
  ],
  ['a few empty log records in protobuf', '/v1/logs', 'application/x-protobuf', () => protobuf(98_000)],
  ['records that are nothing', '/api/import/okta', JSON_TYPE, () => `{"records":${array('0', 15 * MIB)}}`],
  ['records that hold nothing', '/api/import/duo', JSON_TYPE, () => `{"records":${array('{"line":1,"value":{}}', 15 * MIB)}}`],
];

describe('bodies of some kilobytes', () => {
  it.each(BOMBS)(`twenty at once of %s end nothing, and keep nobody waiting for a second`, async (_, path, type, body) => {
    const packed = gzipSync(body(), { level: 9 });
    let isDone = false;
    let slowestMs = 0;
    const watching = (async () => {
      while (!isDone) {
        const startMs = performance.now();
        expect((await fetch(`${muster.url}/healthz`)).status).toBe(200);
        slowestMs = Math.max(slowestMs, performance.now() - startMs);
        await sleep(5);
      }
    })();
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const response = await fetch(`${muster.url}${path}`, {
          method: 'POST',
          headers: { 'content-type': type, 'content-encoding': 'gzip' },
          body: new Uint8Array(packed),
        });
        return { status: response.status, bytes: (await response.arrayBuffer()).byteLength };
      }),
    );
    isDone = true;
    await watching;
    for (const { status, bytes } of answers) {
      expect([200, 400, 413, 503]).toContain(status);
      expect(bytes).toBeLessThan(MIB);
    }
    if (process.env.MUSTER_SHOW_TIMES)
      console.log(Math.round(slowestMs), 'ms', [...new Set(answers.map(({ status }) => status))].join(), _);
    expect(muster.output()).not.toMatch(/failed:/);
  });

  it('names the first thousand of many that are refused, and counts all', async () => {
    const response = await fetch(`${muster.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': JSON_TYPE },
      body: array('{}', 60_000),
    });
    const answer = (await response.json()) as { rejected: unknown[]; rejected_total: number };
    expect(answer.rejected).toHaveLength(1_000);
    expect(answer.rejected_total).toBe(20_001);
  });
});

describe('files for muster import', () => {
  const FILES: [string, () => string, string][] = [
    ['one text without end', () => JSON.stringify('x'.repeat(100 * MIB)), 'larger than'],
    ['an array of one text without end', () => `["${'x'.repeat(100 * MIB)}"]`, 'larger than'],
    ['arrays without end', () => '['.repeat(50 * MIB), 'nested too deeply'],
    ['lines without end behind a bracket', () => `{\n${'0\n'.repeat(40 * MIB)}`, 'is not read whole'],
    ['blanks without end', () => ' '.repeat(300 * MIB), 'no record'],
    ['an object without end', () => `{"Records":[${'{},'.repeat(30 * MIB)}`, 'is not read whole'],
  ];
  it.each(FILES)('%s is refused with a sentence', async (_, text, sentence) => {
    const file = join(muster.dataDir, 'bomb.json.gz');
    await writeFile(file, gzipSync(text(), { level: 1 }));
    const { status, stdout, stderr } = await runMuster(['import', 'okta', file, '--data', muster.dataDir], {
      env: { NODE_OPTIONS: '--max-old-space-size=700' },
    });
    expect(status).toBe(2);
    expect(stdout + stderr).toContain(sentence);
  });
});
