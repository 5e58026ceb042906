/** The simulator and the store, which share no code, say the same of the same history. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseFault } from '../../src/lab/faults.ts';
import type { SimulatedEvent } from '../../src/lab/scenario.ts';
import { simulate, type Truth } from '../../src/lab/simulate.ts';
import { WINDOW_NAMES } from '../../src/names.ts';
import { figuresAt } from '../../src/slo/measure/figures.ts';
import { sloStatus } from '../../src/slo/measure/status.ts';
import { whenLong, whenShort } from '../support/scale.ts';
import { type TestServices, testServices } from '../support/store.ts';

const END_MS = Date.UTC(2026, 2, 5, 12);
const scenario = (seed: number) => ({
  seed,
  days: 4,
  perDay: 2_000,
  endMs: END_MS,
  faults: [parseFault('provider_outage@-20h+90m', END_MS), parseFault('migration_break@-50m+50m', END_MS)],
});
const eventsOf = (seed: number): { events: SimulatedEvent[]; truth: Truth } => {
  const { days, truth } = simulate(scenario(seed));
  const events = [...days].flatMap((day) => day.events);
  return { events, truth: truth() };
};

let services: TestServices;
const { events, truth } = eventsOf(5);
beforeAll(async () => {
  services = await testServices();
  for (let from = 0; from < events.length; from += 5_000) {
    await services.intake.accept(
      events.slice(from, from + 5_000).map((value) => ({ value })),
      'import',
    );
    // Attempts are cut in the middle: what looked silent at first completes with the next batch.
    await services.drain();
  }
});
afterAll(async () => {
  await services.dispose();
});

whenShort(() => {
  test('the same seed gives the same history, another seed another one', () => {
    expect(eventsOf(5).events).toEqual(events);
    expect(eventsOf(6).events.length).not.toBe(events.length);
  });
});

whenShort(() => {
  test('every window of every SLI is equal to the truth', async () => {
    const { bySlo } = await figuresAt(services.store.engine, services.slos, END_MS);
    for (const slo of services.slos) {
      const id = slo.sli.id as 'M1';
      if (!truth.windows['5m']?.[id]) continue;
      const figures = bySlo.get(slo.name);
      for (const window of WINDOW_NAMES) {
        const { good, total } = figures?.windows.get(window) ?? { good: -1, total: -1 };
        expect([id, window, [good, total]]).toEqual([id, window, truth.windows[window]?.[id]]);
      }
      expect([id, '30d', Object.values(figures?.whole ?? {})]).toEqual([id, '30d', truth.windows['30d']?.[id]]);
    }
  });
});

whenShort(() => {
  test('splits of a minute add up to the whole', async () => {
    const rows = await services.store.read.rows<{ sli: string; dimension: string; good: string; total: string }>(
      'SELECT sli, dimension, sum(good) AS good, sum(total) AS total FROM sli_minutes GROUP BY sli, dimension ORDER BY sli, dimension',
    );
    // What goes by slices is judged anew in each split, and adds up to nothing.
    for (const row of rows.filter(({ sli }) => sli !== 'M3' && sli !== 'M8')) {
      const whole = rows.find(({ sli, dimension }) => sli === row.sli && dimension === '');
      expect([row.sli, row.dimension, row.good, row.total]).toEqual([row.sli, row.dimension, whole?.good, whole?.total]);
    }
    expect(rows.filter(({ sli }) => sli === 'M1').map(({ dimension }) => dimension)).toEqual([
      '',
      'client_version',
      'deployment',
      'factor_type',
      'provider',
      'region',
      'segment',
    ]);
  });
});

whenLong(() => {
  test('a broken deploy pages within the hour; the hours before it are quiet', async () => {
    const pages = async (atMs: number) =>
      (await sloStatus(services.store.engine, services.slos, atMs))
        .find(({ sli }) => sli === 'M1')
        ?.alerts.filter(({ severity, state }) => severity === 'page' && state === 'firing');
    expect(await pages(END_MS - 55 * 60_000)).toEqual([]);
    // Every second attempt fails, so five minutes may look better by chance: some minute of the last ten pages.
    const firing = (await Promise.all(Array.from({ length: 10 }, (_, minute) => pages(END_MS - minute * 60_000)))).flatMap(
      (found) => found ?? [],
    );
    expect(firing.length).toBeGreaterThan(0);
    // It burns since the deploy, to a minute or two of chance.
    for (const { since } of firing) expect(Math.abs(Date.parse(String(since)) - (END_MS - 50 * 60_000))).toBeLessThanOrEqual(120_000);
  });
});

test('a fault that is written wrongly is refused with an example', () => {
  for (const text of ['', 'provider_outage', 'nonsense@-1d+5m', 'provider_outage@yesterday+5m', 'provider_outage@-1d+5 minutes']) {
    expect(() => parseFault(text, END_MS)).toThrow(/expected NAME@T\+DURATION such as provider_outage@-2d\+45m/);
  }
  expect(parseFault('provider_outage@2026-03-01T00:00:00Z+2h', END_MS)).toMatchObject({
    startMs: Date.UTC(2026, 2, 1),
    endMs: Date.UTC(2026, 2, 1, 2),
  });
});
