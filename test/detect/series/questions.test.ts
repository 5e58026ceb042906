/** Detectors that ask about a stretch: what rises day by day, what a deploy has made worse, and what was never seen before; and what must stay silent. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drift } from '../../../src/detect/series/drift.ts';
import { levelShift } from '../../../src/detect/series/level-shift.ts';
import { newValue } from '../../../src/detect/series/new-value.ts';
import type { Question, Stretch } from '../../../src/detect/series/question.ts';
import { train } from '../../../src/detect/series/training.ts';
import { type Counts, series } from '../../bench/detection/operations.ts';
import { insertSeries } from '../../support/series.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const DAY = 1_440;
const DAYS = 24;
const START = Date.UTC(2026, 2, 2);
const END = START + DAYS * 86_400_000;
const first = START / 60_000;
const end = first + DAYS * DAY;
/** The deploy came two hours before the end of the last day but one, at noon of which people are awake. */
const DEPLOY = 22 * DAY + 12 * 60;

/** With so many more of its attempts failing, by the minute. */
function worse(counts: Counts, share: (minute: number) => number): Counts {
  let owed = 0;
  const failures = counts.failures.map((f, i) => {
    owed += (counts.attempts[i] as number) * share(i);
    const more = Math.min(Math.floor(owed), (counts.attempts[i] as number) - f);
    owed -= more;
    return f + more;
  });
  return { ...counts, failures };
}
const of = (seed: number) => series(seed, DAYS, { peak: 20, night: 2 });
/** Half a point more each day of the last eight. */
const drifting = worse(of(1), (i) => Math.max(0, Math.floor(i / DAY) - (DAYS - 8)) * 0.005);
const shifted = worse(of(2), (i) => (i >= DEPLOY && i < DEPLOY + 240 ? 0.06 : 0));

let services: TestServices;
const flagged = async (question: Question, fromMinute: number, toMinute: number) => {
  const stretch: Stretch = { session: services.store.engine.session('detect'), fromMinute, toMinute, trainedAtMs: END, timeZone: 'UTC' };
  return question.flags(stretch);
};

beforeAll(async () => {
  services = await testServices({ now: () => END });
  const named = [
    { dimension: 'region', value: 'drifts', counts: drifting },
    { dimension: 'region', value: 'shifted', counts: shifted },
    ...[3, 4, 5, 6].map((seed) => ({ dimension: 'region', value: `healthy ${seed}`, counts: of(seed) })),
  ];
  await insertSeries(services.store.engine, named, START, [0, DAYS * DAY], ['starts', 'failures', 'latency']);
  const deploys = [DEPLOY, DEPLOY - 5 * DAY].map((minute, i) => ({
    id: `d${i}`,
    type: 'deploy.completed',
    time: new Date(START + minute * 60_000).toISOString(),
    source: 'ci',
    deployment: `24-${i}`,
  }));
  await takeIn(services, deploys);
  await train({ engine: services.store.engine, atMs: END, timeZone: 'UTC', excluded: [] });
});
afterAll(() => services.dispose());

test('what fails half a point more each day is flagged by the day, since it began, and no healthy one is', async () => {
  const flags = await flagged(drift, end - 1, end);
  expect(flags.map(({ metric, value, minute }) => [metric, value, minute])).toEqual([['failures', 'drifts', end - 1]]);
  const [flag] = flags;
  expect((end - (flag?.since ?? 0)) / DAY).toBeGreaterThanOrEqual(3);
  expect(flag?.observed).toBeGreaterThan(flag?.expectedHigh ?? 1);
  expect(flag?.score).toBeGreaterThanOrEqual(0.5);
});

describe('after a deploy', () => {
  test('a share that has doubled is flagged from when it is sure, in that series alone', async () => {
    const flags = await flagged(levelShift, first, end);
    expect(new Set(flags.map(({ metric, value }) => `${metric} ${value}`))).toEqual(new Set(['failures shifted']));
    const minutes = flags.map(({ minute }) => minute - first - DEPLOY);
    expect(Math.min(...minutes)).toBeGreaterThan(5);
    expect(Math.min(...minutes)).toBeLessThan(60);
    expect(Math.max(...minutes)).toBeLessThan(120);
    expect(new Set(flags.map(({ since }) => since - first))).toEqual(new Set([DEPLOY]));
  });

  test('a stretch says of its minutes what the whole says', async () => {
    const whole = await flagged(levelShift, first, end);
    const [from, to] = [first + DEPLOY + 30, first + DEPLOY + 50];
    expect(await flagged(levelShift, from, to)).toEqual(whole.filter(({ minute }) => minute >= from && minute < to));
  });

  test('what was over after forty minutes is not flagged for what is left of it', async () => {
    const over = worse(of(9), (i) => (i >= DEPLOY && i < DEPLOY + 40 ? 0.3 : 0));
    const named = [{ dimension: 'region', value: 'healthy 4', counts: over }];
    await insertSeries(services.store.engine, named, START, [DEPLOY - 300, DEPLOY + 300], ['failures']);
    const minutes = (await flagged(levelShift, first, end))
      .filter(({ value }) => value === 'healthy 4')
      .map(({ minute }) => minute - first - DEPLOY);
    expect(Math.min(...minutes)).toBeLessThan(40);
    expect(Math.max(...minutes)).toBeLessThan(65);
  });

  test('what was as bad before is no shift', async () => {
    const before = worse(of(7), (i) => (i >= DEPLOY - 200 && i < DEPLOY + 240 ? 0.06 : 0));
    await insertSeries(
      services.store.engine,
      [{ dimension: 'region', value: 'healthy 3', counts: before }],
      START,
      [DEPLOY - 300, DEPLOY + 300],
      ['failures'],
    );
    const flags = await flagged(levelShift, first + DEPLOY, first + DEPLOY + 120);
    expect(flags.filter(({ value }) => !['shifted', 'healthy 4'].includes(value))).toEqual([]);
  });
});

test('a value that was never there is flagged with its fifth start, once; a deployment or a tenant is not', async () => {
  const at = DAYS * DAY - 300;
  const few = (n: number): Counts => {
    const attempts = new Uint16Array(DAYS * DAY);
    for (let i = 0; i < n; i++) attempts[at + i * 3] = 1;
    return { ...of(8), attempts };
  };
  const named = [
    { dimension: 'provider', value: 'never seen', counts: few(9) },
    { dimension: 'provider', value: 'a slip', counts: few(4) },
    { dimension: 'deployment', value: '24-9', counts: few(9) },
    { dimension: 'tenant', value: 'new one', counts: few(9) },
  ];
  await insertSeries(services.store.engine, named, START, [0, DAYS * DAY], ['starts']);
  const flags = await flagged(newValue, first, end);
  expect(flags).toMatchObject([
    { dimension: 'provider', value: 'never seen', minute: first + at + 12, since: first + at, detector: 'new_value' },
  ]);
  expect(await flagged(newValue, first + at + 12, first + at + 13)).toEqual(flags);
  expect(await flagged(newValue, first + at + 13, end)).toEqual([]);
});
