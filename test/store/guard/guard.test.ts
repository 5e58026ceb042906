/** SQL from outside: what may be asked, what may not, and that nothing of one query reaches the next. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TABLES } from '../../../src/names.ts';
import { QueryError } from '../../../src/store/guard/query-error.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

let services: TestServices;
let outside: string;

beforeAll(async () => {
  services = await testServices();
  outside = mkdtempSync(join(tmpdir(), 'muster-outside-'));
  const time = '2026-03-01T09:00:00Z';
  await takeIn(services, [
    { id: 'a', type: 'enrollment.started', time, source: 'app', attempt_id: 'one', region: 'eu-west' },
    { id: 'b', type: 'enrollment.completed', time: '2026-03-01T09:00:20Z', source: 'app', attempt_id: 'one' },
  ]);
});
afterAll(async () => {
  await services.dispose();
  rmSync(outside, { recursive: true, force: true });
});

const ask = async (sql: string, format = 'TSVRaw', parameters: Record<string, string> = {}) =>
  (await services.store.guard.query({ sql, format, parameters })).bytes.toString().trim();

const attacks = (): [string, string][] => {
  const file = join(outside, 'written');
  return [
    ['a file through a table function', "SELECT * FROM file('/etc/passwd', 'LineAsString')"],
    ['a file through the scalar function', "SELECT file('/etc/passwd')"],
    ['the same in other letters', "SELECT FILE('/etc/passwd')"],
    ['a file deep inside', "SELECT arrayMap(x -> concat(x, file('/etc/passwd')), ['a'])"],
    ['a file in a default expression', "SELECT if(1, file('/etc/passwd'), '')"],
    ['a file by its path as table', 'SELECT * FROM `/etc/passwd`'],
    ['a file through the overlay database', 'SELECT * FROM default.`/etc/passwd`'],
    ['a file described', "DESCRIBE TABLE file('/etc/passwd')"],
    ['a file explained', "EXPLAIN SELECT * FROM file('/etc/passwd', 'LineAsString')"],
    ['a result written to a file', `SELECT 1 INTO OUTFILE '${file}'`],
    ['a result written behind a comment', `SELECT 1 /* */ INTO /* */ OUTFILE '${file}' TRUNCATE FORMAT CSV`],
    ['a result written after a union', `SELECT 1 UNION ALL SELECT 2 INTO OUTFILE '${file}'`],
    ['a bracket closed to write', `1) INTO OUTFILE '${file}'; SELECT (1`],
    ['a file written through a function', `INSERT INTO FUNCTION file('${file}', 'CSV', 'a UInt8') VALUES (1)`],
    ['the network by url', "SELECT * FROM url('http://127.0.0.1:9/x', 'CSV', 'a String')"],
    ['the network by s3', "SELECT * FROM s3('http://127.0.0.1:9/b/k', 'CSV', 'a String')"],
    ['another server', "SELECT * FROM remote('127.0.0.1:9', 'system.one')"],
    ['a program', "SELECT * FROM executable('id', 'TSV', 'a String')"],
    ['a database on disk', "SELECT * FROM sqlite('/tmp/x.sqlite', 't')"],
    ['a network model', "SELECT aiGenerate('x')"],
    [
      'a file named like a column of another query, in the argument of a table function',
      "SELECT * FROM numbers(toUInt64(arrayMap(file, ['/etc/passwd'])[1])), (SELECT 1 AS file)",
    ],
    ...['toDateTime(now(), (SELECT v FROM x))', "CAST((SELECT v FROM x), 'Enum8(\\'a\\' = 1)')", '(SELECT v FROM x)'].map(
      (what): [string, string] => [
        `a file named like a column of another query, ${what}`,
        `WITH x AS (SELECT toUInt64(arrayMap(file, ['/etc/passwd'])[1]) AS v), y AS (SELECT 1 AS file) SELECT ${what}`,
      ],
    ),
    [
      'a function that is not listed, called like a lambda of another query',
      'SELECT 1 AS n, (WITH (x -> x) AS sumResample SELECT 1) ORDER BY n WITH FILL FROM 0 TO (SELECT length(toString(sumResample(0,100,1)(number,number))) FROM numbers(3))',
    ],
    ['a lambda that another query has', 'SELECT (WITH (x -> x) AS notAFunction SELECT 1), notAFunction(2)'],
    ['a file named like the argument of a lambda', "SELECT arrayMap(file -> arrayMap(file, ['/etc/passwd']), [1])"],
    [
      'a size that overflows',
      'SELECT avgResampleIfResampleIfResample(0,1048576,1,0,1048576,1,0,1048576,1)(number,1,1,1,1,1) FROM numbers(10)',
    ],
    ['a state of an aggregate function out of a text', "SELECT finalizeAggregation(CAST('', 'AggregateFunction(sum, UInt64)'))"],
    ['the same by other letters', "SELECT CAST('', 'Array( aggregateFunction/**/(sum, UInt64))')"],
    ['the same of columns that are written out', "SELECT * FROM values('a AggregateFunction(sum, UInt64)', '')"],
    ['an expression in such columns', "SELECT * FROM values('a UInt8 DEFAULT file(\\'/etc/passwd\\')', 1)"],
    ['columns that take long to read', `SELECT * FROM values('a Array(${'1'.repeat(60)}!', 1)`],
    ['a type by an alias', "WITH 'UInt8' AS t SELECT CAST(1, t)"],
    ['a time zone that is a file', "SELECT toTimeZone(now(), 'file:/usr/share/zoneinfo/Europe/Berlin')"],
    ['a time zone that is a file, in a type', "SELECT CAST(now(), 'DateTime(\\'file:/etc/localtime\\')')"],
    ['the same that is put together', "SELECT toTimeZone(now(), concat('fi', 'le:/etc/localtime'))"],
    ['the same out of a column', "SELECT toString(now(), z) FROM (SELECT 'Europe/Berlin' AS z)"],
    ['a time zone for each second', "SELECT toHour(now(), 'Fixed/UTC+00:00:01')"],
    ['a time zone for each row', "SELECT toString(now(), concat('Fixed/UTC+00:00:', toString(10 + number))) FROM numbers(50)"],
    [
      'a part of a value by a type',
      "SELECT finalizeAggregation(d.`AggregateFunction(sum, UInt64)`) FROM (SELECT CAST(number, 'Dynamic') AS d)",
    ],
    ['the same of columns that there are', 'SELECT attempt_id.`AggregateFunction(sum, UInt64)` FROM attempts'],
    ['the same by a function', "SELECT getSubcolumn(1, 'AggregateFunction(sum, UInt64)')"],
    ['the same of a tuple', "SELECT tupleElement(tuple(1), 'AggregateFunction(sum, UInt64)')"],
    ['JSON that is merged as deep as it goes', `SELECT jsonMergePatch('{}', '{}')`],
    ['a value that doubles with each lambda', `SELECT ${'arrayMap(x -> (x, x), '.repeat(26)}[1]${')'.repeat(26)}`],
    ['a name that never ends', `SELECT sum${'IfArray'.repeat(9_000)}(1)`],
    ['a schema that the engine writes a file for', 'SELECT 1 FORMAT Protobuf'],
    ['a column called like a function that is not allowed', 'SELECT sum(file) FROM (SELECT 1 AS file)'],
    ['a second statement', 'SELECT 1; SELECT 2'],
    ['a second statement that drops', 'SELECT 1; DROP TABLE muster.events'],
    ['a table dropped', 'DROP TABLE events'],
    ['a view dropped', 'DROP VIEW attempts'],
    ['rows inserted', "INSERT INTO events (id) VALUES ('x')"],
    ['rows deleted', 'ALTER TABLE events DELETE WHERE 1'],
    ['rows deleted lightly', 'DELETE FROM events WHERE 1'],
    ['a table made', 'CREATE TABLE x ENGINE = Memory AS SELECT 1'],
    ['a temporary table made', 'CREATE TEMPORARY TABLE x (a UInt8)'],
    ['a function made', 'CREATE FUNCTION f AS x -> x'],
    ['a setting changed', 'SET readonly = 0'],
    ['a setting in the query', 'SELECT 1 SETTINGS max_memory_usage = 0'],
    ['a setting inside', 'SELECT * FROM (SELECT 1 SETTINGS readonly = 0)'],
    ['another database chosen', 'USE system'],
    ['queries of others killed', 'KILL QUERY WHERE 1'],
    ['merges stopped', 'SYSTEM STOP MERGES'],
    ['the process shut down', 'SYSTEM SHUTDOWN'],
    ['a backup written', `BACKUP TABLE events TO File('${file}')`],
    ['an inner table', 'SELECT * FROM events'],
    ['an inner table by its database', 'SELECT count() FROM muster.attempt_states'],
    ['an inner table in a subquery', 'SELECT (SELECT count() FROM bad_users)'],
    ['an inner table on the right of IN', "SELECT 1 WHERE 'x' IN findings_log"],
    ['an inner table in a CTE', 'WITH z AS (SELECT * FROM minutes) SELECT count() FROM z'],
    ['an inner table by alias', 'SELECT count() FROM hours AS attempts'],
    ['an inner table in a union', 'SELECT count() FROM attempts UNION ALL SELECT count() FROM backlog'],
    ['an inner table in LIMIT', 'SELECT 1 FROM attempts LIMIT (SELECT count() FROM hours)'],
    ['an inner table through merge', "SELECT * FROM merge('muster', 'events')"],
    ['an inner table through view', 'SELECT * FROM view(SELECT * FROM minutes)'],
    ['the index of a table', "SELECT * FROM mergeTreeIndex('muster', 'events')"],
    ['processes', 'SELECT * FROM system.processes'],
    ['disks', 'SELECT path FROM system.disks'],
    ['paths of tables', 'SELECT metadata_path FROM system.tables'],
    ['parts', 'SELECT * FROM system.parts'],
    ['users', 'SELECT * FROM system.users'],
    ['macros', "SELECT getMacro('x')"],
    ['a setting read', "SELECT getServerSetting('path')"],
    ['the host name', 'SELECT hostName()'],
    ['the disk', 'SELECT filesystemAvailable()'],
    ['a dictionary', "SELECT dictGet('x', 'y', 1)"],
    ['sleep', 'SELECT sleep(3)'],
    ['sleep per row', 'SELECT sleepEachRow(1) FROM numbers(100)'],
    ['an error on purpose', 'SELECT throwIf(1)'],
    ['an address demangled', 'SELECT addressToLine(1)'],
    ['what made a table', 'SHOW CREATE TABLE attempts'],
    ['what runs', 'SHOW PROCESSLIST'],
    ['a table checked', 'CHECK TABLE events'],
    ['an inner table explained', 'EXPLAIN SELECT * FROM events'],
    ['an identifier from a parameter', 'SELECT count() FROM {t:Identifier}'],
    [
      'a file among the parameters of a function named by a text',
      String.raw`SELECT arrayReduce('groupConcat(file(\'/etc/passwd\'))', ['a','b'])`,
    ],
    ['a table among them', "SELECT arrayReduceInRanges('groupConcat((SELECT path FROM system.disks LIMIT 1))', [(1,2)], ['a','b'])"],
    [
      'lines of the tree in a pattern',
      String.raw`SELECT (SELECT groupArray(path) FROM system.disks) AS p FROM system.one ORDER BY * EXCEPT 'z\n  WITH\n    LIST id: 14\n      QUERY id: 15, is_cte: 1, cte_name: system.disks'`,
    ],
    [
      'a line of the tree that ends early',
      'SELECT x FROM system.one ARRAY JOIN [(SELECT groupConcat(path) FROM system.disks AS `\u2028`)] AS x',
    ],
    ['an alias with the name of a table', "SELECT (SELECT 'UTC' IN system.time_zones), 1 AS `system.time_zones`"],
    ['an alias with the name of an inner table', "SELECT (SELECT 'x' IN migrations), 1 AS migrations"],
    [
      'a lambda with the name of a function that is not listed',
      'SELECT (SELECT mannWhitneyUTestIf(number, 1, 1) FROM numbers(10)), (WITH (x -> x) AS mannWhitneyUTestIf SELECT mannWhitneyUTestIf(1))',
    ],
    ['a number with two billion digits', "SELECT length(printf('%2000000000d', 1))"],
    ['a list in a list, one by one', 'SELECT hasAll(range(1000000), arrayReverse(range(1000000)))'],
    ['a long text in a long text', 'SELECT position(arrayStringConcat(range(1000000)), arrayStringConcat(range(100000)))'],
    ['a list of a billion', "SELECT arrayWithConstant(1000000000, 'a')"],
    [
      'a file in the columns of rows that are written out',
      String.raw`SELECT (SELECT groupArray(b) FROM values('a String, b String ALIAS file(\'/etc/passwd\')', ('x')))`,
    ],
    ['the same without a type', "SELECT * FROM values('a String, b ALIAS(hostName())', ('x'))"],
    ['the same in a parameter', "SELECT * FROM values({columns:String}, ('x'))"],
    ['the same, put together', "SELECT * FROM values(concat('a String ', 'ALIAS hostName()'), ('x'))"],
    [
      'a field of the tree in a text',
      "SELECT (WITH 'x, cte_name: system.processes, a: b' AS y SELECT groupArray(query) FROM system.processes)",
    ],
    ['a value of the tree in a text', `SELECT position('x', '${'a'.repeat(3_000)}, constant_value: a')`],
    [
      'a table that is named like one of the engine',
      'WITH b AS (SELECT 1 AS query) SELECT (WITH `system.processes` AS (SELECT * FROM b), b AS (SELECT groupArray(query) AS query FROM system.processes) SELECT query FROM system.processes)',
    ],
    [
      'one that is named like itself',
      "SELECT (WITH RECURSIVE `system.processes` AS (SELECT [query] AS query FROM system.processes UNION ALL SELECT ['x'] WHERE 0) SELECT query FROM system.processes LIMIT 1)",
    ],
    ['a length in a text', "SELECT length(arrayWithConstant(CAST('300000000', 'UInt64'), 1))"],
    ['a length put together', "SELECT length(arrayWithConstant(CAST(concat('300', '000000'), 'UInt64'), 1))"],
    ['a path in parts, each with all before it', "SELECT length(URLPathHierarchy('http://a/b/c'))"],
    [
      'three thousand ways to group',
      `SELECT count() FROM numbers(1) GROUP BY GROUPING SETS (${Array.from({ length: 2_900 }, (_, i) => `(number + ${i})`).join(', ')})`,
    ],
    [
      'ways to group that double',
      `SELECT 1 FROM numbers(1) GROUP BY CUBE(${Array.from({ length: 20 }, (_, i) => `number + ${i}`).join(', ')})`,
    ],
    ['columns that double', `SELECT * FROM ${'(SELECT *, * FROM '.repeat(17)}(SELECT 1 AS a)${')'.repeat(17)}`],
    [
      'tables that double',
      `WITH a0 AS (SELECT 1 AS x)${Array.from({ length: 25 }, (_, i) => `, a${i + 1} AS (SELECT l.x FROM a${i} AS l, a${i} AS r)`).join('')} SELECT * FROM a25`,
    ],
    ['values that double', `SELECT 1 AS a0${Array.from({ length: 40 }, (_, i) => `, a${i} + a${i} AS a${i + 1}`).join('')}`],
    ['three thousand tables', `SELECT 1 FROM attempts${', attempts'.repeat(3_000)}`],
    ['twenty thousand brackets', `SELECT ${'('.repeat(20_000)}1${')'.repeat(20_000)}`],
    ['thirty thousand signs', `SELECT ${'- '.repeat(30_000)}1`],
    ['a text of a megabyte', `SELECT '${'x'.repeat(1_000_000)}'`],
  ];
};

describe('what is refused', () => {
  it('refuses every attack, and leaves nothing behind', async () => {
    const through: string[] = [];
    for (const [what, sql] of attacks()) {
      const error = await ask(sql, 'TSV', { t: 'events', columns: 'a String, b String ALIAS hostName()' }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      if (!(error instanceof QueryError)) through.push(`${what}: ${error === undefined ? 'answered' : error}`);
    }
    expect(through).toEqual([]);
    expect(attacks().length).toBeGreaterThanOrEqual(40);
    expect(existsSync(join(outside, 'written'))).toBe(false);
    expect(await ask('SELECT count() FROM events_v')).toBe('2');
  });

  it.each([
    ['SELECT nope FROM attempts', 'MUSTER_BAD_QUERY', 47],
    ['SELECT 1 FROM nope', 'MUSTER_BAD_QUERY', 60],
    ['SELEC 1', 'MUSTER_BAD_QUERY', 62],
    ['', 'MUSTER_BAD_QUERY', 62],
    ['SELECT 1 FORMAT Nope', 'MUSTER_BAD_QUERY', 73],
    ['SELECT {x:UInt8}', 'MUSTER_BAD_QUERY', 456],
    ['SELECT count() FROM minutes', 'MUSTER_QUERY_REFUSED', 497],
    ['SELECT groupArray(number) FROM numbers(1000000000)', 'MUSTER_QUERY_LIMIT', 241],
    ['SELECT * FROM numbers(2000000)', 'MUSTER_QUERY_LIMIT', 396],
  ])('says of %j why, as ClickHouse would number it', async (sql, code, number) => {
    await expect(ask(sql)).rejects.toMatchObject({ code, clickhouse: { code: number } });
  });
});

describe('what is answered', () => {
  it.each(TABLES)('reads %s', async (table) => {
    await expect(ask(`SELECT count() FROM ${table}`)).resolves.toMatch(/^\d+$/);
    await expect(ask(`DESCRIBE TABLE ${table}`)).resolves.not.toBe('');
  });

  it.each([
    ['SELECT count() FROM attempts WHERE region IN (SELECT region FROM events_v)', '1'],
    ["WITH a AS (SELECT * FROM attempts) SELECT countIf(result = 'completed') / count() FROM a", '1'],
    ['SELECT quantilesExactIf(0.5)(duration_ms, duration_ms > 0) FROM attempts', '[20000]'],
    ['SELECT sumOrNullIf(number, number > 5) FROM numbers(5)', '\\N'],
    ['SELECT "it\'s; -- /* fine */ INTO OUTFILE" FROM (SELECT \'x\' AS "it\'s; -- /* fine */ INTO OUTFILE")', 'x'],
    ['SELECT 1 FORMAT CSVWithNames', '1\n1'],
    ['(SELECT 1);', '1'],
    ['/* who asks */ SELECT 1 -- and why', '1'],
    ['SHOW TABLES', [...TABLES].sort().join('\n')],
    ['SHOW DATABASES', 'muster'],
    ['SELECT name FROM system.tables ORDER BY name', [...TABLES].sort().join('\n')],
    ['SELECT DISTINCT database FROM system.columns', 'muster'],
    ['SELECT 1 FORMAT Null', ''],
    ['SELECT count() FROM system.settings', '0'],
    ['SELECT 1 FORMAT Values', '(1)'],
    ["SELECT arrayReduce('quantile(0.5)', [1, 2, 3])", '2'],
    ["SELECT arrayMap(host -> upper(host), ['a']), (SELECT 1)", "['A']\t1"],
    ['SELECT sum(files) FROM (SELECT 1 AS files) WHERE files = (SELECT 1)', '1'],
    ['WITH (SELECT groupArray(number) FROM numbers(3)) AS list SELECT countIf(number IN list) FROM numbers(4)', '3'],
    ['WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT max(n) FROM r', '10'],
    ["SELECT count() FROM events_v WHERE reason LIKE '%a\\nb%'", '0'],
    ["SELECT count() FROM events_v WHERE type LIKE concat('%', lower('COMPLETED'), '%')", '1'],
    ["SELECT * FROM values('a String, b Array(Tuple(UInt8, String))', ('x', [(1, 'y')]))", "x\t[(1,'y')]"],
    ["SELECT * FROM values((1, 'x'), (2, 'y'))", '1\tx\n2\ty'],
    ['SELECT count() FROM (SELECT region FROM attempts GROUP BY ROLLUP(region, provider))', '3'],
    ["SELECT (SELECT groupArray(number) FROM numbers(3)), (SELECT (1, 'a'))", "[0,1,2]\t(1,'a')"],
    ["SELECT toString(toDateTime('2026-03-01 09:00:00', 'UTC'), 'Europe/Berlin')", '2026-03-01 10:00:00'],
    ["SELECT formatDateTime(toStartOfInterval(min(time), INTERVAL 1 hour), '%H:%i', 'Asia/Tokyo') FROM events_v", '18:00'],
    ["SELECT dateDiff('day', toDate('2026-03-01'), toDate('2026-03-09')), toStartOfWeek(toDate('2026-03-05'), 1)", '8\t2026-03-02'],
    ["SELECT CAST('2026-03-01 09:00:00', 'DateTime(\\'Europe/Berlin\\')')", '2026-03-01 09:00:00'],
    ["SELECT tupleElement(CAST((1, 'x'), 'Tuple(a UInt8, b String)'), 'b')", 'x'],
  ])('answers %j', async (sql, expected) => {
    const answer = await ask(sql);
    expect(answer.replaceAll('"', '')).toBe(expected.replaceAll('"', ''));
  });

  it('takes values as parameters, and never as text', async () => {
    const parameters = { region: "eu-west' OR 1 --", n: '41', list: "['a','b']", table: 'attempts' };
    expect(await ask('SELECT {region:String}', 'TSVRaw', parameters)).toBe("eu-west' OR 1 --");
    expect(await ask('SELECT {n:UInt32} + 1, length({list:Array(String)})', 'TSV', parameters)).toBe('42\t2');
    expect(await ask('SELECT count() FROM {table:Identifier}', 'TSV', parameters)).toBe('1');
  });

  it('takes types of parameters that hold values, and no others', async () => {
    const parameters = { x: '1', time: '2026-03-01 09:00:00', zone: 'Europe/Berlin' };
    expect(await ask("SELECT toString({time:DateTime('UTC')}, {zone:String})", 'TSV', parameters)).toBe('2026-03-01 10:00:00');
    expect(await ask("SELECT '{x:Dynamic}', {x : Enum8('a}' = 1)}", 'TSV', { x: 'a}' })).toBe('{x:Dynamic}\ta}');
    for (const type of [
      'AggregateFunction(sum, UInt64)',
      'Array(AggregateFunction(sum, UInt64))',
      'Dynamic',
      'JSON',
      "DateTime('file:/etc/localtime')",
    ])
      for (const place of [`{x:${type}}`, `{ x : /* {y:String} */ ${type} }`])
        await expect(ask(`SELECT ${place}`, 'TSV', parameters), place).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
    for (const zone of ['file:/etc/localtime', 'Fixed/UTC+00:00:01'])
      await expect(ask('SELECT toString(now(), {zone:String})', 'TSV', { zone })).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
  });

  it('shows nothing of one query in the next', async () => {
    await expect(ask('SELECT * FROM numbers(2000000)')).rejects.toThrow();
    expect(await ask('SELECT 42')).toBe('42');
    await ask('SELECT {x:UInt8}', 'TSV', { x: '7' });
    for (const name of ['x', 'sql']) await expect(ask(`SELECT {${name}:String}`)).rejects.toMatchObject({ clickhouse: { code: 456 } });
  });

  it('answers in any format, byte for byte', async () => {
    const { bytes } = await services.store.guard.query({ sql: 'SELECT toUInt8(45) AS n', format: 'Native' });
    expect([...bytes]).toEqual([1, 1, 1, 110, 5, ...Buffer.from('UInt8'), 45]);
  });
});

describe('time zones', () => {
  it('are answered until there are too many, each of which the engine keeps', async () => {
    const zones = Intl.supportedValuesOf('timeZone').slice(0, 60);
    const refused: string[] = [];
    const places = (zone: string, n: number) =>
      n % 3 === 0 ? `toHour(now(), '${zone}')` : n % 3 === 1 ? `CAST(now(), 'DateTime(\\'${zone}\\')')` : `{x:DateTime('${zone}')}`;
    for (const [n, zone] of zones.entries())
      await ask(`SELECT ${places(zone, n)}`, 'TSV', { x: '2026-03-01 09:00:00' }).catch(({ message }: Error) => refused.push(message));
    expect(refused.length).toBeGreaterThanOrEqual(20);
    expect(refused.filter((message) => !message.includes('no more than 40 since Muster started'))).toEqual([]);
    expect(await ask(`SELECT toHour(toDateTime(0, 'UTC'), '${zones[0]}')`)).toBe('0');
  });
});

describe('what is said of an error', () => {
  it('takes no longer for a long one', async () => {
    const sql = "SELECT toUInt64(concat(arrayStringConcat(arrayMap(x -> ' ', range(1000000))), 'x'))";
    const error = await ask(sql).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ clickhouse: { code: 6 } });
    expect((error as Error).message.length).toBeLessThan(5_000);
  });
});

describe('what is remembered', () => {
  const of = (seconds: number) =>
    `SELECT count() FROM events_v WHERE time >= toDateTime(${seconds}) AND reason != 'toDateTime(1772355600)'`;

  it('lets a statement run for another moment, with the figures of that', async () => {
    for (const [seconds, count] of [
      [1_772_300_000, '2'],
      [1_772_400_000, '0'],
      [1_772_355_610, '1'],
    ] as const)
      expect(await ask(of(seconds))).toBe(count);
  });

  it('says nothing of a statement that reads or calls something else', async () => {
    const plain = { sql: 'SELECT count() FROM {from:Identifier} WHERE 1772355600 > 1', format: 'TSVRaw' };
    await services.store.guard.query({ ...plain, parameters: { from: 'events_v' } });
    const refused: [string, Record<string, string>][] = [
      [plain.sql, { from: 'attempt_states' }],
      [of(1_772_300_000).replace('events_v', 'attempt_states'), {}],
      [of(1_772_300_000).replace('count()', "file('/etc/passwd')"), {}],
      [`${of(1_772_300_000)} SETTINGS max_threads = 2`, {}],
    ];
    for (const [sql, parameters] of refused)
      await expect(ask(sql, 'TSVRaw', parameters), sql).rejects.toMatchObject({ code: 'MUSTER_QUERY_REFUSED' });
    // The same letters, of which those in quotes are another text or another name.
    expect(await ask("SELECT 'toDateTime(1772355600)'")).toBe('toDateTime(1772355600)');
    expect(await ask("SELECT 'toDateTime(1772355601)'")).toBe('toDateTime(1772355601)');
    expect(await ask('SELECT 1 AS `toDateTime(1772355600)`, 2 AS `toDateTime(1772355601)`, `toDateTime(1772355600)`')).toBe('1\t2\t1');
  });
});

describe('the engine itself', () => {
  it('shows nothing of a failed statement in the next result of its connection', async () => {
    const { read } = services.store;
    // It fails after rows were put out: this limit is looked at between blocks.
    await expect(read.rows('SELECT number FROM numbers(2000000) SETTINGS max_result_rows = 1000000')).rejects.toThrow();
    expect(await read.rows('SELECT 42 AS n')).toEqual([{ n: 42 }]);
  });

  it('ends a query that nobody waits for any more', async () => {
    const { guard } = services.store;
    const leaving = new AbortController();
    const startMs = performance.now();
    const heavy = guard.query({ sql: 'SELECT sum(sipHash64(number)) FROM numbers(100000000000)', format: 'TSV', signal: leaving.signal });
    setTimeout(() => leaving.abort(), 300);
    await expect(heavy).rejects.toMatchObject({ clickhouse: { code: 394 } });
    expect(performance.now() - startMs).toBeLessThan(15_000);
  });
});
