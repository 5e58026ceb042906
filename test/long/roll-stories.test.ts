/** Stories of a roll, each told as it is and ending after each of its steps: late, corrected, silent, skewed, crashed. */

import { expect, test } from 'vitest';
import type { Event } from '../../src/events/catalogue.ts';
import {
  BASE_MS,
  type Delivery,
  equalsContract,
  HOUR_MS,
  onFreshDatabase,
  openRun,
  prepareStores,
  STEPS,
  storedMinutes,
  WINDOW_MS,
} from '../store/roll/crashing-store.ts';

prepareStores();

const CASES = [...STEPS.map((step) => [step, true] as const), ...['homes', 'alive', 'minutes'].map((step) => [step, false] as const)];
for (const [step, reopens] of CASES) {
  test(`a roll that ends after "${step}" and ${reopens ? 'begins again in a new process' : 'is tried again'} leaves no attempt in the minute that it has left`, async () => {
    await onFreshDatabase(async (name) => {
      const event = (type: string, offsetMs: number) =>
        ({ id: type, type, source: 'model', attempt_id: 'a', time: new Date(BASE_MS + offsetMs).toISOString() }) as Event;
      const run = await openRun(name);
      await run.accept([event('enrollment.started', 0)]);
      await run.roll(BASE_MS + 2 * WINDOW_MS);
      const silent = Math.floor((BASE_MS + WINDOW_MS) / 60_000);
      expect(await storedMinutes()).toContainEqual([`M1|${silent}||`, '0/1']);

      await run.accept([event('enrollment.completed', 30_000)]);
      await run.crash(step, BASE_MS + 2 * WINDOW_MS, true, reopens);
      await run.roll(BASE_MS + 2 * WINDOW_MS);
      await run.close();
      const minutes = await storedMinutes();
      expect(minutes.get(`M1|${silent}||`)).toBeUndefined();
      expect(minutes.get(`M1|${Math.floor((BASE_MS + 30_000) / 60_000)}||`)).toBe('1/1');
    });
  });
}

const made = (id: string, type: string, offsetMs: number, fields: object = {}): Delivery => {
  const timeMs = BASE_MS + offsetMs;
  return {
    event: { id, type, source: 'model', time: new Date(timeMs).toISOString(), attempt_id: 'a', ...fields } as unknown as Event,
    timeMs,
  };
};
const DAY_MS = 24 * HOUR_MS;
const ttl = { expires_at: new Date(BASE_MS + 600_000).toISOString() };
const recovery = { attempt_id: undefined, recovery_id: 'r' };

/** Deliveries roll by roll, each at a moment after the base. */
const STORIES: [name: string, rolls: [atMs: number, ...Delivery[]][]][] = [
  [
    'an attempt that ends in time after it was rolled is never overdue',
    [[60_000, made('s', 'enrollment.started', 0, ttl)], [120_000, made('c', 'enrollment.completed', 90_000)], [2 * DAY_MS]],
  ],
  [
    'one that ends late is overdue until then, however late that is heard',
    [[60_000, made('s', 'enrollment.started', 0, ttl)], [DAY_MS], [DAY_MS + 60_000, made('c', 'enrollment.completed', 2 * HOUR_MS)]],
  ],
  [
    'a TTL that is heard of late moves what is overdue',
    [
      [DAY_MS, made('s', 'enrollment.started', 0)],
      [2 * DAY_MS, made('i', 'enrollment.challenge_issued', 1_000, ttl)],
    ],
  ],
  [
    'a start after its end, by clocks that disagree, counts in its own minute',
    [
      [60_000, made('c', 'enrollment.completed', 0)],
      [2 * HOUR_MS, made('s', 'enrollment.started', HOUR_MS)],
      [3 * HOUR_MS, made('b', 'enrollment.started', HOUR_MS + 1_000, { attempt_id: 'b' })],
      [DAY_MS],
    ],
  ],
  [
    'an earlier start moves the day of starts',
    [
      [HOUR_MS, made('s2', 'enrollment.started', 30 * 60_000)],
      [2 * DAY_MS, made('s1', 'enrollment.started', 0)],
    ],
  ],
  [
    'a bot that shows itself late leaves every figure',
    [
      [DAY_MS, made('s', 'enrollment.started', 0, ttl)],
      [2 * DAY_MS, made('i', 'enrollment.challenge_issued', 1_000, { traffic: 'bot' })],
    ],
  ],
  [
    'a recovery that stays silent is bad once its 72 hours are over',
    [[60_000, made('rs', 'recovery.started', 0, recovery)], [80 * HOUR_MS]],
  ],
  [
    'a recovery settles by the clock, and is good after all when its completion comes late',
    [
      [60_000, made('rs', 'recovery.started', 0, recovery)],
      [80 * HOUR_MS],
      [81 * HOUR_MS, made('rc', 'recovery.completed', HOUR_MS, recovery)],
    ],
  ],
  [
    'help that is heard of late makes a recovery bad',
    [
      [HOUR_MS, made('rs', 'recovery.started', 0, recovery), made('rc', 'recovery.completed', 60_000, recovery)],
      [2 * HOUR_MS, made('t', 'recovery.codes_issued', 30_000, { ...recovery, assisted: true })],
    ],
  ],
];

/** Where the last roll of a story ends before it is begun again: nowhere, after a step that leaves most half done, after every step in turn. */
const ENDINGS: string[][] = [[], STEPS];

/** The story as it is told, and with its last roll ending early, each time to begin again in a new process. */
for (const [name, rolls] of STORIES) {
  test(name, async () => {
    const all = rolls.flatMap(([, ...deliveries]) => deliveries);
    const endMs = BASE_MS + Math.max(...rolls.map(([atMs]) => atMs));
    for (const steps of ENDINGS) {
      await onFreshDatabase(async (database) => {
        const run = await openRun(database);
        for (const [i, [atMs, ...deliveries]] of rolls.entries()) {
          if (deliveries.length > 0) await run.accept(deliveries.map(({ event }) => JSON.parse(JSON.stringify(event)) as Event));
          const isLast = i === rolls.length - 1;
          for (const step of isLast ? steps : []) await run.crash(step, BASE_MS + atMs, true, true);
          await run.roll(BASE_MS + atMs);
        }
        await run.close();
        await equalsContract(all, endMs);
      });
    }
  });
}

for (const step of STEPS) {
  test(`what a roll that ends after "${step}" found overdue goes when more is heard before it is done`, async () => {
    const first = [
      made('s', 'enrollment.started', 0),
      made('i2', 'enrollment.challenge_issued', 2_000, { expires_at: new Date(BASE_MS + 2 * HOUR_MS).toISOString() }),
    ];
    const second = [made('i1', 'enrollment.challenge_issued', 1_000, ttl), made('c', 'enrollment.completed', HOUR_MS)];
    await onFreshDatabase(async (database) => {
      const run = await openRun(database);
      await run.accept(first.map(({ event }) => ({ ...event })));
      await run.crash(step, BASE_MS + DAY_MS, true, true);
      await run.accept(second.map(({ event }) => ({ ...event })));
      await run.roll(BASE_MS + DAY_MS);
      await run.close();
      await equalsContract([...first, ...second], BASE_MS + DAY_MS);
    });
  });
}
