/** What a statement from outside costs before it runs, and what its answer costs: a short text must not hold anything up for long. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMemoryWatch } from '../../../src/store/guard/memory-watch.ts';
import { quotedParts, replaceParts } from '../../../src/store/guard/quotes.ts';
import { hasLineFeeds, shapeOf } from '../../../src/store/guard/statement.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

let services: TestServices;
beforeAll(async () => {
  services = await testServices();
  await takeIn(services, [
    { id: 'a', type: 'enrollment.started', time: '2026-03-01T09:00:00Z', source: 'app', attempt_id: 'one', attributes: { plan: 'x' } },
  ]);
});
afterAll(() => services.dispose());

const ask = async (sql: string) => (await services.store.guard.query({ sql, format: 'TSVRaw' })).bytes.toString().trim();

describe('quoted parts', () => {
  it.each([
    ["a 'b' c", [["'", 'b']]],
    [
      String.raw`'it\'s' "n\"x"`,
      [
        ["'", String.raw`it\'s`],
        ['"', String.raw`n\"x`],
      ],
    ],
    ["'it''s'''", [["'", "it''s''"]]],
    ['`a``b` x', [['`', 'a``b']]],
    ["'never ends", [["'", 'never ends']]],
    [String.raw`'ends in a backslash\'`, [["'", String.raw`ends in a backslash\'`]]],
    [
      `"'" '"'`,
      [
        ['"', "'"],
        ["'", '"'],
      ],
    ],
  ])('of %s', (sql, parts) => {
    expect([...quotedParts(sql)].map(({ quote, inner }) => [quote, inner])).toEqual(parts);
    expect(replaceParts(sql, { quoted: ({ start, end }) => sql.slice(start, end), plain: (text) => text })).toBe(sql);
  });

  // Each of these takes minutes where a quote is looked for from every place anew.
  it('are found once, however little they end', () => {
    for (const text of [
      `'${"\\'".repeat(2_000_000)}\\`,
      `'${"''".repeat(2_000_000)}x`,
      `${"'a'".repeat(1_000_000)}'`,
      '`"'.repeat(1_000_000),
    ]) {
      expect(shapeOf(text)).toHaveLength(16);
      expect(hasLineFeeds(text)).toBe(false);
    }
  });
});

describe('a short text that takes for ever to look through', () => {
  it.each([
    ['quotes in the type of a parameter that ends in a comment', `SELECT {x:Enum8('${"'".repeat(200)}' = 1 /* ' */)}`],
    ['an alias that is given and written thousands of times', `SELECT ${'1 a,'.repeat(7_000)}${'a,'.repeat(8_999)}a`],
    ['hundreds of functions applied to each column', `SELECT *${' APPLY(toString)'.repeat(500)} FROM events_v`],
    ['a chain of thousands of names', `SELECT ${Array.from({ length: 4_000 }, (_, i) => `-a${i + 1} AS a${i}`)}, 1 AS a4000`],
    [
      'a long text, by its name, thousands of times',
      `WITH '${'a'.repeat(12_900)}' AS x SELECT count() FROM (SELECT ${'x,'.repeat(9_500)}1)`,
    ],
    ['a long alias, chosen by hundreds of stars', `SELECT ${'*,'.repeat(150)}1 FROM (SELECT 1 AS \`${'a'.repeat(12_000)}\`)`],
    [
      'functions applied to each column of hundreds of stars',
      `SELECT ${`*${' APPLY(toString) APPLY(upper)'.repeat(9)},`.repeat(130)}1 FROM events_v LIMIT 1`,
    ],
    ['lambdas applied to a column, each of which doubles it', `SELECT *${' APPLY(x -> concat(x, x))'.repeat(15)} FROM (SELECT 'a' AS a)`],
    [
      'joins by all that wide tables have in common',
      `SELECT count() FROM (SELECT * FROM events_v WHERE 0) a0 ${Array.from({ length: 26 }, (_, i) => `NATURAL JOIN (SELECT * FROM events_v WHERE 0) b${i}`).join(' ')}`,
    ],
    ['a lambda of WITH, called within itself', `WITH (x -> x + x) AS f SELECT ${'f('.repeat(16)}1${')'.repeat(16)}`],
    [
      'lambdas of WITH that call each other',
      `WITH (x -> x + x) AS f0, ${Array.from({ length: 4 }, (_, i) => `(x -> f${i}(f${i}(x))) AS f${i + 1}`).join(', ')} SELECT f4(1)`,
    ],
    [
      'an alias that doubles what a subquery calls the same',
      `SELECT count() FROM ${'(SELECT (t, t) AS t FROM '.repeat(20)}(SELECT 1 AS t)${')'.repeat(20)}`,
    ],
    [
      'filters on what is doubled in each of many subqueries',
      `SELECT count() FROM ${'(SELECT t + t AS t FROM '.repeat(20)}(SELECT number AS t FROM numbers(3))${' WHERE t > 0)'.repeat(20)}`,
    ],
    [
      'the same by a star, a union and a name of its own',
      `SELECT count() FROM ${`(SELECT ${'a.t + '.repeat(7)}a.t AS t FROM (SELECT * FROM (SELECT 1 AS t UNION ALL SELECT t FROM `.repeat(5)}(SELECT 1 AS t)${')) AS a)'.repeat(5)}`,
    ],
    [
      'common tables of one name, each of which uses the one within twice',
      `${Array.from({ length: 11 }).reduce((inner) => `WITH t AS (${inner}) SELECT 1 AS x WHERE 1 IN (SELECT x FROM t) AND 1 IN (SELECT x FROM t)`, 'SELECT 1 AS x')}`,
    ],
    [
      'values of one name, each of which uses the one within twice',
      `${Array.from({ length: 14 }).reduce((inner) => `WITH (${inner}) AS v SELECT v + v AS x`, 'SELECT 1 AS x')}`,
    ],
    ['keys of hundreds of stars', `SELECT ${'*,'.repeat(45)}count() FROM events_v GROUP BY ALL LIMIT 1`],
    ['thousands of tables', `SELECT 1 FROM ${'attempts,'.repeat(3_000)}attempts`],
  ])('%s', async (_, sql) => {
    expect(await ask(sql).catch(({ code }: { code: string }) => code)).toBe('MUSTER_QUERY_REFUSED');
  });
});

it('a lambda of thousands of arguments is looked through, and wrong for its arguments', async () => {
  const names = Array.from({ length: 3_500 }, (_, i) => `x${i}`);
  await expect(ask(`SELECT arrayMap((${names}) -> [${names}], 1)`)).rejects.toMatchObject({ code: 'MUSTER_BAD_QUERY' });
});

it('an alias that is looked for in thousands of sets is answered', async () => {
  expect(await ask(`SELECT ${'1 a,'.repeat(100)}${'1 IN a,'.repeat(3_000)}1`)).toHaveLength(2 * 3_101 - 1);
});

describe('functions that go back', () => {
  it.each([
    `SELECT sequenceCount('(?1)(?t<=40)(?1)(?2)')(number, 1, number % 125 = 0) FROM numbers(1000)`,
    `SELECT sequenceMatch('(?1).*(?2)')(number, 1, number = 5) FROM numbers(1000)`,
    `SELECT cutURLParameter('http://a/?b', ['c'])`,
    `SELECT tokens('a b', 'splitByString', [' '])`,
    `SELECT normalizeUTF8NFD('a')`,
    `SELECT mapContainsKeyLike(map('a', 1), arrayStringConcat(arrayWithConstant(10000, '%a_')))`,
  ])('are refused: %s', async (sql) => {
    await expect(ask(sql)).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
  });
});

it.each([
  'SELECT 1 SETTINGS max_threads = 2',
  'SELECT * FROM (SELECT 1 SETTINGS max_threads = DEFAULT)',
  'SELECT 1 settings additional_table_filters={}, max_threads = 4',
])('settings are refused wherever they stand: %s', async (sql) => {
  await expect(ask(sql)).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED', message: expect.stringContaining('settings') });
});

it('a syntax error says nothing of what the text was wrapped in', async () => {
  await expect(ask('SELECT FROM WHERE (')).rejects.toMatchObject({ message: expect.not.stringContaining('base64') });
});

it('two statements side by side are refused before the engine has them', async () => {
  await expect(ask('SELECT 1 PARALLEL WITH SELECT 2')).rejects.toMatchObject({
    code: 'MUSTER_QUERY_REFUSED',
    message: expect.stringContaining('PARALLEL WITH'),
  });
});

describe('what analysts and their clients write', () => {
  it.each([
    ["SELECT CASE region WHEN '' THEN 'none' ELSE 'some' END FROM events_v", 'none'],
    ['SELECT attributes.keys FROM (SELECT attributes FROM events_v)', "['plan']"],
    ["SELECT t.a FROM (SELECT CAST((1, 2), 'Tuple(a Int8, b Int8)') AS t)", '1'],
    [
      `WITH base AS (SELECT toStartOfHour(started_at) AS hour, provider, region, result, duration_ms FROM attempts),
         per_hour AS (SELECT b.hour AS hour, b.provider AS provider, b.region AS region, count() AS n, countIf(b.result = 'completed') AS ok,
           quantile(0.95)(b.duration_ms) AS p95 FROM base AS b GROUP BY b.hour, b.provider, b.region),
         per_provider AS (SELECT p.provider AS provider, p.region AS region, sum(p.n) AS n, sum(p.ok) AS ok, avg(p.p95) AS p95
           FROM per_hour AS p GROUP BY p.provider, p.region)
       SELECT count() FROM (SELECT h.hour, h.provider, h.n, h.ok, h.ok / h.n AS rate, p.ok / p.n AS usual, h.p95, p.p95
         FROM per_hour AS h JOIN per_provider AS p ON h.provider = p.provider AND h.region = p.region WHERE h.n > 10 ORDER BY rate)`,
      '0',
    ],
    [`SELECT count() FROM ${'(SELECT * FROM '.repeat(12)}events_v${' WHERE 1)'.repeat(12)} WHERE 1`, '1'],
    [
      `WITH s0 AS (SELECT * FROM events_v), ${Array.from({ length: 12 }, (_, i) => `s${i + 1} AS (SELECT * FROM s${i})`).join(', ')} SELECT count() FROM s12`,
      '1',
    ],
    [
      `SELECT count() FROM events_v AS a0 ${Array.from({ length: 10 }, (_, i) => `JOIN attempts AS a${i + 1} USING (attempt_id)`).join(' ')}`,
      '1',
    ],
    ['SELECT toYear(toDateTime(1772355600, timezone()))', '2026'],
    ["SELECT mapContainsKeyLike(attributes, 'pl%') FROM events_v", '1'],
    [
      "SELECT count() FROM system.columns WHERE table = 'attempts' AND default_expression = '' AND numeric_precision > 60 AND name = 'started'",
      '0',
    ],
  ])('%s', async (sql, answer) => {
    expect(await ask(sql)).toBe(answer);
  });

  it('functions applied to every column of a table are answered', async () => {
    const sql = 'SELECT * APPLY(toString) APPLY(x -> concat(x, x, x)) APPLY(length) EXCEPT (received_at) FROM events_v';
    expect((await ask(sql)).split('\t').length).toBeGreaterThan(30);
  });

  it('the tables of the database, by its name', async () => {
    const { database } = services.store.engine;
    expect(await ask(`SHOW TABLES FROM "${database}"`)).toBe(await ask('SHOW TABLES'));
    await expect(ask('SHOW TABLES FROM system')).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
  });

  it.each([
    'SELECT getSubcolumn(attributes, concat(1)) FROM events_v',
    "SELECT getSubcolumn(attributes, 'Array(JSON)') FROM events_v",
    "SELECT getSubcolumn(attributes, ':`Array(JSON)`') FROM events_v",
  ])('a part of a value is named plainly: %s', async (sql) => {
    await expect(ask(sql)).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
  });
});

describe('the memory of the process', () => {
  it('is looked at while statements run: what grew beyond its share is ended', async () => {
    let held = 1_000;
    const ended: string[] = [];
    const memory = createMemoryWatch({ perStatement: 100, others: 50, residentBytes: () => held });
    const look = (end: () => void) =>
      new Promise<void>((resolve) => {
        setTimeout(() => {
          end();
          resolve();
        }, 250);
      });
    const first = memory.watch(() => ended.push('first'));
    held = 1_150;
    await look(() => expect(ended).toEqual([]));
    const second = memory.watch(() => ended.push('second'));
    held = 1_250;
    await look(() => expect(ended).toEqual([]));
    held = 1_251;
    await look(() => expect(new Set(ended)).toEqual(new Set(['first'])));
    first();
    ended.length = 0;
    held = 1_301;
    await look(() => expect(new Set(ended)).toEqual(new Set(['second'])));
    second();
    ended.length = 0;
    await look(() => expect(ended).toEqual([]));
  });
});
