/** The text of an answer has a bound, whatever of it grows: the process is there afterwards, and answers others. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestServices, testServices } from '../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
});
afterAll(() => services.dispose());

const ask = async (sql: string, format: string) => (await services.store.guard.query({ sql, format })).bytes;

test.each([
  ['names of columns that are written with each row', `SELECT 1 AS ${'a'.repeat(1_500)} FROM numbers(1000000)`, 'JSONEachRow'],
  ['names of columns, thirty thousand letters each', `SELECT 1 AS ${'a'.repeat(30_000)} FROM numbers(1000000)`, 'TSKV'],
  ['names of a tuple', `SELECT CAST(tuple(1), 'Tuple(${'a'.repeat(2_000)} UInt8)') AS t FROM numbers(1000000)`, 'JSONEachRow'],
  ['values of an Enum', `SELECT CAST(0, 'Enum8(''${'a'.repeat(5_000)}'' = 0)') AS e FROM numbers(1000000)`, 'TSV'],
  ['a long text in a dictionary', `SELECT toLowCardinality('${'a'.repeat(5_000)}') AS e FROM numbers(1000000)`, 'TSV'],
])('%s', async (_, sql, format) => {
  await expect(ask(sql, format)).rejects.toMatchObject({ code: 'MUSTER_QUERY_LIMIT' });
  expect((await ask('SELECT 1', 'TSV')).toString()).toBe('1\n');
});

test('an answer of a hundred megabytes is one', async () => {
  const name = 'a'.repeat(95);
  expect((await ask(`SELECT number AS ${name} FROM numbers(1000000)`, 'JSONEachRow')).length).toBeGreaterThan(1e8);
});
