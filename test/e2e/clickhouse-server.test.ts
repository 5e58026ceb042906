/** Tables in a ClickHouse server: what works without it, what is said, and that nothing is lost or counted twice, however it fails. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Fault, startClickHouse, type TestServer } from '../support/clickhouse-server.ts';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';
import { whenLong, whenShort } from '../support/scale.ts';

/** A statement that is not answered is sent again after this. */
const TIMEOUT_SECONDS = 2;
const WITHIN_MS = 240_000;
/** Longer than a statement that is late waits. */
const LATE_MS = 5_000;

/** The same for all, so that what is sent again is the same event. */
const time = new Date(Date.now() - 60_000).toISOString();

let clickhouse: TestServer;
let databases = 0;
beforeAll(async () => {
  clickhouse = await startClickHouse();
});
afterAll(() => clickhouse.close());

interface Setting {
  running: Running;
  dataDir: string;
  database: string;
  env: NodeJS.ProcessEnv;
  /** Starts another on the same data. */
  start: () => Promise<Running>;
  suffer: (fault: Fault | undefined) => void;
}

/** A Muster with a database of its own, and what there is in it. */
async function withMuster(use: (setting: Setting) => Promise<void>, extra: NodeJS.ProcessEnv = {}): Promise<void> {
  databases += 1;
  const database = `muster_${databases}`;
  const dataDir = await temporaryData();
  const env = { MUSTER_CLICKHOUSE_URL: `${clickhouse.url}/${database}`, MUSTER_CLICKHOUSE_TIMEOUT: String(TIMEOUT_SECONDS), ...extra };
  const open = () => startUnder(['env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`)], dataDir);
  let running = await open();
  const suffer = (fault: Fault | undefined) => {
    if (fault === undefined) clickhouse.faults.delete(database);
    else clickhouse.faults.set(database, fault);
  };
  const start = async () => {
    running = await open();
    return running;
  };
  try {
    await use({ running, dataDir, database, env, start, suffer });
  } finally {
    suffer(undefined);
    await running.stop();
    await removeData(dataDir);
  }
}

/** Two events of each attempt: a start, and an end that is good unless its number divides by five. */
function attempts(from: number, count: number): Record<string, unknown>[] {
  return Array.from({ length: count }, (_, i) => from + i).flatMap((n) =>
    ['enrollment.started', n % 5 === 0 ? 'enrollment.failed' : 'enrollment.completed'].map((type, step) => ({
      id: `e${n}-${step}`,
      type,
      time,
      source: 'app',
      attempt_id: `a${n}`,
      user: `user-${n}`,
    })),
  );
}

async function send({ url }: Running, events: readonly Record<string, unknown>[]): Promise<number> {
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: events.map((event) => `${JSON.stringify(event)}\n`).join(''),
  });
  return response.status;
}

async function ask({ url }: Running, sql: string): Promise<string> {
  const response = await fetch(`${url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql, format: 'TSV' }),
  });
  return response.text();
}

async function eventually<T>(look: () => Promise<T>, wanted: T): Promise<void> {
  let seen: T | undefined;
  for (const until = Date.now() + WITHIN_MS; Date.now() < until; await sleep(100)) {
    seen = await look();
    if (JSON.stringify(seen) === JSON.stringify(wanted)) return;
  }
  expect(seen).toEqual(wanted);
}

/** Events, and good and total of M1, as they stand in the server. */
const figures = async (database: string): Promise<string> =>
  (
    await clickhouse.query(
      `SELECT (SELECT count() FROM ${database}.events FINAL), sum(good), sum(total) FROM ${database}.minutes FINAL WHERE sli = 'M1' AND dimension = ''`,
    )
  ).trim();

whenShort(() => {
  test.concurrent('events, figures and queries go through the server', async () => {
    await withMuster(
      async ({ running, dataDir, database, env }) => {
        expect(await send(running, attempts(0, 100))).toBe(200);
        await eventually(() => figures(database), '200\t80\t100');
        const query = (sql: string, ...rest: string[]) => runMuster(['query', sql, '--data', dataDir, '--format', 'TSV', ...rest], { env });
        expect((await query('SELECT result, count() FROM attempts GROUP BY result ORDER BY result')).stdout).toBe(
          'completed\t80\nfailed\t20\n',
        );
        const refusals = [
          'DROP TABLE events',
          'INSERT INTO events (id) VALUES (1)',
          "SELECT file('/etc/passwd')",
          'SELECT 1 SETTINGS readonly = 0',
        ];
        for (const sql of refusals) expect({ sql, status: (await query(sql)).status }).toEqual({ sql, status: 2 });
        expect((await query('SELECT nothing FROM attempts')).stderr).toContain('nothing');
        // What a dashboard sends to the endpoint that speaks as ClickHouse does, with a value.
        const { clickhouseUrl } = JSON.parse(await readFile(join(dataDir, 'muster.json'), 'utf8')) as { clickhouseUrl: string };
        const key = (await readFile(join(dataDir, 'clickhouse.key'), 'utf8')).trim();
        const asked = new URLSearchParams({
          query: 'SELECT count(), {source:String} FROM events_v WHERE source = {source:String}',
          param_source: 'app',
        });
        const counted = await fetch(`${clickhouseUrl}/?${asked}`, { method: 'POST', headers: { 'x-clickhouse-key': key } });
        expect(await counted.text()).toBe('200\tapp\n');
        const status = await runMuster(['slo', 'status', '--json', '--data', dataDir], { env });
        expect(status.stdout).toContain('"M1"');
        const doctor = await runMuster(['doctor', '--data', dataDir], { env });
        expect(doctor.stdout).toContain(`database ${database}`);
        // Its files are not here to be copied.
        expect((await runMuster(['backup', `${dataDir}.tar`, '--data', dataDir], { env })).stderr).toContain('back up the database');
        const forgotten = await runMuster(['forget', '--user', 'user-7', '--data', dataDir], { env });
        expect(forgotten.stdout).toContain('Not searched: the files of the ClickHouse server');
        expect(await figures(database)).toBe('200\t80\t100');
        expect(await clickhouse.query(`SELECT count() FROM ${database}.events WHERE user_ref = ''`)).toBe('0\n');
      },
      { MUSTER_CLICKHOUSE_PORT: '0' },
    );
  });
});

whenLong(() => {
  describe('a server that is', () => {
    const ALL: [Fault, RegExp][] = [
      ['down', /does not answer \(ECONNRE/],
      ['hanging', /no answer in time/],
      ['slow', /^ready$/],
      ['failing', /Memory limit/],
      ['half', /not enough space/],
      ['cut', /the answer was cut off|^ready$|ECONNRE/],
      ['lost', /does not answer/],
      ['late', /no answer in time/],
    ];
    test.concurrent.each(ALL)('%s stops no intake, and everything is there once when it is back', async (fault, said) => {
      await withMuster(async ({ running, database, suffer }) => {
        expect(await send(running, attempts(0, 50))).toBe(200);
        await eventually(() => figures(database), '100\t40\t50');
        suffer(fault);
        const hits = () => clickhouse.hits.get(database) ?? 0;
        for (const from of [50, 100, 150]) {
          expect(await send(running, attempts(from, 50))).toBe(200);
          await sleep(300);
        }
        await eventually(async () => hits() > 2, true);
        const readiness = async () => {
          const response = await fetch(`${running.url}/readyz`);
          return { status: response.status, isSaid: said.test((await response.text()).trim()) };
        };
        await eventually(readiness, { status: 200, isSaid: true });
        // What was taken in before comes again, in the middle of it.
        expect(await send(running, attempts(25, 50))).toBe(200);
        // Somebody asks meanwhile, and is told; that must not be the last answer.
        if (fault === 'down') expect(await ask(running, 'SELECT 1')).toContain('does not answer');
        suffer(undefined);
        await eventually(() => figures(database), '400\t160\t200');
        // Nothing does its work later, behind what came after it.
        if (fault === 'late') {
          expect(clickhouse.killed.size).toBeGreaterThan(0);
          await sleep(LATE_MS);
          expect(await figures(database)).toBe('400\t160\t200');
        }
        expect(await ask(running, 'SELECT count() FROM events_v')).toBe('400\n');
        await eventually(async () => (await (await fetch(`${running.url}/readyz`)).text()).trim(), 'ready');
      });
    });
  });
});

whenLong(() => {
  test.concurrent('the log grows to its limit, then intake refuses, and all that was taken in is loaded', async () => {
    await withMuster(
      async ({ running, database, suffer }) => {
        suffer('down');
        let acknowledged = 0;
        let status = 200;
        for (; status === 200 && acknowledged < 40_000; ) {
          status = await send(running, attempts(acknowledged, 500));
          if (status === 200) acknowledged += 500;
        }
        expect(status).toBe(503);
        const unready = await fetch(`${running.url}/readyz`);
        expect(unready.status).toBe(503);
        expect(await unready.text()).toContain('the log is full');
        suffer(undefined);
        await eventually(() => figures(database), `${acknowledged * 2}\t${acknowledged * 0.8}\t${acknowledged}`);
        expect(await send(running, attempts(0, 1))).toBe(200);
      },
      { MUSTER_MAX_LOG_BYTES: String(2 * 1024 * 1024) },
    );
  });
});

whenLong(() => {
  test.concurrent('a Muster that is killed while the server is away waits for it, and loads what it had acknowledged', async () => {
    await withMuster(async ({ running, database, dataDir, env, start, suffer }) => {
      suffer('down');
      expect(await send(running, attempts(0, 50))).toBe(200);
      await running.kill();
      const once = await runMuster(['slo', 'status', '--data', dataDir], { env });
      expect(once).toMatchObject({ status: 1, stderr: expect.stringContaining('does not answer') });
      // It is back once it was tried in vain, and that was said.
      const before = clickhouse.hits.get(database) ?? 0;
      const watching = setInterval(() => {
        if ((clickhouse.hits.get(database) ?? 0) > before + 2) suffer(undefined);
      }, 100);
      const again = await start();
      clearInterval(watching);
      expect(again.output()).toContain('trying again');
      await eventually(() => figures(database), '100\t40\t50');
    });
  });
});

whenLong(() => {
  test.concurrent('a database belongs to one data directory, and a data directory to one store', async () => {
    await withMuster(async ({ dataDir, env, running }) => {
      const other = await temporaryData();
      expect((await runMuster(['up', '--port', '0', '--data', other], { env })).stderr).toContain('belongs to another data directory');
      await removeData(other);
      await running.stop();
      const typo = await runMuster(['slo', 'status', '--data', dataDir], { env: { MUSTER_CLICKHOUSE_URL: `${clickhouse.url}/mistyped` } });
      expect(typo.stderr).toContain('and this one (mistyped) is not it');
      const embedded = await runMuster(['slo', 'status', '--data', dataDir], { env: { MUSTER_CLICKHOUSE_URL: '' } });
      expect(embedded.stderr).toContain('are in a ClickHouse server');
      const wrong = await runMuster(['slo', 'status', '--data', dataDir], { env: { MUSTER_CLICKHOUSE_URL: 'http://localhost/a/b' } });
      expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('MUSTER_CLICKHOUSE_URL') });
    });
  });
});
