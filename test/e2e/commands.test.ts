/** The commands about SLOs, as a user types them: without a running process, and the same answers from one. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseFault } from '../../src/lab/faults.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { SLIS } from '../../src/slo/slis/index.ts';
import { opened } from '../../src/store/records/finding-life.ts';
import { MAX_LISTED, writeFindings } from '../../src/store/records/findings.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { scaled, whenShort } from '../support/scale.ts';
import { testServices } from '../support/store.ts';

const WEEK = 7 * 86_400_000;
/** The last Wednesday at noon (UTC): traffic follows hour and weekday, and with them goes what the alerts do. */
const END = Math.floor((Date.now() - 3_600_000 + 12 * 3_600_000) / WEEK) * WEEK - 12 * 3_600_000;
const iso = (ms: number) => new Date(ms).toISOString();
let data: string;
let elsewhere: string;
let muster: Running | undefined;

beforeAll(async () => {
  data = await temporaryData();
  elsewhere = await temporaryData();
  const faults = [parseFault('provider_outage@-14h+3h', END), parseFault('migration_break@-5h+90m', END)];
  const { days } = simulate({ seed: 3, days: 2, perDay: 4_000, endMs: END, faults });
  const file = join(elsewhere, 'history.ndjson');
  await writeFile(file, [...days].flatMap((day) => day.events.map((event) => JSON.stringify(event))).join('\n'));
  const imported = await runMuster(['import', 'muster', file, '--data', data]);
  expect(imported).toMatchObject({ status: 0 });
});
afterAll(async () => {
  await muster?.stop();
  await removeData(data);
  await removeData(elsewhere);
});

const OUTAGE = ['--from', iso(END - 14 * 3_600_000), '--to', iso(END - 11 * 3_600_000)];
const range = ['--from', iso(END - 86_400_000), '--to', iso(END)];

whenShort(() => {
  test('a command that is run while up starts waits for it, and is answered by it', async () => {
    const starting = startMuster(data);
    // The one that comes first opens the store, and the other waits.
    const answers = await Promise.all(Array.from({ length: 3 }, () => runMuster(['slo', 'status', '--json', '--data', data])));
    const running = await starting;
    try {
      expect(answers.map(({ status, stdout }) => [status, JSON.parse(stdout).length])).toEqual(answers.map(() => [0, SLIS.length]));
      for (const { stderr } of answers) expect(stderr).toMatch(/^(muster: another Muster process is at work.*waiting for it\n)?$/);
    } finally {
      await running.stop();
    }
  });
});

describe.each(scaled(['without a running process'], ['through a running process']))('%s', (how) => {
  beforeAll(async () => {
    if (how.startsWith('through')) muster = await startMuster(data);
  });
  const run = (...parameters: string[]) => runMuster([...parameters, '--data', data]);
  const json = async <T>(...parameters: string[]) => JSON.parse((await run(...parameters, '--json')).stdout) as T;

  test('slo status fits 100 columns and says what to do next; --json is the contract', async () => {
    const { stdout, stderr, status } = await run('slo', 'status', '--at', iso(END - 4 * 3_600_000));
    expect([status, stderr]).toEqual([0, '']);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(stdout).toMatch(
      /Paging · budget left −\d+ %.*\n {2}\d+ bad of [\d,]+ in \w+ \(pair \d\)\n {2}burn(?:s|ed) since \d\d:\d\d UTC on [\d-]+, fired at .*\n/,
    );
    // What it says to do next runs as it stands there, and finds the cause.
    const [, next = ''] = /next: muster ((?:.*\\\n)*.*--baseline-to \S+)/.exec(stdout) ?? [];
    const found = await run(...next.replaceAll('\\\n', ' ').trim().split(/\s+/));
    expect([found.status, found.stderr]).toEqual([0, '']);
    expect(found.stdout).toMatch(/^ {2,}excess of all\s+failed\s+where\n.*\d+ of \d+\s+\w+=/);
    const statuses = await json<Record<string, unknown>[]>('slo', 'status', '--at', iso(END - 4 * 3_600_000));
    expect(statuses.map(({ sli }) => sli)).toEqual(SLIS.map(({ id }) => id));
    for (const each of statuses) {
      expect(Object.keys(each)).toEqual(
        expect.arrayContaining([
          'slo',
          'sli',
          'kind',
          'objective',
          'window',
          'good',
          'total',
          'sliValue',
          'errorBudgetRemaining',
          'burnRates',
          'alerts',
        ]),
      );
    }
  });

  test('a time without a zone is UTC, wherever the machine is', async () => {
    const sql = "SELECT toUnixTimestamp(toDateTime('2026-01-01 00:00:00')) AS at, timezone() AS zone";
    const { stdout } = await runMuster(['query', sql, '--data', data], { env: { TZ: 'America/New_York' } });
    expect(JSON.parse(stdout)).toEqual({ at: 1_767_225_600, zone: 'UTC' });
  });

  test('explain names the provider that failed', async () => {
    const [first] = await json<{ dimension: string; value: string; bad: number; total: number; excess: number; excessShare: number }[]>(
      'explain',
      '--slo',
      'enrollment-success',
      ...OUTAGE,
    );
    expect([first?.dimension, first?.value]).toEqual(['provider', 'sms-aurora']);
    expect(Number(first?.excessShare)).toBeGreaterThan(0.8);
    expect((await run('explain', '--slo', 'enrollment-success', ...OUTAGE)).stdout).toMatch(/provider=sms-aurora\n/);
  });

  test('attempt tells one attempt, event by event, and how it counted; one that nobody knows is named', async () => {
    const { stdout } = await run(
      'query',
      "SELECT attempt_id FROM attempts WHERE error_class = 'provider' AND provider = 'sms-aurora' ORDER BY settled_at LIMIT 1",
    );
    const { attempt_id: id } = JSON.parse(stdout) as { attempt_id: string };
    const told = await run('attempt', id);
    expect([told.status, told.stderr]).toEqual([0, '']);
    expect(told.stdout).toMatch(/^Failed after .*: provider, undelivered \(sms-\w+ in [a-z-]+\)\.\n/);
    expect(told.stdout).toMatch(/\n +\+0\.000 s {2}enrollment\.started/);
    expect(told.stdout).toMatch(/\n +\+3\d\.\d{3} s {2}enrollment\.failed +sms-\w+, failure, provider, undelivered\n/);
    expect(told.stdout).toMatch(/\n {2}enrollment-success +bad /);
    const detail = await json<{ traces: string[]; counted: { sli: string; good: number; total: number }[] }>(
      'attempt',
      id,
      '--source',
      'enrollment-api',
    );
    expect(detail.traces).toEqual([id.replaceAll('-', '')]);
    expect(detail.counted.filter(({ sli }) => ['M1', 'M2', 'M5'].includes(sli)).map(({ good, total }) => [good, total])).toEqual([
      [0, 1],
      [0, 0],
      [1, 1],
    ]);
    expect(await run('attempt', "no' OR 1")).toMatchObject({ status: 2, stderr: "muster: no attempt no' OR 1 is known\n" });
  });

  test('backtest has the page of the outage, and its cost', async () => {
    const { episodes, budgetSpent, slo, objective } = await json<{
      slo: string;
      objective: number;
      budgetSpent: number;
      episodes: { severity: string; start: string; end: string; budgetSpent: number }[];
    }>('slo', 'backtest', '--slo', 'enrollment-success', ...range);
    expect([slo, objective]).toEqual(['enrollment-success', 0.98]);
    // The time of day decides whether the provider's outage pages too; the broken migration always does.
    const page = episodes.find(({ severity, start }) => severity === 'page' && Date.parse(start) > END - 5 * 3_600_000);
    expect(page?.budgetSpent).toBeGreaterThan(0);
    expect(budgetSpent).toBeGreaterThan(1);
    expect(
      (await json<{ episodes: unknown[] }>('slo', 'backtest', '--slo', 'enrollment-success', ...range, '--objective', '0.5')).episodes,
    ).toEqual([]);
  });

  test('gate is closed where the budget is spent, with exit status 1, and open where it is not', async () => {
    const closed = await run('gate', '--slo', 'enrollment-success');
    expect(closed.status).toBe(1);
    expect(closed.stdout).toMatch(/^closed enrollment-success: no error budget is left over 30d/);
    expect(closed.stderr).toBe('muster: the gate is closed by enrollment-success\n');
    const open = await run('gate', '--slo', 'rollbacks', 'pending-backlog');
    expect([open.status, open.stderr]).toEqual([0, '']);
  });

  test('suggest, list, findings and maintenance answer', async () => {
    expect(await json<{ slo: string; candidates: unknown[] }[]>('slo', 'suggest', '--slo', 'api-latency')).toMatchObject([
      { slo: 'api-latency' },
    ]);
    // The history ends up to a week ago: at some hours of the week, the silence since then is a finding of its own.
    const findings = await json<{ detector: string }[]>('findings');
    expect(findings.filter(({ detector }) => detector !== 'traffic_stopped')).toEqual([]);
    const added = await json<{ id: string; slo: string; reason: string }>(
      'slo',
      'maintenance',
      'add',
      '--from',
      iso(END),
      '--to',
      iso(END + 60_000),
      '--reason',
      'test',
      '--actor',
      'me',
    );
    expect(added).toMatchObject({ slo: '*', reason: 'test' });
    expect(await json<{ id: string }[]>('slo', 'maintenance', 'list')).toMatchObject([{ id: added.id }]);
    expect((await run('slo', 'maintenance', 'remove', added.id)).status).toBe(0);
    expect(await json<unknown[]>('slo', 'maintenance', 'list')).toEqual([]);
  });

  test.each([
    ['an unknown SLO', ['explain', '--slo', 'nobody', ...OUTAGE], /no SLO is called "nobody"; there are enrollment-success/],
    ['a wrong time', ['explain', '--slo', 'enrollment-success', '--from', 'yesterday'], /--from yesterday: expected RFC 3339/],
    ['a count', ['explain', '--slo', 'rollbacks', ...OUTAGE], /M10 is not a ratio/],
    ['an objective of 1', ['slo', 'backtest', '--slo', 'api-latency', ...range, '--objective', '1'], /--objective: expected a ratio/],
    [
      'from after to',
      ['slo', 'backtest', '--slo', 'api-latency', '--from', iso(END), '--to', iso(END - 60_000)],
      /--from must be before --to/,
    ],
    [
      'maintenance that ends before it starts',
      ['slo', 'maintenance', 'add', '--from', iso(END), '--to', iso(END - 60_000), '--reason', 'x'],
      /end of maintenance must come after/,
    ],
    ['a route that is not configured', ['alert', 'test'], /no route is configured/],
  ])('%s is one clear sentence and exit status 2', async (_name, parameters, message) => {
    const { status, stderr } = await run(...parameters);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  });
});

whenShort(() => {
  test.each([MAX_LISTED - 1, MAX_LISTED + 5])('of %s findings it says whether the list has them all', async (count) => {
    const dataDir = await temporaryData();
    const services = await testServices({ dataDir });
    const found = {
      kind: 'security',
      detector: 'secret_exposure',
      severity: 'ticket',
      dimensions: {},
      evidence: { summary: 'a secret' },
    } as const;
    const all = Array.from({ length: count }, (_, n) => opened({ ...found, place: [`source-${n}`] }, Date.now() - n * 1_000));
    await writeFindings(services.store.engine, all, Date.now());
    await services.close();
    const { stdout, stderr } = await runMuster(['findings', '--json', '--data', dataDir]);
    expect(JSON.parse(stdout)).toHaveLength(Math.min(count, MAX_LISTED));
    if (count > MAX_LISTED) expect(stderr).toMatch(/the newest 1000, and there may be more/);
    else expect(stderr).toBe('');
    await removeData(dataDir);
  });
});

whenShort(() => {
  test('the help of Muster lists all commands, whatever stands behind it; that of a command is its own', async () => {
    const listed = async (...parameters: string[]) => (await runMuster(parameters)).stdout.match(/^ {2}[a-z]+ /gm)?.length ?? 0;
    const all = await listed('--help');
    expect(all).toBeGreaterThan(20);
    for (const parameters of [['help'], ['-h', 'slo'], ['--verbose', '--help', 'up']]) expect(await listed(...parameters)).toBe(all);
    expect((await runMuster(['--verbose', 'query', '--help'])).stdout).toContain('Usage: muster query');
    expect(await runMuster(['qery'])).toMatchObject({ status: 2, stderr: expect.stringContaining('Did you mean query?') });
  });
});
