/** The evaluator over a real store: what it writes down, goes on with, and refuses to be confused by. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sloNamed } from '../../../src/slo/definition/openslo.ts';
import { createEvaluator } from '../../../src/slo/evaluate/evaluator.ts';
import { addMaintenance, removeMaintenance } from '../../../src/slo/evaluate/maintenance.ts';
import { backtest, loadPast, suggest } from '../../../src/slo/inquiry/backtest.ts';
import { sloDetail } from '../../../src/slo/inquiry/budget.ts';
import { causeName, causeText, explain, leadingCause } from '../../../src/slo/inquiry/explain.ts';
import { type SloStatus, sloStatus } from '../../../src/slo/measure/status.ts';
import { recordCoverage, uncoveredMinutes } from '../../../src/store/records/coverage.ts';
import { whenLong, whenShort } from '../../support/scale.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.UTC(2026, 2, 4, 12);

let services: TestServices;
let n = 0;
beforeAll(async () => {
  services = await testServices();
});
afterAll(async () => {
  await services.dispose();
});

const attempt = (atMs: number, isGood: boolean, fields: object = {}) => {
  const attempt_id = `a${++n}`;
  const base = { source: 'hand', attempt_id, user: `user-${n}@example.org`, ...fields };
  return [
    { id: `s${n}`, type: 'enrollment.started', time: new Date(atMs).toISOString(), ...base },
    {
      id: `e${n}`,
      type: isGood ? 'enrollment.completed' : 'enrollment.failed',
      time: new Date(atMs + 5_000).toISOString(),
      ...base,
      ...(!isGood && { error_class: 'provider', error_code: 'undelivered' }),
    },
  ];
};
const flow = (
  fromMs: number,
  minutes: number,
  perMinute: number,
  isGood: (minute: number, i: number) => boolean,
  fields = (_i: number): object => ({}),
) =>
  Array.from({ length: minutes * perMinute }, (_, k) => {
    const [minute, i] = [Math.floor(k / perMinute), k % perMinute];
    return attempt(fromMs + minute * MINUTE + i * 1_000, isGood(minute, i), fields(i));
  }).flat();

const problems: string[] = [];
const evaluator = (now: () => number) =>
  createEvaluator({
    engine: services.store.engine,
    slos: services.slos,
    now,
    onProblem: (message) => problems.push(message),
  });
const m1 = async (atMs: number) => (await sloStatus(services.store.engine, services.slos, atMs)).find(({ sli }) => sli === 'M1');
/** The page of an SLO: the pair that tells of it, or the first of them. */
const page = (status: Pick<SloStatus, 'alerts'> | undefined) =>
  status?.alerts.find(({ severity, state }) => severity === 'page' && state === 'firing') ??
  status?.alerts.find(({ pair }) => pair === '1');

whenShort(() => {
  test('a store without a single event has defined figures, and no NaN', async () => {
    const { statuses, figures } = await evaluator(() => NOON - 30 * 24 * HOUR).evaluate();
    expect(statuses).toHaveLength(services.slos.length);
    expect(JSON.stringify(statuses)).not.toMatch(/NaN|Infinity/);
    for (const { sliValue, kind, errorBudgetRemaining } of statuses) {
      expect([kind, sliValue]).toEqual([kind, kind === 'count' ? 0 : null]);
      expect(errorBudgetRemaining).toBeNull();
    }
    expect([...figures.coverage.values()].every((share) => share === 1)).toBe(true);
  });
});

whenShort(() => {
  describe('an outage of half an hour', () => {
    // Ten attempts a minute, all of which fail from 12:00 to 12:30; nothing after 13:00.
    beforeAll(async () => {
      await takeIn(
        services,
        flow(
          NOON - 2 * HOUR,
          180,
          10,
          (minute) => minute < 120 || minute >= 150,
          (i) => ({ region: i < 6 ? 'eu' : 'us', provider: 'sms-a', deployment: 'v1' }),
        ),
      );
    });

    test('what the evaluator used and decided is in the tables, equal to the status', async () => {
      const at = NOON + 25 * MINUTE;
      const { statuses } = await evaluator(() => at + 30_000).evaluate();
      const rows = await services.store.read.rows<{
        window: string;
        good: number;
        bad: number;
        users_bad: number;
        coverage: number;
        objective: number;
      }>(
        `SELECT window, toUInt32(good) AS good, toUInt32(bad) AS bad, users_bad, coverage, objective FROM alert_inputs WHERE slo = 'enrollment-success' AND at = toDateTime(${at / 1_000}, 'UTC')`,
      );
      const status = statuses.find(({ sli }) => sli === 'M1');
      expect(rows).toHaveLength(7);
      for (const { window, good, bad, users_bad, coverage, objective } of rows) {
        expect([window, good, good + bad, users_bad]).toEqual([window, ...Object.values(status?.windows[window] ?? {})]);
        expect([coverage, objective]).toEqual([1, 0.98]);
      }
      expect(rows.find(({ window }) => window === '1h')).toMatchObject({ bad: 250, users_bad: 250 });
      expect(
        await services.store.read.rows(
          `SELECT state, severity FROM alert_states WHERE slo = 'enrollment-success' AND severity = 'page' AND at = toDateTime(${at / 1_000}, 'UTC')
          ORDER BY state`,
        ),
      ).toEqual([
        { state: 'firing', severity: 'page' },
        { state: 'joined', severity: 'page' },
      ]);
    });

    test('a new process goes on with what the last one held, and its past says the same', async () => {
      let now = NOON + 28 * MINUTE;
      const first = evaluator(() => now);
      const before = page((await first.evaluate()).statuses.find(({ sli }) => sli === 'M1'));
      expect(before?.state).toBe('firing');
      await first.stop();
      now += MINUTE;
      const after = page((await evaluator(() => now).evaluate()).statuses.find(({ sli }) => sli === 'M1'));
      expect(after).toEqual({ ...before, evidence: { bad: 290, usersBad: 290 } });
      expect(page(await m1(now))?.since).toBe(before?.since);
    });

    test('it waits for the flow to be seen working, then for what has stopped; and a clock that jumps back takes nothing back', async () => {
      let now = NOON + 36 * MINUTE;
      const running = evaluator(() => now);
      const pageNow = async () => page((await running.evaluate()).statuses.find(({ sli }) => sli === 'M1'));
      expect(await pageNow()).toMatchObject({ pair: '2', state: 'firing', since: new Date(NOON).toISOString(), ends: null });
      // The half hour of pair 2 is well from 12:59 on; then nothing comes any more.
      now = NOON + 59 * MINUTE;
      expect(await pageNow()).toMatchObject({ state: 'firing', ends: { since: new Date(now).toISOString(), seen: 0 } });
      now = NOON + 95 * MINUTE;
      expect(await pageNow()).toMatchObject({ state: 'firing', ends: { needed: null, seen: null } });
      now += 6 * HOUR;
      const resolved = await running.evaluate();
      expect(page(resolved.statuses.find(({ sli }) => sli === 'M1'))?.state).toBe('no_traffic');
      now -= 20 * MINUTE;
      const again = await running.evaluate();
      expect(again.atMs).toBe(resolved.atMs);
      expect(again.statuses).toEqual(resolved.statuses);
      expect(problems).toEqual([expect.stringMatching(/^the clock went back by 20 min: windows end at 2026-03-04T19:35/)]);
    });

    test('explain names the provider and region that account for it, with attempts that failed', async () => {
      await takeIn(
        services,
        flow(
          NOON,
          30,
          5,
          () => true,
          () => ({ region: 'us', provider: 'sms-b', deployment: 'v1' }),
        ),
      );
      const slo = sloNamed(services.slos, 'enrollment-success');
      const nowMs = NOON + 30 * MINUTE;
      const rows = await explain(services.store.engine, slo.sli, {
        when: { fromMs: NOON, toMs: nowMs },
        baseline: { fromMs: NOON - 30 * MINUTE, toMs: NOON },
        nowMs,
      });
      expect(rows[0]).toMatchObject({
        dimension: 'provider',
        value: 'sms-a',
        bad: 300,
        total: 300,
        excess: 300,
        excessShare: 1,
        isSignificant: true,
      });
      expect(rows[0]?.examples).toHaveLength(3);
      expect(rows[0]?.examples[0]).toMatch(/^hand\/a\d+$/);
      const cause = leadingCause(rows);
      expect(cause && causeText(cause)).toBe('provider sms-a accounts for 100 % of the excess failures (300 of 300 failed).');
      // A value may hold commas of its own.
      expect(causeName({ dimension: 'region,segment', values: ['eu', 'Sales, EMEA'], share: 1, bad: 1, total: 1 })).toBe(
        'region eu and segment Sales, EMEA',
      );
      // Nothing failed in the hour before against the one before that.
      expect(
        await explain(services.store.engine, slo.sli, {
          when: { fromMs: NOON - HOUR, toMs: NOON },
          baseline: { fromMs: NOON - 2 * HOUR, toMs: NOON - HOUR },
          nowMs,
        }),
      ).toEqual([]);
      await expect(
        explain(services.store.engine, sloNamed(services.slos, 'pending-backlog').sli, {
          when: { fromMs: 0, toMs: 1 },
          baseline: { fromMs: 0, toMs: 1 },
          nowMs,
        }),
      ).rejects.toThrow(/M3 is not a ratio/);
    });

    test('a backtest gives its page, and a laxer objective none', async () => {
      const slo = sloNamed(services.slos, 'enrollment-success');
      const past = await loadPast(services.store.engine, slo, NOON - 2 * HOUR, NOON + 2 * HOUR);
      const strict = await backtest(slo, past);
      expect(strict).toMatchObject({ good: 1_650, total: 1_950 });
      expect(strict.budgetSpent).toBeCloseTo(300 / (1_950 * 0.02), 9);
      expect(strict.episodes.filter(({ severity }) => severity === 'page')).toHaveLength(1);
      const [episode] = strict.episodes.filter(({ severity }) => severity === 'page');
      expect(Date.parse(String(episode?.start))).toBeGreaterThan(NOON);
      expect(Date.parse(String(episode?.start))).toBeLessThan(NOON + 25 * MINUTE);
      const { candidates } = await suggest(slo, past);
      expect(candidates.map(({ objective }) => objective)).toContain(0.98);
      for (const [laxer, stricter] of candidates.slice(1).map((each, i) => [candidates[i], each] as const))
        expect(Number(laxer?.budgetLeft)).toBeGreaterThan(Number(stricter.budgetLeft));
    });

    test('a late event restates history: as alerted and as settled stand side by side', async () => {
      const slo = sloNamed(services.slos, 'enrollment-success');
      // A completion that arrives late turns one of the failures at 12:10 good.
      const [, end] = attempt(NOON + 10 * MINUTE + 30_000, false, { attempt_id: 'late', id: 'late-end' });
      await takeIn(
        services,
        [{ ...end, id: 'late-start', type: 'enrollment.started', time: new Date(NOON + 10 * MINUTE).toISOString() }, end]
          .map((each) => ({ ...each, error_class: undefined, error_code: undefined }))
          .map((each) => JSON.parse(JSON.stringify(each)) as object),
      );
      const detail = await sloDetail(services.store.engine, slo, NOON + 2 * HOUR);
      expect(detail.history.some(({ by }) => by === 'alerted')).toBe(true);
      const restated = detail.restated.find(({ window }) => window === '6h');
      expect(Number(restated?.settled.total)).toBeGreaterThan(Number(restated?.alerted.total));
      expect((await sloDetail(services.store.engine, sloNamed(services.slos, 'time-to-enroll'), NOON + 2 * HOUR)).durations).toEqual({
        p50: 5_000,
        p95: 5_000,
        p99: 5_000,
      });
      expect(detail.burnDown[0]).toMatchObject({ left: 1 });
      const left = detail.burnDown.map((point) => point.left);
      expect(left).toEqual([...left].sort((a, b) => b - a));
    });

    test('maintenance mutes while it lasts, and its minutes count in no budget; taken away, they count again', async () => {
      const { engine } = services.store;
      const before = await m1(NOON + HOUR);
      const window = {
        slo: 'enrollment-success',
        startMs: NOON,
        endMs: NOON + 30 * MINUTE,
        reason: 'database upgrade',
        actorRef: 'somebody',
      };
      const { id } = await addMaintenance(engine, services.slos, window, Date.now());
      expect(page(await m1(NOON + 20 * MINUTE))).toMatchObject({ state: 'maintenance' });
      const during = await m1(NOON + HOUR);
      expect(Number(during?.total)).toBeLessThan(Number(before?.total));
      expect(Number(during?.total) - Number(during?.good)).toBe(0);
      expect(during?.excludedMinutes).toBe(30);
      // The hour's burn rate does not see the failures either, or it would page as soon as the work is done.
      expect(during?.burnRates['1h']).toBe(0);
      expect(Number(before?.burnRates['1h'])).toBeGreaterThan(10);
      expect(page(during)?.state).toBe('inactive');
      // Another SLO is not concerned.
      const others = await sloStatus(engine, services.slos, NOON + 20 * MINUTE);
      expect(page(others.find(({ sli }) => sli === 'M1S'))?.state).toBe('firing');
      await removeMaintenance(engine, id, Date.now() + 1);
      expect(await m1(NOON + HOUR)).toEqual(before);
      await expect(removeMaintenance(engine, id, Date.now() + 2)).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
      await expect(addMaintenance(engine, services.slos, { ...window, slo: 'nobody' }, 0)).rejects.toThrow(
        /no SLO is called "nobody"; there are enrollment-success/,
      );
      await expect(addMaintenance(engine, services.slos, { ...window, endMs: NOON }, 0)).rejects.toThrow(
        /end of maintenance must come after/,
      );
    });
  });
});

whenShort(() => {
  test('a front door that answers 500 pages by A1 and M1, and M6 does not look better for it', async () => {
    const at = NOON + 10 * 24 * HOUR;
    const requests = (fromMs: number, status: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({
        id: `q${++n}`,
        type: 'api.request',
        time: new Date(fromMs + i * 3_000).toISOString(),
        source: 'hand',
        operation: 'start',
        http_status: status,
        duration_ms: 4,
      }));
    await takeIn(services, [
      ...requests(at - HOUR, 201, 200),
      ...flow(at - HOUR, 10, 4, () => true),
      ...requests(at - 20 * MINUTE, 500, 399),
    ]);
    const statuses = await sloStatus(services.store.engine, services.slos, at);
    const of = (sli: string) => statuses.find((status) => status.sli === sli);
    expect(page(of('A1'))?.state).toBe('firing');
    expect(page(of('M1'))?.state).toBe('firing');
    expect(of('M6')?.windows['1h']).toMatchObject({ good: 200, total: 599 });
  });
});

whenLong(() => {
  test('a thousand values in a split change no whole, and every one is kept', async () => {
    const at = NOON + 20 * 24 * HOUR;
    await takeIn(
      services,
      flow(
        at,
        10,
        100,
        () => true,
        () => ({}),
      ).map((event, i) => ({ ...event, deployment: `v${Math.floor(i / 2)}` })),
    );
    const [row] = await services.store.read.rows<{ values: number; total: number }>(
      `SELECT toUInt32(uniqExact(value)) AS values, toUInt32(sum(total)) AS total FROM sli_minutes WHERE sli = 'M1' AND dimension = 'deployment' AND minute >= toDateTime(${at / 1_000}, 'UTC')`,
    );
    expect(row).toEqual({ values: 1_000, total: 1_000 });
    expect((await m1(at + HOUR))?.windows['1h']).toMatchObject({ good: 1_000, total: 1_000 });
  });
});

whenShort(() => {
  describe('coverage', () => {
    test('a gap uncovers the minutes of which it takes more than 15 seconds', () => {
      const at = (minutes: number, seconds: number) => NOON + minutes * MINUTE + seconds * 1_000;
      const first = NOON / MINUTE;
      expect(uncoveredMinutes(at(0, 10), at(0, 20))).toMatchObject({ from: first + 1, to: first });
      expect(uncoveredMinutes(at(0, 50), at(2, 5))).toEqual({ from: first + 1, to: first + 2 });
      expect(uncoveredMinutes(at(0, 30), at(2, 30))).toEqual({ from: first, to: first + 3 });
    });

    test('what a process missed since the last one is uncovered; before the first start everything is covered', async () => {
      const at = NOON + 30 * 24 * HOUR;
      let now = at;
      let lag = 0;
      const open = () =>
        recordCoverage({
          session: services.store.engine.session('evaluate'),
          alivePath: `${services.dataDir}/alive-test`,
          now: () => now,
          lagSeconds: () => lag,
          onProblem: (message) => {
            throw new Error(message);
          },
        });
      const missing = async () =>
        (
          await services.store.read.rows<{ m: number }>(
            `SELECT toUInt32((toUnixTimestamp(minute) - ${at / 1_000}) / 60) AS m FROM coverage_minutes WHERE minute >= toDateTime(${at / 1_000}, 'UTC') AND NOT covered ORDER BY minute`,
          )
        ).map(({ m }) => m);
      const first = open();
      await first.start();
      await first.stop();
      expect(await missing()).toEqual([]);
      now = at + 3 * MINUTE + 40_000;
      const second = open();
      await second.start();
      await second.stop();
      // Down from 0:00 to 3:40: of minute 3 it took 40 seconds.
      expect(await missing()).toEqual([0, 1, 2, 3]);
      lag = 90;
      now += 10_000;
      const third = open();
      await third.start();
      now += 14_000;
      await third.stop();
      lag = 0;
      // Back within a minute, nothing was missed: who sent meanwhile sent again.
      now = at + 4 * MINUTE + 45_000;
      const fourth = open();
      await fourth.start();
      await fourth.stop();
      expect(await missing()).toEqual([0, 1, 2, 3]);
      now = at + 6 * MINUTE + 20_000;
      const fifth = open();
      await fifth.start();
      await fifth.stop();
      expect(await missing()).toEqual([0, 1, 2, 3, 5, 6]);
    });
  });
});
