/** Refused records: kept without what is personal, and driven again. */
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { okta } from '../../../src/collect/connectors/okta.ts';
import { importRecords } from '../../../src/collect/import/import.ts';
import { retryRejected } from '../../../src/collect/import/retry.ts';
import { type TestServices, testServices } from '../../support/store.ts';

// The engine drops letters of a month ago by its own clock.
const NOW = Math.floor(Date.now() / 1_000) * 1_000;
const TODAY = new Date(NOW - 3_600_000).toISOString();
let now = NOW;
let services: TestServices;
beforeEach(async () => {
  now = NOW;
  services = await testServices({ now: () => now });
});
afterEach(() => services.dispose());

const accept = (values: readonly unknown[]) =>
  services.intake.accept(
    values.map((value) => ({ value })),
    'live',
  );
const retry = (defaultTime?: string) => {
  const { intake, drain, store } = services;
  return retryRejected({ intake, drain, engine: store.engine, now: () => now }, defaultTime);
};
const letters = async () => {
  await services.drain();
  return services.store.read.rows<{ source: string; reason: string; record: string }>(
    'SELECT source, reason, record FROM dead_letters ORDER BY source, record',
  );
};
const OLD = {
  id: 'old',
  type: 'enrollment.started',
  time: '2024-03-01T09:00:00Z',
  source: 'app',
  attempt_id: 'a',
  user: 'Ada@Example.org',
  ip: '203.0.113.9',
  user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0',
  reason: 'otp=492817',
};

test('an event that was too old for HTTP is taken when it is driven again, as if it had been sent then', async () => {
  expect(await accept([OLD, OLD])).toMatchObject({ accepted: 0, rejected: [{ id: 'old' }, { id: 'old' }] });
  const user = services.pseudonyms.of('person', 'ada@example.org');
  expect(await letters()).toEqual([
    { source: 'app', reason: expect.stringContaining('time: is before'), record: expect.stringContaining(`"user":"${user}"`) },
  ]);
  expect(await retry()).toMatchObject({ read: 1, accepted: 1, duplicates: 0, rejected: 0 });
  expect(await retry()).toMatchObject({ read: 0 });
  const [row] = await services.store.read.rows('SELECT * FROM events_v');
  expect(row).toMatchObject({ user_ref: user, ip: '203.0.113.0/24', user_agent: 'Firefox on Linux', reason: 'otp=[one_time_code]' });
  expect(await letters()).toEqual([]);
  // The file itself, imported after all, adds nothing.
  expect(await services.intake.accept([{ value: OLD }], 'import')).toMatchObject({ accepted: 0, duplicates: 1, conflicts: 0 });
});

test('what is wrong stays, with the reason and a copy that says nothing of anybody', async () => {
  const wrong = {
    ...OLD,
    time: TODAY,
    duration_ms: -1,
    password: 'hunter2hunter',
    'ada@example.org': 'yes',
    more: { name: 'Ada' },
    otp: 492817,
    reason: `mail to ${'x'.repeat(240)} ada@example.org`,
    attributes: { email: 'ada', plan: 'gold' },
  };
  await accept([wrong, 'Ada', [1], null, { id: 'ada@example.org', source: 'bad source' }]);
  await services.intake.accept([{ unreadable: 'not valid JSON' }], 'live');
  const kept = await letters();
  expect(JSON.stringify(kept)).not.toMatch(/ada@|Ada"|203\.0\.113\.9|hunter2|492817/);
  expect(kept.filter(({ record }) => record === '').map(({ reason }) => reason)).toEqual(
    expect.arrayContaining(['not valid JSON', 'expected an event: a JSON object']),
  );
  const [copy] = kept.filter(({ source }) => source === 'app').map(({ record }) => JSON.parse(record) as object);
  expect(copy).toMatchObject({
    duration_ms: -1,
    password: '[left out]',
    '[email]': '[left out]',
    more: '[left out]',
    otp: '[left out]',
    reason: expect.not.stringContaining('ada'),
    attributes: { email: '[left out]', plan: 'gold' },
  });
  expect(await retry()).toMatchObject({ read: 2, accepted: 0, rejected: 2, errors: [expect.anything(), expect.anything()] });
  expect(await letters()).toEqual(kept);
});

test('a field that is not of its kind leaves no copy: driven again, it would be another event', async () => {
  for (const wrong of [
    { user: 4711 },
    { device: { name: 'x' } },
    { reason: ['x'] },
    { user: 'x'.repeat(513) },
    { user_agent: 'x'.repeat(2_000) },
  ])
    await accept([{ ...OLD, time: TODAY, ...wrong }]);
  expect((await letters()).map(({ record }) => record)).toEqual(['', '', '', '', '']);
  expect(await retry()).toMatchObject({ read: 0 });
});

test('a record of a product without a time gets one when it is driven again', async () => {
  const lines = (await readFile(new URL('../../fixtures/okta.ndjson', import.meta.url), 'utf8')).trim().split('\n');
  const records = lines.map((line, i) => {
    const { published, ...value } = JSON.parse(line) as Record<string, unknown>;
    return { line: i + 1, value: String(value.eventType).startsWith('user.mfa.factor.reset_all') ? value : { ...value, published } };
  });
  const { fingerprint } = services.pseudonyms;
  const { rejected } = await importRecords(services, okta, records, { fingerprint });
  expect(rejected).toBeGreaterThan(0);
  expect((await letters()).map(({ source, reason }) => [source, reason])).toContainEqual([
    'okta',
    expect.stringContaining('--default-time'),
  ]);
  expect(await retry(TODAY)).toMatchObject({ accepted: 2, rejected: 0 });
  const rows = await services.store.read.rows("SELECT time FROM events_v WHERE type = 'factor.reset'");
  expect(rows).toEqual([{ time: TODAY.replace('T', ' ').replace('Z', '') }]);
});

test('a flood of nonsense is counted and not kept', async () => {
  const { rejected, rejectedCount } = await accept(Array.from({ length: 1_500 }, (_, i) => ({ id: `n${i}` })));
  expect(rejectedCount).toBe(1_500);
  expect(rejected).toHaveLength(1_000);
  expect(await letters()).toHaveLength(1_000);
  now += 60_000;
  await accept([{ id: 'later' }]);
  expect(await letters()).toHaveLength(1_001);
});
