/** What an incident comes from, and when the deploy before it can be ruled out. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { explained, isRuledOut } from '../../../src/detect/incidents/explained.ts';
import type { Signal } from '../../../src/detect/incidents/signal.ts';
import { shownCauses } from '../../../src/serve/routes/incidents.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const START = Date.UTC(2026, 10, 20, 12);
const END = START + 60 * MINUTE;
let services: TestServices;

/** One attempt that ends at once. */
function attempt(n: number, atMs: number, isGood: boolean, labels: Record<string, string>) {
  const common = { source: 'app', attempt_id: `a${n}`, user: `u${n}`, ...labels };
  const time = (ms: number) => new Date(ms).toISOString();
  const end = isGood
    ? { type: 'enrollment.completed' }
    : { type: 'enrollment.failed', error_class: 'provider', error_code: n % 3 ? 'down' : 'late' };
  return [
    { ...common, id: `s${n}`, type: 'enrollment.started', time: time(atMs) },
    { ...common, ...end, id: `e${n}`, time: time(atMs + 1_000) },
  ];
}

beforeAll(async () => {
  services = await testServices({ now: () => END + MINUTE });
  const events: object[] = [];
  // Six hours in which nothing fails; then an hour in which provider a does, on both deployments, and all of v3.
  for (let n = 0; n < 1_200; n++)
    events.push(...attempt(n, START - 360 * MINUTE + n * 15_000, true, { provider: n % 2 ? 'a' : 'b', deployment: 'v1' }));
  for (let n = 0; n < 600; n++) {
    const provider = n % 2 ? 'a' : 'b';
    const deployment = n % 20 === 0 ? 'v3' : n % 4 < 2 ? 'v1' : 'v2';
    events.push(...attempt(10_000 + n, START + n * 5_000, provider === 'b' && deployment !== 'v3', { provider, deployment }));
  }
  await takeIn(services, events);
});
afterAll(() => services.dispose());

const flag: Signal = {
  source: 'flag',
  name: 'failures',
  of: 'failures',
  dimension: '',
  value: '',
  fromMs: START,
  knownMs: START,
  toMs: END,
  isPage: true,
};
const span = { toMs: END, nowMs: END + MINUTE, role: 'panels' } as const;
const incident = (deployment: string, type = 'deploy.completed') => ({
  startMs: START,
  signals: [flag],
  change: { type, deployment, timeMs: START - MINUTE },
});

test('the provider comes first, with how it fails; each dimension once', async () => {
  const found = await explained(services.store.engine, services.slos, incident('v2'), span);
  if (!found) throw new Error('nothing was explained');
  const { sli, causes, errors } = shownCauses(found);
  expect(sli).toBe('M1');
  expect(causes[0]).toMatchObject({ dimension: 'provider', value: 'a', isSignificant: true });
  expect(new Set(causes.map(({ dimension }) => dimension)).size).toBe(causes.length);
  expect(errors.map(({ code }) => code)).toEqual(['down', 'late']);
  expect(errors[0]?.bad).toBeGreaterThan(errors[1]?.bad ?? 0);
});

test('a deploy is ruled out by enough attempts that do not stand out, and by nothing less', async () => {
  const { engine } = services.store;
  const found = await explained(engine, [], incident('v2'), span);
  if (!found) throw new Error('nothing was explained');
  const ruledOut = (deployment: string, type?: string) => isRuledOut(engine, incident(deployment, type), found, span);
  const withoutIt = found.explanations.filter(({ dimension }) => !dimension.includes('deployment'));
  expect(await isRuledOut(engine, incident('v2'), { ...found, explanations: withoutIt }, span)).toBe(true);
  // What fails wholly stands out, though another value of its dimension comes before it.
  expect(await ruledOut('v3')).toBe(false);
  expect(await ruledOut('v2', 'deploy.rolled_back')).toBe(false);
  // Attempts that do not name it say nothing of it.
  expect(await isRuledOut(engine, incident('v9'), { ...found, explanations: withoutIt }, span)).toBe(false);
  expect(await isRuledOut(engine, { ...incident('v2'), change: null }, found, span)).toBe(false);
});
