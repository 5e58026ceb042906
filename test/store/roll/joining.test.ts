/** Records without a common id make the same attempts whatever order they come in, however they are cut into rolls, and wherever one crashes. */
import fc from 'fast-check';
import { test } from 'vitest';
import type { Event } from '../../../src/events/catalogue.ts';
import { scaled, whenLong } from '../../support/scale.ts';
import {
  BASE_MS,
  type Delivery,
  END_MS,
  equalsContract,
  HOUR_MS,
  onFreshDatabase,
  openRun,
  playOut,
  prepareStores,
  STEPS,
} from './crashing-store.ts';

const RUNS = scaled(30, 2);

prepareStores();

const seconds = (from: number, to: number) => fc.integer({ min: from, max: to }).map((s) => s * 1_000);
const record = fc.record({
  type: fc.constantFrom('started', 'started', 'challenge_issued', 'verification_failed', 'completed', 'completed', 'failed', 'cancelled'),
  user: fc.constantFrom('ada@example.org', 'ben@example.org'),
  source: fc.constantFrom('one', 'one', 'two'),
  factor_type: fc.option(fc.constantFrom('totp', 'sms'), { nil: undefined }),
  region: fc.option(fc.constantFrom('eu', 'us'), { nil: undefined }),
  // Dense enough that attempts follow each other within a window, and that ten minutes without any are there too.
  offset: fc.oneof(seconds(0, 1_800), seconds(0, 7_200)),
  /** Its place in the order of arrival. */
  arrives: fc.integer({ min: 0, max: 1_000_000 }),
});
const plan = fc.record({
  records: fc.array(record, { minLength: 20, maxLength: 40 }),
  batch: fc.integer({ min: 1, max: 5 }),
  actions: fc.array(
    fc.record({
      advance: seconds(0, 900),
      what: fc.oneof(fc.constant('roll'), fc.constant('wait'), fc.constantFrom(...STEPS)),
      merges: fc.boolean(),
      reopens: fc.boolean(),
    }),
    { minLength: 5, maxLength: 20 },
  ),
});

test(
  'joined attempts are those of the whole set of records',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ records, batch, actions }) => {
        const all = records.map(({ offset, type, arrives: _, ...rest }, n): Delivery => {
          const timeMs = BASE_MS + offset;
          const event = {
            ...rest,
            type: `enrollment.${type}`,
            id: `e${n}`,
            attempt_id: `joined:e${n}`,
            time: new Date(timeMs).toISOString(),
          };
          return {
            event: Object.fromEntries(Object.entries(event).filter(([, value]) => value !== undefined)) as unknown as Event,
            timeMs,
          };
        });
        const sequence = records
          .map(({ arrives }, n) => ({ arrives, event: all[n]?.event as Event }))
          .toSorted((a, b) => a.arrives - b.arrives)
          .map(({ event }) => event);
        await onFreshDatabase(async (name) => {
          const run = await openRun(name);
          const nowMs = await playOut(run, sequence, batch, actions);
          const endMs = Math.max(nowMs, END_MS);
          await run.roll(endMs);
          await run.close();
          await equalsContract(all, endMs);
        });
      }),
      { numRuns: RUNS, endOnFailure: true },
    );
  },
  RUNS * 60_000,
);

test('a start that is heard after its completion takes it over', async () => {
  const told = (id: string, type: string, offset: number): Delivery => {
    const timeMs = BASE_MS + offset;
    const event = { id, type, source: 'one', attempt_id: `joined:${id}`, user: 'ada@example.org', time: new Date(timeMs).toISOString() };
    return { event: event as unknown as Event, timeMs };
  };
  const all = [told('end', 'enrollment.completed', 60_000), told('start', 'enrollment.started', 0)];
  await onFreshDatabase(async (name) => {
    const run = await openRun(name);
    for (const { event } of all) {
      await run.accept([event]);
      await run.roll(END_MS);
    }
    await run.close();
    await equalsContract(all, END_MS);
  });
});

whenLong(() => {
  test('a script that registers every few minutes for days makes the attempts that it would make of one reading', async () => {
    const all = Array.from({ length: 900 }, (_, n): Delivery => {
      const timeMs = BASE_MS - 60 * HOUR_MS + n * 230_000;
      const type = n % 2 === 0 ? 'enrollment.started' : 'enrollment.completed';
      const event = { id: `n${n}`, type, source: 'one', attempt_id: `joined:n${n}`, user: 'robot', time: new Date(timeMs).toISOString() };
      return { event: event as unknown as Event, timeMs };
    });
    await onFreshDatabase(async (name) => {
      const run = await openRun(name);
      // One record in the middle comes last.
      const late = all[451] as Delivery;
      const inTime = all.filter((each) => each !== late);
      for (let from = 0; from < inTime.length; from += 45) {
        await run.accept(inTime.slice(from, from + 45).map(({ event }) => event));
        await run.roll(END_MS);
      }
      await run.accept([late.event]);
      await run.roll(END_MS);
      await run.close();
      await equalsContract(all, END_MS);
    });
  }, 300_000);
});
