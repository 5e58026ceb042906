/** Import: the products' formats with their quirks, counted record by record, twice. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectorNamed } from '../../../src/collect/connectors/connector.ts';
import { CONNECTORS } from '../../../src/collect/connectors/index.ts';
import { type ImportRecord, importRecords } from '../../../src/collect/import/import.ts';
import { recordsOf } from '../../../src/collect/import/record-file.ts';
import { type TestServices, testServices } from '../../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
});
afterAll(async () => {
  await services.dispose();
});

const context = () => ({ fingerprint: services.pseudonyms.fingerprint });

async function recordsFrom(...chunks: (string | Buffer)[]): Promise<ImportRecord[]> {
  return (await Array.fromAsync(recordsOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk)))))).map(({ record }) => record);
}

async function take(source: string, records: readonly ImportRecord[]) {
  const counts = await importRecords(services, connectorNamed(CONNECTORS, source), records, context());
  await services.drain();
  return counts;
}

const fixture = async (name: string) => recordsFrom(await readFile(new URL(`../../fixtures/${name}.ndjson`, import.meta.url)));
const typesOf = async (source: string) =>
  Object.fromEntries(
    (
      await services.store.read.rows<{ type: string; n: number }>(
        'SELECT type, toUInt32(count()) AS n FROM events_v WHERE source = {source: String} GROUP BY type ORDER BY type',
        { source },
      )
    ).map(({ type, n }) => [type, n]),
  );

describe.each([
  [
    'okta',
    { accepted: 9, ignored: 3, rejected: 1 },
    {
      'admin.action': 1,
      'challenge.denied': 1,
      'enrollment.completed': 2,
      'enrollment.failed': 1,
      'factor.reset': 1,
      'factor.revoked': 1,
      'policy.changed': 1,
      'provider.request': 1,
    },
  ],
  [
    'duo',
    { accepted: 9, ignored: 3, rejected: 1 },
    {
      'admin.action': 3,
      'challenge.approved': 1,
      'challenge.denied': 1,
      'enrollment.completed': 2,
      'policy.changed': 1,
      'provider.request': 1,
    },
  ],
  [
    'google_workspace',
    { accepted: 5, ignored: 2, rejected: 1 },
    { 'enrollment.completed': 2, 'factor.reset': 1, 'factor.revoked': 2, 'policy.changed': 1 },
  ],
])('%s', (source, counts, types) => {
  test('turns what concerns enrollment into events, ignores the rest, and adds nothing the second time', async () => {
    const records = await fixture(source);
    expect(await take(source, records)).toMatchObject({ read: records.length, duplicates: 0, ...counts });
    expect(await typesOf(source)).toEqual(types);
    expect(await take(source, records)).toMatchObject({
      accepted: 0,
      duplicates: counts.accepted,
      ignored: counts.ignored,
      rejected: counts.rejected,
    });
    expect(await typesOf(source)).toEqual(types);
  });
});

test('a factor removed by somebody else names both, as pseudonyms', async () => {
  const [row] = await services.store.read.rows<Record<string, string>>(
    `SELECT user_ref, actor_ref, factor_type FROM events_v WHERE source = 'okta' AND type = 'factor.revoked'`,
  );
  expect(row?.factor_type).toBe('webauthn');
  expect(row?.user_ref).toBe(services.pseudonyms.of('person', 'ben@example.org'));
  expect(row?.actor_ref).toBe(services.pseudonyms.of('person', 'admin@example.org'));
});

describe('files', () => {
  const events = [1, 2, 3].map((n) => ({ id: `f${n}`, type: 'api.request', time: '2026-03-01T09:30:00Z', source: 'files' }));
  const ndjson = events.map((event) => JSON.stringify(event)).join('\n');

  test.each([
    ['NDJSON', [ndjson]],
    ['NDJSON with blank lines, CRLF and no last line feed', [`\r\n${ndjson.replaceAll('\n', '\r\n\r\n')}`]],
    ['NDJSON cut anywhere into chunks', [...ndjson]],
    ['a JSON array', [JSON.stringify(events)]],
    ['a JSON array over many lines', [JSON.stringify(events, null, 2)]],
    ['an object with Records', [JSON.stringify({ Records: events })]],
    ['an object with records over many lines', [JSON.stringify({ records: events }, null, 2)]],
    ['an object with data.events', [JSON.stringify({ data: { events } })]],
    ['an object with items, as Google answers', [JSON.stringify({ kind: 'admin#reports#activities', items: events })]],
    [
      'an object with a list in its response, as Duo answers',
      [JSON.stringify({ stat: 'OK', response: { authlogs: events, metadata: {} } })],
    ],
    ['gzip', [gzipSync(ndjson)]],
    ['NDJSON with a byte order mark', [`\ufeff${ndjson}`]],
    ['UTF-16 as PowerShell writes it', [Buffer.concat([Buffer.of(0xff, 0xfe), Buffer.from(ndjson.replaceAll('\n', '\r\n'), 'utf16le')])]],
    ['UTF-16, the other way round', [Buffer.concat([Buffer.of(0xfe, 0xff), Buffer.from(JSON.stringify(events), 'utf16le').swap16()])]],
    ['lines that end with carriage returns', [`${ndjson.replaceAll('\n', '\r')}\r`]],
    ['record separators', [events.map((event) => `\u001e${JSON.stringify(event)}\n`).join('')]],
    ['one behind the other', [events.map((event) => JSON.stringify(event)).join('')]],
    ['several on a line', [events.map((event) => JSON.stringify(event)).join(' ')]],
    ['objects over many lines, one behind the other', [events.map((event) => JSON.stringify(event, null, 2)).join('\n')]],
    ['objects over many lines, without a line between', [events.map((event) => JSON.stringify(event, null, 2)).join('')]],
    ['pages: an array on each line', [`${JSON.stringify(events.slice(0, 1))}\n${JSON.stringify(events.slice(1))}\n`]],
    ['arrays without a line between', [`${JSON.stringify(events.slice(0, 2))}${JSON.stringify(events.slice(2))}`]],
    [
      'arrays over many lines, one behind the other',
      [`${JSON.stringify(events.slice(0, 2), null, 1)}\n${JSON.stringify(events.slice(2), null, 1)}`],
    ],
    ['pages: an object with a list on each line', [events.map((event) => JSON.stringify({ Records: [event] })).join('\n')]],
    ['pages cut anywhere into chunks', [...`${JSON.stringify(events.slice(0, 2))}\n${JSON.stringify(events.slice(2), null, 1)}`]],
    ['a JSON array with a byte order mark', [`\ufeff${JSON.stringify(events)}`]],
  ])('%s', async (_form, chunks) => {
    const records = await recordsFrom(...chunks);
    expect(records.map((record) => ('value' in record ? record.value : record))).toEqual(events);
  });

  test('a line that is no JSON is rejected by its number; the others are kept', async () => {
    const records = await recordsFrom(
      `${JSON.stringify({ ...events[0], id: 'good' })}\n{"id":\nnot json\n${Buffer.from([0xff, 0xfe]).toString('latin1')}\n`,
    );
    expect(await take('muster', records)).toMatchObject({
      read: 4,
      accepted: 1,
      rejected: 3,
      errors: [{ line: 2 }, { line: 3, message: 'not valid JSON' }, { line: 4 }],
    });
  });

  test('one object over many lines is one record', async () => {
    const [first] = events;
    expect(await recordsFrom(JSON.stringify(first, null, 2))).toEqual([{ line: 1, value: first }]);
  });

  test('NDJSON whose first line is broken loses that line alone', async () => {
    const records = await recordsFrom(`{"id":\n${ndjson}`);
    expect(records.map((record) => 'value' in record)).toEqual([false, true, true, true]);
  });

  test('NDJSON with a broken line in the middle loses that line alone', async () => {
    const [one, two, three] = events.map((event) => JSON.stringify(event));
    const records = await recordsFrom([one, two?.slice(0, 20), `${three}`, 'oops', one].join('\n'));
    expect(records.map((record) => [record.line, 'value' in record])).toEqual([
      [1, true],
      [2, false],
      [3, true],
      [4, false],
      [5, true],
    ]);
  });

  test('damaged gzip is an error, not an end', async () => {
    const packed = gzipSync(ndjson.repeat(50));
    await expect(recordsFrom(packed.subarray(0, packed.length - 20))).rejects.toMatchObject({ code: 'MUSTER_BAD_JSON' });
  });

  test('a conflict counts as a duplicate and is said', async () => {
    const event = { id: 'c1', type: 'api.request', time: '2026-03-01T09:30:00Z', source: 'conflicting' };
    const records = await recordsFrom([event, { ...event, reason: 'other' }, event].map((each) => JSON.stringify(each)).join('\n'));
    expect(await take('muster', records)).toMatchObject({ read: 3, accepted: 1, duplicates: 2, conflicts: expect.any(Number) });
  });
});

test('an unknown source names those that are known', () => {
  expect(() => connectorNamed(CONNECTORS, 'myspace')).toThrow(/myspace.*muster, cloudevents, okta, entra, auth0/);
});
