/** Completion windows: a store that is opened with others has the figures of one that had them from the start. */
import { afterAll, expect, test } from 'vitest';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const BASE = Date.parse('2026-03-02T09:00:00Z');
const iso = (seconds: number) => new Date(BASE + seconds * 1_000).toISOString();
const NOW = BASE + 6 * 3_600_000;

const FACTORS = ['totp', 'sms', 'email'] as const;
/** Ends before and after each of the windows that are tried. */
const ENDS = [20, 299, 300, 301, 600, 601, 899, 900, 901, 1_801, 3_599, 3_601];
const EVENTS = FACTORS.flatMap((factor, f) =>
  ENDS.flatMap((seconds, i) => {
    const attempt = { source: 'app', attempt_id: `${factor}-${i}`, factor_type: factor, user: `user-${f}-${i}` };
    const startS = f * 60 + i * 7;
    return [
      { id: `${factor}-${i}-s`, type: 'enrollment.started', time: iso(startS), ...attempt },
      { id: `${factor}-${i}-c`, type: 'enrollment.completed', time: iso(startS + seconds), ...attempt },
    ];
  }),
);

const opened: TestServices[] = [];
afterAll(async () => {
  for (const each of opened) await each.dispose();
});

const open = async (window: string, dataDir?: string) =>
  testServices({ now: () => NOW, environment: { MUSTER_COMPLETION_WINDOW: window }, ...(dataDir !== undefined && { dataDir }) });

const figures = async ({ store }: TestServices) =>
  JSON.stringify([
    await store.read.rows('SELECT attempt_id, result, deadline, settled_at, duration_ms FROM attempts ORDER BY attempt_id'),
    await store.read.rows('SELECT sli, dimension, minute, value, good, total FROM minutes FINAL WHERE total > 0 ORDER BY ALL'),
    await store.read.rows('SELECT sli, minute, length(users) AS hit FROM bad_users FINAL WHERE notEmpty(users) ORDER BY ALL'),
  ]);

test('of all factors and of some; a change computes what is kept anew, there and back', async () => {
  const windows = ['10', '5,sms=15', '60,email=1', '10'];
  const fresh: string[] = [];
  for (const window of windows) {
    const services = await open(window);
    opened.push(services);
    await takeIn(services, EVENTS);
    fresh.push(await figures(services));
    await opened.pop()?.dispose();
  }
  expect(new Set(fresh).size).toBe(3);
  let services = await open(windows[0] as string);
  await takeIn(services, EVENTS);
  for (const [index, window] of windows.entries()) {
    const { dataDir } = services;
    await services.close();
    services = await open(window, dataDir);
    expect(await figures(services), window).toBe(fresh[index]);
  }
  await services.dispose();
  // Of five minutes, those that ended after them came too late; SMS had fifteen.
  const rows = (JSON.parse(fresh[1] as string) as [{ attempt_id: string; result: string }[]])[0];
  const completed = rows.filter(({ result }) => result === 'completed').map(({ attempt_id }) => attempt_id);
  expect(completed.filter((id) => id.startsWith('totp'))).toHaveLength(3);
  expect(completed.filter((id) => id.startsWith('sms'))).toHaveLength(8);
});

test.each(['0', '61', '10,sms', '10,sms=0', 'ten', '10,SMS=5', ''])('a window of %j is refused, or is none', async (window) => {
  const opening = open(window);
  if (window === '') {
    opened.push(await opening);
    return;
  }
  await expect(opening).rejects.toThrow(/MUSTER_COMPLETION_WINDOW: expected minutes from 1 to 60/);
});
