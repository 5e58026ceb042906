/** The ClickHouse endpoint of a running process: with the official client, as clickhouse-go speaks, and under a heavy query. */
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, zstdCompressSync } from 'node:zlib';
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TABLES } from '../../src/names.ts';
import { cityHash128 } from '../../src/serve/clickhouse/city-hash.ts';
import { fromBlocks, inBlocks } from '../../src/serve/clickhouse/compressed-blocks.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { whenLong, whenShort } from '../support/scale.ts';

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

whenShort(() => {
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
});

/** As any client speaks over HTTP. */
const over = (sql: string | Buffer, search = '', headers: Record<string, string> = {}) =>
  fetch(`${url}/?default_format=JSONCompact${search}`, { method: 'POST', body: sql, headers: { 'x-clickhouse-key': key, ...headers } });
const dataOf = async (sql: string, search = '') => {
  const answer = await over(sql, search);
  const text = await answer.text();
  expect([sql, answer.status, answer.status === 200 ? '' : text]).toEqual([sql, 200, '']);
  return (JSON.parse(text) as { data: unknown[][] }).data;
};

whenShort(() => {
  describe('what clients ask to find their way', () => {
    it.each(['SHOW TABLES FROM "muster"', 'SHOW TABLES IN muster', 'SHOW FULL TABLES'])('%s lists the tables', async (sql) => {
      expect(await dataOf(sql)).toEqual(TABLES.toSorted().map((name) => [name]));
    });
    it('filters and limits what it lists, and answers in the format that stands there', async () => {
      expect(await dataOf("SHOW TABLES LIKE 'alert%'")).toEqual([['alert_inputs'], ['alert_states']]);
      expect(await dataOf("SHOW TABLES FROM muster NOT ILIKE 'A%' LIMIT 1")).toEqual([['coverage_minutes']]);
      expect(await dataOf("SHOW DATABASES LIKE 'm%'")).toEqual([['muster']]);
      expect(await (await over("SHOW TABLES LIKE 'find%' FORMAT TSV")).text()).toBe('findings\n');
      expect(await (await over("SHOW TABLES LIKE 'x\\' OR 1 = 1 --' FORMAT TSV")).text()).toBe('');
    });
    it.each(['DESC TABLE "muster"."attempts"', 'DESCRIBE attempts', 'DESC attempts FORMAT JSONCompact'])(
      '%s has seven columns',
      async (sql) => {
        const answer = (await (await over(sql)).json()) as { meta: { name: string }[]; data: string[][] };
        expect(answer.meta.map(({ name }) => name)).toEqual([
          'name',
          'type',
          'default_type',
          'default_expression',
          'comment',
          'codec_expression',
          'ttl_expression',
        ]);
        expect(answer.data.find(([name]) => name === 'attempt_id')?.[1]).toBe('String');
      },
    );
    it('says of a statement which columns it has', async () => {
      expect((await dataOf("DESC (SELECT count() AS n, 'x' AS text FROM attempts)")).map(([name, type]) => [name, type])).toEqual([
        ['n', 'UInt64'],
        ['text', 'String'],
      ]);
    });
    it('shows columns as MySQL does, and whether a table is there', async () => {
      expect((await dataOf("SHOW COLUMNS FROM attempts FROM muster LIKE 'duration%'")).map((row) => row.slice(0, 3))).toEqual([
        ['duration_ms', 'Nullable(Int64)', 'YES'],
      ]);
      for (const [sql, there] of [
        ['EXISTS attempts', 1],
        ['EXISTS VIEW muster.attempts', 1],
        ['EXISTS TABLE events', 0],
        ['EXISTS nope', 0],
      ] as const)
        expect([sql, await dataOf(sql)]).toEqual([sql, [[there]]]);
    });
    it.each(['', 'AST', 'SYNTAX', 'PLAN', 'PIPELINE', 'QUERY TREE'])('EXPLAIN %s of what may be asked', async (kind) => {
      expect((await dataOf(`EXPLAIN ${kind} SELECT count() FROM attempts`)).length).toBeGreaterThan(0);
    });
    it.each([
      ['DESC nope', 404, /no table is called nope; there are events_v/],
      ['DESCRIBE TABLE events', 404, /no table is called events/],
      ['SHOW COLUMNS FROM audit_entries', 404, /no table is called/],
      ['SHOW TABLES FROM system', 403, /only SELECT/],
      ['SHOW CREATE TABLE attempts', 403, /only SELECT/],
      ['EXPLAIN SELECT * FROM events', 403, /events/],
      ['EXPLAIN PLAN actions = 1 SELECT 1', 403, /only SELECT/],
      ["DESC (SELECT * FROM file('/etc/passwd'))", 403, /file/],
      ['DESCRIBE TABLE (SELECT 1), (SELECT 2)', 400, /./],
    ])('%s: %i', async (sql, status, message) => {
      const answer = await over(sql);
      expect([sql, answer.status]).toEqual([sql, status]);
      expect(await answer.text()).toMatch(message);
    });
    it('answers what libraries begin with', async () => {
      expect(await dataOf('SELECT name, value, readonly AS readonly FROM system.settings LIMIT 10000')).toEqual([]);
      expect((await dataOf("SELECT name, engine, data_paths FROM system.tables WHERE name = 'attempts'")).map((row) => row[2])).toEqual([
        [],
      ]);
      expect((await dataOf('SELECT name, is_aggregate, case_insensitive, alias_to, origin FROM system.functions LIMIT 10')).length).toBe(
        10,
      );
      const [[version]] = (await dataOf('SELECT version()')) as [[string]];
      expect(version).toMatch(/^\d+\.\d+/);
      expect(await dataOf('SELECT timezone()')).toEqual([['UTC']]);
      expect((await over('SELECT 1')).headers.get('x-clickhouse-timezone')).toBe('UTC');
    });
    it('says how many rows the answer has', async () => {
      const answer = await over('SELECT number FROM numbers(6)');
      expect(JSON.parse(answer.headers.get('x-clickhouse-summary') ?? '{}')).toMatchObject({ result_rows: '6' });
    });
    it('wraps nothing around an error', async () => {
      const text = await (await over('SELECT count( FROM attempts')).text();
      expect(text).toMatch(/^Code: 62\. DB::Exception: Syntax error/);
      expect(text).not.toMatch(/formatQuery|Code: 62.*Code: 62/s);
    });
  });
});

whenShort(() => {
  describe('ad-hoc filters', () => {
    const COUNTED = 'SELECT region, count() AS n FROM attempts GROUP BY region ORDER BY region';
    const FILTER = `{'attempts' : ' region = \\'eu-west\\' '}`;
    it('filter at the end of a statement, with the name of the database or without, or not at all when they are empty', async () => {
      const eu = [['eu-west', 25]];
      for (const settings of [
        `settings additional_table_filters=${FILTER}`,
        `SETTINGS additional_table_filters={'muster.attempts':'region = \\'eu-west\\''}, max_execution_time = 5`,
      ])
        expect([settings, await dataOf(`${COUNTED} ${settings}`)]).toEqual([settings, eu]);
      const all = await dataOf(COUNTED);
      expect(all).toHaveLength(2);
      for (const empty of ['{}', "{'attempts':''}", "{'':''}"])
        expect([empty, await dataOf(`${COUNTED} SETTINGS additional_table_filters = ${empty}`)]).toEqual([empty, all]);
      expect(await dataOf('SELECT count() FROM attempts SETTINGS max_execution_time=10')).toEqual([[50]]);
    });
    it('filter beside a statement, in subqueries, both sides of a UNION and under another name', async () => {
      const beside = `&additional_table_filters=${encodeURIComponent(FILTER)}`;
      expect(await dataOf(COUNTED, beside)).toEqual([['eu-west', 25]]);
      for (const sql of [
        'SELECT count() FROM (SELECT * FROM attempts)',
        "SELECT sum(n) FROM (SELECT count() AS n FROM attempts AS a WHERE a.region != 'x')",
        'SELECT sum(n) / 2 FROM (SELECT count() AS n FROM attempts UNION ALL SELECT count() AS n FROM muster.attempts)',
        'WITH x AS (SELECT region FROM attempts) SELECT count() FROM x',
      ])
        expect([sql, (await dataOf(sql, beside)).map(([n]) => Number(n))]).toEqual([sql, [25]]);
      const union = 'SELECT count() AS n FROM attempts UNION ALL SELECT count() AS n FROM attempts';
      expect(await dataOf(`${union} SETTINGS additional_table_filters = ${FILTER}`)).toEqual([[25], [25]]);
    });
    it.each([
      ["{'attempts':'1 = 1 OR (SELECT count() FROM events) > 0'}", /events/],
      ["{'attempts':'1) UNION ALL SELECT (1'}", /./],
      ["{'attempts':'1 GROUP BY region'}", /./],
      ["{'attempts':'sleep(1) = 0'}", /sleep/],
      ["{'attempts':'region = (SELECT * FROM file(\\'/etc/passwd\\'))'}", /file/],
      ["{'attempts':'1 -- '}", /./],
      ["{'attempt_states':'1'}", /no table is called/],
      ["{'other.attempts':'1'}", /no table is called/],
      ["{'attempts':'nope = 1'}", /nope/],
      ["{'attempts':1}", /./],
      ["'x'", /./],
      ['{}, readonly = 0', /readonly|expected/],
    ])('%s is refused, and never answered without', async (filters, message) => {
      for (const answer of [
        await over(`${COUNTED} SETTINGS additional_table_filters = ${filters}`),
        await over(COUNTED, `&additional_table_filters=${encodeURIComponent(filters)}`),
      ]) {
        const text = await answer.text();
        // A condition that holds for all, and a comment behind it, filters nothing away.
        if (filters.includes('--')) continue;
        expect([filters, answer.status >= 400 && answer.status < 500, text]).toEqual([filters, true, expect.stringMatching(message)]);
      }
    });
    it.each(['max_memory_usage = 1', "max_execution_time = 'x'", 'readonly = 0, additional_table_filters = {}'])(
      'other settings are refused: %s',
      async (settings) => {
        const answer = await over(`SELECT 1 SETTINGS ${settings}`);
        expect(answer.status).toBe(403);
        expect(await answer.text()).toMatch(/settings cannot be changed here/);
      },
    );
    it('a shorter limit of time is heeded', async () => {
      const startMs = performance.now();
      const answer = await over('SELECT sum(sipHash64(number)) FROM numbers(100000000000) SETTINGS max_execution_time = 1');
      expect(answer.status).toBe(500);
      expect(await answer.text()).toMatch(/TIMEOUT_EXCEEDED|Timeout exceeded/i);
      expect(performance.now() - startMs).toBeLessThan(25_000);
    });
  });
});

whenShort(() => {
  describe('ClickHouse’s compressed blocks', () => {
    const SQL = 'SELECT number, toString(number) FROM numbers(40000) FORMAT TSV';
    it('go out with checksums that fit, and come in as LZ4, ZSTD or as they are', async () => {
      const plain = Buffer.from(await (await over(SQL)).arrayBuffer());
      const packed = Buffer.from(await (await over(SQL, '&compress=1')).arrayBuffer());
      expect(fromBlocks(packed, 10_000_000).equals(plain)).toBe(true);
      const sql = Buffer.from('SELECT 1 + 1 FORMAT TSV');
      const asked = async (body: Buffer) => (await over(body, '&decompress=1')).text();
      expect(await asked(await inBlocks(sql))).toBe('2\n');
      const block = (method: number, data: Buffer) => {
        const head = Buffer.alloc(9);
        head.writeUInt8(method, 0);
        head.writeUInt32LE(data.length + 9, 1);
        head.writeUInt32LE(sql.length, 5);
        const whole = Buffer.concat([head, data]);
        return Buffer.concat([cityHash128(whole), whole]);
      };
      expect(await asked(block(0x90, zstdCompressSync(sql)))).toBe('2\n');
      // Literals alone: 15 and 8 more of them.
      expect(await asked(block(0x82, Buffer.concat([Buffer.from([0xf0, sql.length - 15]), sql])))).toBe('2\n');
    });
    it.each([
      ['cut off', (body: Buffer) => body.subarray(0, 20)],
      ['with a byte changed', (body: Buffer) => Buffer.concat([body.subarray(0, -1), Buffer.from([0])])],
      [
        'that says it holds a gigabyte',
        (body: Buffer) => {
          body.writeUInt32LE(1 << 30, 21);
          return body;
        },
      ],
      ['of text', () => Buffer.from('SELECT 1')],
    ])('a body %s is refused', async (_name, change) => {
      const answer = await over(change(await inBlocks(Buffer.from('SELECT 1'))), '&decompress=1');
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringMatching(/compressed blocks|more than/)]);
    });
  });
});

whenShort(() => {
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
});

whenLong(() => {
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
});

whenShort(() => {
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
});

whenShort(() => {
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
});
