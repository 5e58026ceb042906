/** Attacks on the gate that are made, not thought of: every function and table that is not listed, in every place where one can stand. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { TABLES } from '../../src/names.ts';
import { CATALOGUE_VIEWS } from '../../src/store/guard/catalogue.ts';
import { FUNCTIONS } from '../../src/store/guard/functions.ts';
import { QueryError } from '../../src/store/guard/query-error.ts';
import { isAllowedFunction } from '../../src/store/guard/rules.ts';
import { ZONED } from '../../src/store/guard/time-zones.ts';
import { type TestServices, takeIn, testServices } from '../support/store.ts';

/** Places in which each function is tried; those that are known to be dangerous are tried in all of them. */
const PLACES_EACH = 2;

let services: TestServices;
let secretFile: string;
const SECRET = 'zebra-crossing-4711';

beforeAll(async () => {
  services = await testServices();
  secretFile = join(services.dataDir, 'secret.txt');
  writeFileSync(secretFile, SECRET);
  await takeIn(services, [{ id: 'a', type: 'enrollment.started', time: '2026-03-01T09:00:00Z', source: 'app', attempt_id: SECRET }]);
});
afterAll(() => services.dispose());

/** Places of a function that takes a text. */
const PLACES: Record<string, (f: string, argument: string) => string> = {
  plain: (f, a) => `SELECT ${f}(${a})`,
  'in other letters': (f, a) => `SELECT ${f.toUpperCase()}(${a})`,
  quoted: (f, a) => `SELECT \`${f}\`(${a})`,
  'by name': (f, a) => `SELECT arrayMap(${f}, [${a}])`,
  'by name, in a subquery that folds': (f, a) => `SELECT (SELECT arrayMap(${f}, [${a}]))[1]`,
  'by name, in a filter of a table': (f, a) => `SELECT count() FROM attempts WHERE notEmpty(arrayFilter(${f}, [${a}]))`,
  'by name, beside a column of that name': (f, a) => `SELECT (SELECT arrayMap(\`${f}\`, [${a}])), 1 AS \`${f}\``,
  'in a lambda': (f, a) => `SELECT arrayMap(x -> ${f}(x), [${a}])`,
  'in a lambda of its name': (f, a) => `WITH (x -> ${f}(x)) AS ${f}x SELECT ${f}x(${a})`,
  'in a lambda named like a listed function': (f, a) => `WITH (x -> ${f}(x)) AS upper SELECT upper(${a})`,
  'in APPLY': (f, a) => `SELECT * APPLY(${f}) FROM (SELECT ${a} AS a)`,
  'in APPLY with a lambda': (f, a) => `SELECT COLUMNS('a') APPLY(x -> ${f}(x)) FROM (SELECT ${a} AS a)`,
  'in REPLACE': (f, a) => `SELECT * REPLACE(${f}(a) AS a) FROM (SELECT ${a} AS a)`,
  'in a scalar subquery': (f, a) => `SELECT length((SELECT ${f}(${a})))`,
  'in a subquery of a subquery': (f, a) => `SELECT [(SELECT max(y) FROM (SELECT (SELECT ${f}(${a})) AS y))]`,
  'in an aggregate': (f, a) => `SELECT max(${f}(${a}))`,
  'with a combinator': (f, a) => `SELECT ${f}If(${a}, 1)`,
  'as a parameter of an aggregate': (f, a) => `SELECT groupArrayIf(length(${f}(${a})))(1, 1)`,
  'over a window': (f, a) => `SELECT ${f}(${a}) OVER (ORDER BY 1)`,
  'in a window': (f, a) => `SELECT max(1) OVER (ORDER BY ${f}(${a}))`,
  'in an alias': (f, a) => `SELECT ${f}(${a}) AS version, version`,
  'in a WITH': (f, a) => `WITH ${f}(${a}) AS v SELECT v`,
  'in a common table': (f, a) => `WITH t AS (SELECT ${f}(${a}) AS v) SELECT * FROM t`,
  'in a union': (f, a) => `SELECT '' UNION ALL SELECT toString(${f}(${a}))`,
  'in LIMIT': (f, a) => `SELECT 1 LIMIT length(toString(${f}(${a})))`,
  'in ORDER BY': (f, a) => `SELECT 1 ORDER BY ${f}(${a})`,
  'in INTERPOLATE': (f, a) => `SELECT n, s FROM (SELECT 1 AS n, '' AS s) ORDER BY n WITH FILL TO 3 INTERPOLATE (s AS ${f}(${a}))`,
  'in a fill': (f, a) => `SELECT 1 AS n ORDER BY n WITH FILL FROM 0 TO length(${f}(${a}))`,
  'in HAVING': (f, a) => `SELECT count() FROM attempts HAVING notEmpty(${f}(${a}))`,
  'in a table function': (f, a) => `SELECT * FROM numbers(length(${f}(${a})))`,
  'in values': (f, a) => `SELECT * FROM VALUES('a String', (${f}(${a})))`,
  'on the right of IN': (f, a) => `SELECT 1 WHERE 'x' IN (${f}(${a}))`,
  'on the right of IN, as a table': (f, a) => `SELECT 1 WHERE 'x' IN ${f}(${a})`,
  'in a join': (f, a) => `SELECT 1 FROM attempts AS l JOIN attempts AS r ON l.source = ${f}(${a})`,
  'in ARRAY JOIN': (f, a) => `SELECT v FROM attempts ARRAY JOIN [${f}(${a})] AS v`,
  'in CASE': (f, a) => `SELECT CASE WHEN 1 THEN ${f}(${a}) ELSE '' END`,
  'in a conversion': (f, a) => `SELECT ${f}(${a})::String`,
  'behind a comment': (f, a) => `SELECT /**/${f}/**/(${a})`,
};

const throughGate = async (sql: string, parameters: Record<string, string> = {}) =>
  services.store.guard.query({ sql, format: 'TSVRaw', parameters }).then(
    ({ bytes }) => `answered ${bytes.toString().slice(0, 80)}`,
    (error: unknown) => (error instanceof QueryError ? error : `failed with ${error}`),
  );

/** Those that came through, or showed what they must not. */
async function attack(statements: readonly (readonly [what: string, sql: string, parameters?: Record<string, string>])[]) {
  const through: string[] = [];
  let refusals = 0;
  for (const [what, sql, parameters] of statements) {
    const answer = await throughGate(sql, parameters);
    if (typeof answer === 'string' || answer.message.includes(SECRET)) through.push(`${what}: ${sql}: ${String(answer)}`);
    else if (answer.code === 'MUSTER_QUERY_REFUSED') refusals += 1;
  }
  return { through, refusals };
}

it('lets no function through that is not listed, wherever it stands', async () => {
  const functions = await services.store.panels.rows<{ name: string }>('SELECT name FROM system.functions ORDER BY name');
  const unlisted = functions.map(({ name }) => name).filter((name) => !isAllowedFunction(name) && /^\w+$/.test(name));
  expect(unlisted.length).toBeGreaterThan(300);
  const dangerous = ['file', 'getMacro', 'hostName', 'catboostEvaluate', 'joinGet', 'dictGet', 'editDistance', 'formatQuery', 'sleep'];
  const places = Object.entries(PLACES);
  const argument = `'${secretFile}'`;
  const statements = unlisted.flatMap((name, index) => {
    const some = dangerous.includes(name)
      ? places
      : Array.from({ length: PLACES_EACH }, (_, turn) => places[(PLACES_EACH * index + turn) % places.length] as (typeof places)[0]);
    return some.map(([what, place]) => [`${name} ${what}`, place(name, argument)] as const);
  });
  const { through, refusals } = await attack(statements);
  expect(through).toEqual([]);
  // Most are refused by name; the others are not even SQL.
  expect(refusals).toBeGreaterThan(statements.length * 0.9);
});

/** Places of a table. */
const TABLE_PLACES: Record<string, (table: string) => string> = {
  plain: (t) => `SELECT * FROM ${t}`,
  'counted in a scalar': (t) => `SELECT (SELECT count() FROM ${t})`,
  'folded whole': (t) => `SELECT (SELECT groupArray(tuple(*)) FROM ${t})[1]`,
  'folded by columns': (t) => `SELECT (SELECT any(tuple(COLUMNS('.*'))) FROM ${t})`,
  'folded in a scalar in a scalar': (t) => `SELECT (SELECT max(c) FROM (SELECT (SELECT count() FROM ${t}) AS c))`,
  'on the right of IN': (t) => `SELECT 1 WHERE 'x' IN ${t}`,
  'on the right of NOT IN, folded': (t) => `SELECT (SELECT 'x' NOT IN ${t})`,
  'by an alias on the right of IN': (t) => `SELECT 'x' IN z, ${t} AS z`,
  'in a join': (t) => `SELECT * FROM attempts AS a JOIN ${t} AS b ON 1 = 1`,
  'as a cross join': (t) => `SELECT * FROM attempts, ${t}`,
  'in a common table': (t) => `WITH z AS (SELECT * FROM ${t}) SELECT count() FROM z`,
  'hidden by a common table of its name': (t) =>
    `WITH \`${t.split('.').at(-1)}\` AS (SELECT * FROM ${t}) SELECT (SELECT count() FROM ${t.split('.').at(-1)})`,
  'hidden by a common table of another query': (t) =>
    `SELECT (WITH ${t.split('.').at(-1)} AS (SELECT 1) SELECT 1), (SELECT count() FROM ${t.split('.').at(-1)})`,
  'named like a table that is shown': (t) => `SELECT count() FROM ${t} AS attempts`,
  'in a union': (t) => `SELECT 1 UNION ALL SELECT count() FROM ${t}`,
  'in an intersection': (t) => `SELECT 1 INTERSECT SELECT count() FROM ${t}`,
  'in LIMIT': (t) => `SELECT 1 LIMIT (SELECT count() FROM ${t})`,
  'in EXISTS': (t) => `SELECT EXISTS (SELECT 1 FROM ${t})`,
  'in ANY': (t) => `SELECT 1 = ANY (SELECT count() FROM ${t})`,
  'in a table function': (t) => `SELECT * FROM numbers((SELECT count() FROM ${t}))`,
  'in ARRAY JOIN': (t) => `SELECT * FROM attempts ARRAY JOIN [(SELECT count() FROM ${t})] AS x`,
  'in ORDER BY': (t) => `SELECT 1 ORDER BY (SELECT count() FROM ${t})`,
  'in a lambda': (t) => `SELECT arrayMap(x -> (SELECT count() FROM ${t}), [1])`,
  'in a view': (t) => `SELECT * FROM view(SELECT * FROM ${t})`,
  'in a WITH value': (t) => `WITH (SELECT count() FROM ${t}) AS c SELECT c`,
  quoted: (t) =>
    `SELECT * FROM ${t
      .split('.')
      .map((part) => `\`${part}\``)
      .join('.')}`,
  'double quoted': (t) =>
    `SELECT * FROM ${t
      .split('.')
      .map((part) => `"${part}"`)
      .join('.')}`,
  'FROM first': (t) => `FROM ${t} SELECT *`,
  final: (t) => `SELECT * FROM ${t} FINAL`,
  described: (t) => `DESCRIBE TABLE (SELECT * FROM ${t})`,
  shown: (t) => `SHOW CREATE TABLE ${t}`,
  explained: (t) => `EXPLAIN SELECT * FROM ${t}`,
};

it('lets no table through that is not listed, wherever it stands', async () => {
  const found = await services.store.panels.rows<{ database: string; name: string }>(
    "SELECT database, name FROM system.tables WHERE database IN ('muster', 'system', 'information_schema') ORDER BY database, name",
  );
  const listed = new Set<string>([...TABLES, ...CATALOGUE_VIEWS].map((name) => `muster.${name}`));
  for (const name of ['one', 'numbers', 'functions', 'databases', 'settings', 'tables', 'columns']) listed.add(`system.${name}`);
  const unlisted = found.map(({ database, name }) => `${database}.${name}`).filter((name) => !listed.has(name));
  expect(unlisted).toContain('muster.attempt_states');
  const everywhere = unlisted.flatMap((name) => [name, ...(name.startsWith('muster.') ? [name.slice(7)] : [])]);
  const statements = [
    ...everywhere.flatMap((table) => Object.entries(TABLE_PLACES).map(([what, place]) => [`${table} ${what}`, place(table)] as const)),
    ...unlisted.map((table) => [`${table} folded`, `SELECT (SELECT count() FROM ${table})`] as const),
    ...unlisted.map((table) => [`${table} by a parameter`, 'SELECT (SELECT count() FROM {t:Identifier})', { t: table }] as const),
  ];
  const { through } = await attack(statements);
  expect(through).toEqual([]);
  expect(statements.length).toBeGreaterThan(600);
});

it('knows every place in which a function that is listed opens a time zone', async () => {
  const zone = "'No/Where'";
  const values = ['now()'];
  const others = [[], ...values.map((value) => [value]), ...values.flatMap((one) => values.map((two) => [one, two]))];
  const longer = ["'day'", 'now()', 'now()'];
  const missing: string[] = [];
  let opened = 0;
  const asked = [...FUNCTIONS];
  for (const name of asked)
    for (const around of [...others, longer])
      for (let at = around === longer ? 3 : 0; at <= around.length; at++) {
        const sql = `SELECT ${name}(${[...around.slice(0, at), zone, ...around.slice(at)].join(', ')})`;
        const error = await services.store.panels.rows(sql).then(
          () => '',
          (reason: Error) => reason.message,
        );
        if (!error.includes('time zone No/Where')) continue;
        opened += 1;
        if (!ZONED.get(name.toLowerCase())?.includes(at)) missing.push(sql);
      }
  expect(missing).toEqual([]);
  expect(opened).toBeGreaterThan(20);
}, 600_000);

it('shows nothing of the machine in the catalogue', async () => {
  const shown = await Promise.all(
    [
      'SELECT * FROM system.tables',
      'SELECT * FROM system.columns',
      'SELECT * FROM system.databases',
      'SELECT (SELECT groupArray(tuple(*)) FROM `system`.`tables`)',
    ].map((sql) => throughGate(sql)),
  );
  for (const each of shown) expect(each).toMatch(/^answered/);
  const hidden = ['metadata_path', 'create_table_query', 'as_select', 'engine_full', 'uuid'];
  const { through } = await attack(
    hidden.flatMap((column) => [
      [column, `SELECT ${column} FROM system.tables`],
      [`${column} folded`, `SELECT (SELECT groupArray(${column}) FROM system.tables)`],
      [`${column} by alias`, `SELECT t.${column} FROM system.tables AS t`],
      [`${column} by name of the table`, `SELECT system.tables.${column} FROM system.tables`],
    ]),
  );
  expect(through).toEqual([]);
});
