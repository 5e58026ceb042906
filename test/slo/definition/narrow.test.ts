/** SLOs of a part: counted exactly like the whole, live, when they are added later, and before they go live. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { FAULTS, type Fault } from '../../../src/lab/faults.ts';
import { simulate } from '../../../src/lab/simulate.ts';
import { type Slo, sloNamed, slosIn } from '../../../src/slo/definition/openslo.ts';
import { backtest, loadPast, suggest } from '../../../src/slo/inquiry/backtest.ts';
import { explain } from '../../../src/slo/inquiry/explain.ts';
import { gateOf } from '../../../src/slo/inquiry/gate.ts';
import { trialPast, trialStatus } from '../../../src/slo/inquiry/trial.ts';
import { countHistory } from '../../../src/slo/measure/counted-history.ts';
import { loadHistory } from '../../../src/slo/measure/history.ts';
import { sloStatus } from '../../../src/slo/measure/status.ts';
import { documentOf } from '../../support/slo.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const DAY = 86_400_000;
const END = Date.UTC(2026, 2, 4);
const START = END - 2 * DAY;

/** An SLO of an SLI with a part of its metric source replaced. */
function part(name: string, sli: string, more: Record<string, unknown>, spec: Record<string, unknown> = {}) {
  const metric = (outcome: string) => ({ metricSource: { type: 'Muster', spec: { sli, outcome, ...more } } });
  return documentOf(
    { indicator: { metadata: { name: sli }, spec: { ratioMetric: { good: metric('good'), total: metric('total') } } }, ...spec },
    name,
    sli,
  );
}
const sliced = { budgetingMethod: 'Timeslices', alertPolicies: [] };

const DOCUMENTS = [
  part('eu', 'M1', { where: { region: 'eu-west' } }),
  part('not-eu', 'M1', { where: { region: { not: 'eu-west' } } }),
  part('eu-by-message', 'M1', { where: { region: 'eu-west', factor_type: ['sms', 'voice', 'email'] } }),
  part('eu-by-device', 'M1', { where: { factor_type: { not: ['sms', 'voice', 'email'] }, region: { in: ['eu-west'] } } }),
  part('odd', 'M1', { where: { segment: "it's \\ 'odd' -- /* ; DROP TABLE events" } }),
  part('quick', 'M2', { threshold: '30s' }),
  part('quick-eu', 'M2', { threshold: '30s', where: { region: { equals: 'eu-west' } } }),
  part('fast', 'M6', { threshold: '150ms' }),
  part('fast-cold', 'M6', { where: { cold_start: true } }),
  part('fast-verify', 'M6', { where: { operation: 'verify' } }),
  part('backlog-eu', 'M3', { where: { region: 'eu-west' } }, { ...sliced, objectives: [{ target: 0.99 }] }),
  part('tickets-eu', 'M8', { where: { region: 'eu-west' } }, { ...sliced, objectives: [{ target: 0.95 }] }),
];

let folder: string;
let file: string;
let services: TestServices;
let parts: Slo[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-parts-'));
  file = join(folder, 'parts.yaml');
  await writeFile(file, DOCUMENTS.map((document) => stringify(document)).join('---\n'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** One process has one store: what needs this one stands together. */
async function openParts() {
  services = await testServices({ now: () => END, environment: { MUSTER_SLO: file } });
  const [outage] = FAULTS as [Fault];
  const faults = [{ fault: outage, startMs: START + DAY / 2, endMs: START + DAY / 2 + 7_200_000 }];
  const { days } = simulate({ seed: 5, days: 2, perDay: 2_000, endMs: END, faults });
  for (const { events } of days) await takeIn(services, events);
  parts = services.slos;
}

const slo = (name: string) => sloNamed(parts, name);
const status = async (name: string) => {
  const [found] = await sloStatus(services.store.engine, [slo(name)], END);
  return { good: found?.good, total: found?.total };
};
const rows = <Row>(sql: string) => services.store.read.rows<Row>(sql);
const inSplit = async (sli: string, dimension: string, value: string) =>
  (
    await rows<{ good: number; total: number }>(
      `SELECT toUInt32(sum(good)) AS good, toUInt32(sum(total)) AS total FROM sli_minutes WHERE sli = '${sli}' AND dimension = '${dimension}' AND value = '${value}'`,
    )
  )[0];
const counted = async (sql: string) => (await rows<{ good: number; total: number }>(sql))[0];

describe('live', () => {
  beforeAll(openParts);
  afterAll(() => services.dispose());

  describe('a part is counted like the whole', () => {
    test('one value is what the whole has in its split', async () => {
      const eu = await status('eu');
      expect(eu).toEqual(await inSplit('M1', 'region', 'eu-west'));
      expect(Number(eu.total)).toBeGreaterThan(500);
      // Without a table of their own nothing of slices could be told by two labels; by one, the splits say the same.
      expect(await status('backlog-eu')).toEqual(await inSplit('M3', 'region', 'eu-west'));
      expect(await status('tickets-eu')).toEqual(await inSplit('M8', 'region', 'eu-west'));
      expect(await status('fast-cold')).toEqual(await inSplit('M6', 'cold_start', 'true'));
    });

    test('what a part leaves out is in the other part', async () => {
      const whole = await inSplit('M1', '', '');
      const [eu, others, message, device] = await Promise.all(['eu', 'not-eu', 'eu-by-message', 'eu-by-device'].map(status));
      expect({ good: Number(eu?.good) + Number(others?.good), total: Number(eu?.total) + Number(others?.total) }).toEqual(whole);
      expect({ good: Number(message?.good) + Number(device?.good), total: Number(message?.total) + Number(device?.total) }).toEqual(eu);
      expect(Number(message?.total)).toBeGreaterThan(0);
    });

    test('labels together, thresholds and operations are those of the documented tables', async () => {
      const users = `traffic = 'user'`;
      const completed = `${users} AND observed = 'full' AND result = 'completed' AND duration_ms >= 0`;
      expect(await status('eu-by-message')).toEqual(
        await counted(
          `SELECT toUInt32(countIf(result = 'completed')) AS good, toUInt32(count()) AS total FROM attempts
         WHERE ${users} AND observed = 'full' AND settled_at IS NOT NULL AND region = 'eu-west' AND factor_type IN ('sms', 'voice', 'email')`,
        ),
      );
      for (const [name, and] of [['quick', ''] as const, ['quick-eu', ` AND region = 'eu-west'`] as const])
        expect(await status(name)).toEqual(
          await counted(
            `SELECT toUInt32(countIf(duration_ms <= 30000)) AS good, toUInt32(count()) AS total FROM attempts WHERE ${completed}${and}`,
          ),
        );
      const requests = `FROM events_v WHERE traffic = 'user' AND type = 'api.request' AND http_status IS NOT NULL AND duration_ms IS NOT NULL`;
      for (const [name, ms, and] of [['fast', 150, ''] as const, ['fast-verify', 500, ` AND operation = 'verify'`] as const])
        expect(await status(name)).toEqual(
          await counted(
            `SELECT toUInt32(countIf(http_status < 500 AND duration_ms < ${ms})) AS good, toUInt32(count()) AS total ${requests}${and}`,
          ),
        );
      expect(await status('odd')).toEqual({ good: 0, total: 0 });
    });

    test('the status names the SLI that people know, and explain looks at the part alone', async () => {
      const [found] = await sloStatus(services.store.engine, [slo('quick-eu')], END);
      expect(found?.sli).toBe('M2');
      expect(slo('quick-eu').sli.meaning).toBe('completed in 30 s or less, where region eu-west');
      const when = { fromMs: START + DAY / 2, toMs: START + DAY / 2 + 7_200_000 };
      const causes = await explain(services.store.engine, slo('eu').sli, {
        when,
        baseline: { fromMs: START, toMs: when.fromMs },
        nowMs: END,
      });
      expect(causes[0]?.dimension.split(',')).toContain('provider');
      expect(causes.filter(({ dimension }) => dimension === 'region').map(({ value }) => value)).toEqual(['eu-west']);
    });
  });

  describe('before it goes live', () => {
    test.each(['eu', 'not-eu', 'eu-by-device', 'quick-eu', 'fast', 'fast-cold', 'backlog-eu', 'tickets-eu'])(
      '%s has the minutes and users that it has live',
      async (name) => {
        const { sli } = slo(name);
        const session = services.store.engine.session('panels');
        const stored = (await loadHistory(session, [sli.id], START - DAY, END)).get(sli.id);
        const found = await countHistory(session, sli, START - DAY, END, END);
        expect(found.good).toEqual(stored?.good);
        expect(found.total).toEqual(stored?.total);
        expect(found.total.some((total) => total > 0)).toBe(true);
        const sorted = (users: NonNullable<typeof stored>['users']) =>
          [...users].sort(([a], [b]) => a - b).map(([minute, hit]) => [minute, [...hit.users].sort(), hit.anonymous]);
        expect(sorted(found.users)).toEqual(sorted(stored?.users ?? new Map()));
      },
    );

    test('backtest, suggestion and gate say what they say of one that is live', async () => {
      const { engine } = services.store;
      const eu = slo('eu');
      const [live, tried] = [await loadPast(engine, eu, START, END), await trialPast(engine, eu, START, END, END)];
      expect(await backtest(eu, tried)).toEqual(await backtest(eu, live));
      expect((await backtest(eu, tried)).episodes.length).toBeGreaterThan(0);
      expect(await suggest(eu, tried)).toEqual(await suggest(eu, live));
      for (const one of [eu, slo('backlog-eu'), slo('tickets-eu')]) {
        const [known] = await sloStatus(engine, [one], END);
        const status = await trialStatus(engine, one, END);
        expect(status).toMatchObject({ good: known?.good, total: known?.total, errorBudgetRemaining: known?.errorBudgetRemaining });
        expect(gateOf(status)).toEqual(gateOf(known as typeof status));
      }
    });
  });
});

test('one that is added to a store counts its past; one that is taken away leaves nothing that looks current', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'muster-added-'));
  const open = (environment: NodeJS.ProcessEnv) => testServices({ now: () => END, dataDir, environment });
  const without = await open({});
  const { days } = simulate({ seed: 6, days: 1, perDay: 800, endMs: END, faults: [] });
  for (const { events } of days) await takeIn(without, events);
  await without.close();
  const added = await open({ MUSTER_SLO: file });
  expect(added.problems.join()).toMatch(/M1@\w+.*counted for the first time.*the past is counted too/);
  const [eu] = await sloStatus(added.store.engine, [sloNamed(added.slos, 'eu')], END);
  const [split] = await added.store.read.rows<{ total: number }>(
    `SELECT toUInt32(sum(total)) AS total FROM sli_minutes WHERE sli = 'M1' AND dimension = 'region' AND value = 'eu-west'`,
  );
  expect(eu?.total).toBe(split?.total);
  expect(eu?.total).toBeGreaterThan(100);
  await added.close();
  const removed = await open({});
  const left = () => removed.store.read.rows(`SELECT DISTINCT sli FROM sli_minutes WHERE position(sli, '@') > 0`);
  for (let tries = 0; tries < 100 && (await left()).length > 0; tries++) await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await left()).toEqual([]);
  await removed.dispose();
});

describe('what cannot be counted is refused', () => {
  const read = (document: object) => slosIn([{ name: 'x.yaml', text: stringify(document) }]);
  test.each([
    [
      { where: { regoin: 'eu' } },
      /x\.yaml:\d+: spec\.indicator\.spec\.ratioMetric\.good\.metricSource\.spec\.where\.regoin: M1 has no such label; did you mean region\?/,
    ],
    [{ where: { user_ref: 'x' } }, /M1 has no such label/],
    [{ where: { cold_start: true } }, /M1 has no such label/],
    [{ where: {} }, /expected at least one label/],
    [{ where: { region: [] } }, /expected at least one value/],
    [{ where: { region: { like: 'eu' } } }, /unknown field "like"/],
    [{ where: { region: { not: 'eu', in: ['us'] } } }, /expected one of equals, in and not/],
    [{ where: { region: { not: { not: 'eu' } } } }, /expected a value/],
    [{ where: { region: 'eu\n' } }, /control characters/],
    [{ where: { region: '{{ x }}' } }, /must not contain/],
    [{ where: { region: 'x'.repeat(65) } }, /65|64|too (big|long)/i],
    [{ where: { region: Array.from({ length: 51 }, (_, i) => `r${i}`) } }, /at most 50 values/],
    [{ where: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`l${i}`, 'x'])) }, /at most 8 labels/],
    [{ where: ['region'] }, /expected labels with their values/],
    [{ threshold: '30s' }, /M1 has no threshold; M2 and M6 have one/],
    [{ region: 'eu-west' }, /unknown field "region"/],
  ])('%j', (more, message) => {
    expect(() => read(part('x', 'M1', more))).toThrow(message);
  });
  test.each([30, '30', '0s', '2h', '61m', '-5s'])('a threshold of %j', (threshold) => {
    expect(() => read(part('x', 'M2', { threshold }))).toThrow(/duration with its unit|at most an hour/);
  });
  test('a good and a total of different parts, and a label that the backlog does not keep', () => {
    const metric = (outcome: string, region: string) => ({
      metricSource: { type: 'Muster', spec: { sli: 'M1', outcome, where: { region } } },
    });
    const indicator = { metadata: { name: 'M1' }, spec: { ratioMetric: { good: metric('good', 'eu'), total: metric('total', 'us') } } };
    expect(() => read(documentOf({ indicator }))).toThrow(/good and total have different where or threshold/);
    expect(() => read(part('x', 'M3', { where: { tenant: 'a' } }, { ...sliced, objectives: [{ target: 0.9 }] }))).toThrow(
      /M3 has no such label/,
    );
  });
  test('the threshold that an SLI has anyway, and labels in another order, are the same SLI', () => {
    expect(read(part('x', 'M2', { threshold: '60s' }))[0]?.sli.id).toBe('M2');
    const [a, b] = [
      { region: ['a', 'b'], segment: 'x' },
      { segment: 'x', region: ['b', 'a', 'a'] },
    ].map((where) => read(part('x', 'M1', { where }))[0]?.sli.id);
    expect(a).toBe(b);
    expect(a).toMatch(/^M1@[0-9a-f]{10}$/);
  });
});
