/** Series from CSV: the forms that are read, and those that are refused with their line. */
import { describe, expect, test } from 'vitest';
import { csvPoints } from '../../../src/detect/novelty/csv-series.ts';

async function* inPieces(text: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}
const points = async (text: string | Buffer) =>
  (await Array.fromAsync(csvPoints(inPieces(text)))).map(({ timeMs, measured }) => [new Date(timeMs).toISOString(), measured]);

const NOON = '2026-03-01T12:00:00.000Z';

test.each([
  ['names', 'timestamp,value\n2026-03-01 12:00:00,5\n'],
  ['no names', '2026-03-01T12:00:00Z,5'],
  ['a byte order mark, other names, quotes and CRLF', '\ufeff"Time","Value"\r\n"2026-03-01 12:00","5.0"\r\n\r\n'],
  ['columns in another order, and more of them', 'host,value,timestamp\nweb-1,5e0,2026-03-01T13:00:00+01:00\n'],
  ['seconds since 1970', 'timestamp,value\n1772366400,+5\n'],
  ['fractions of a second', 'timestamp,value\n2026-03-01 12:00:00.000000,5.\n'],
  ['milliseconds since 1970', 'timestamp,value\n1772366400000,5\n'],
])('reads %s', async (_, text) => expect(await points(text)).toEqual([[NOON, 5]]));

test('reads a day', async () => expect(await points('2026-03-01,-.5')).toEqual([['2026-03-01T00:00:00.000Z', -0.5]]));

test.each(['', 'NaN', 'nan', 'Inf', '-inf', '+Infinity', 'null', 'None'])('takes %o for a gap', async (value) =>
  expect(await points(`timestamp,value\n2026-03-01 12:00,${value}\n2026-03-01 12:00,5`)).toEqual([
    [NOON, undefined],
    [NOON, 5],
  ]),
);

describe('refuses', () => {
  test.each([
    ['other columns', 'a,b,c\n1,2,3', 'line 1: expected the columns timestamp and value, got a,b,c'],
    ['a word for a number', 'timestamp,value\n2026-03-01 12:00,5\n2026-03-01 12:05,many', 'line 3: "many" is no number'],
    ['a hexadecimal number', 'timestamp,value\n2026-03-01,0x10', 'line 2: "0x10" is no number'],
    ['a number beyond all', 'timestamp,value\n2026-03-01,1e101', 'line 2: "1e101" is beyond 1e+100'],
    ['a day that does not exist', 'timestamp,value\n2026-02-30,5', 'line 2: "2026-02-30" is no time'],
    ['no value', 'timestamp,value\n2026-03-01', 'line 2: the row has no value'],
    ['a quote that does not end', 'timestamp,value\n"2026-03-01,5\n', 'no CSV'],
    ['a line without end', `timestamp,value\n2026-03-01,${'1'.repeat(100_000)}`, 'no CSV'],
    ['control characters', 'timestamp,value\n\u001b[31m,5', 'line 2: "?[31m" is no time'],
  ])('%s', async (_, text, why) => expect(points(text)).rejects.toThrow(why));

  test('bytes that are no text', async () => {
    await expect(points(Buffer.from(Array.from({ length: 5_000 }, (_, i) => (i * 7_919) % 256)))).rejects.toThrow(/no CSV|line \d+/);
  });
});
