/** Secrets that arrive: one finding for each place, which goes on after a restart, and ends when nothing came for a day. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openExposures, SECRET_EXPOSURE } from '../../../src/collect/intake/exposures.ts';
import { findingsSince } from '../../../src/store/records/findings.ts';
import { type TestServices, testServices } from '../../support/store.ts';

const START = Date.UTC(2026, 10, 20, 12);
const HOUR = 3_600_000;
let services: TestServices;
let nowMs = START;
beforeAll(async () => {
  services = await testServices({ now: () => nowMs });
});
afterAll(() => services.dispose());

const open = () => openExposures({ engine: services.store.engine, now: () => nowMs, onProblem: (message) => problems.push(message) });
const problems: string[] = [];
const stored = async () =>
  (await findingsSince(services.store.engine, START - HOUR)).filter(({ detector }) => detector === SECRET_EXPOSURE);
const find = { field: 'reason', kind: 'credential' as const };

test('it counts on after a restart, writes later what it could not write, and ends at the last one', async () => {
  const first = await open();
  first.note('idp', [find, find, { field: 'reason', kind: 'email' }]);
  await first.stop();
  expect(await stored()).toMatchObject([{ startMs: START, endMs: null, status: 'open', evidence: { count: 2 } }]);

  nowMs = START + HOUR;
  const second = await open();
  second.note('idp', [find]);
  second.note('idp', [{ ...find, field: 'action' }]);
  const insert = vi.spyOn(services.store.engine, 'insert').mockRejectedValueOnce(new Error('disk full'));
  await second.stop();
  insert.mockRestore();
  expect(problems).toEqual([expect.stringContaining('disk full')]);
  await second.stop();
  const open2 = await stored();
  expect(open2.map(({ dimensions, evidence }) => [dimensions.field, evidence.count])).toEqual([
    ['action', 1],
    ['reason', 3],
  ]);

  nowMs = START + 26 * HOUR;
  const third = await open();
  await third.stop();
  expect((await stored()).map(({ endMs, status }) => [endMs, status])).toEqual([
    [START + HOUR, 'resolved'],
    [START + HOUR, 'resolved'],
  ]);
});
