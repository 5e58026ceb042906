/** One attempt in full: its events, its sentence, how it counted; also what was refused, lay in maintenance, or has a twin. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addMaintenance } from '../../../src/slo/evaluate/maintenance.ts';
import { attemptDetail } from '../../../src/slo/inquiry/attempt-detail.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 2, 4, 12);
let services: TestServices;

const event = (id: string, type: string, atMs: number, fields: object = {}) => ({
  id,
  type,
  time: new Date(atMs).toISOString(),
  source: 'app',
  user: 'ada@example.org',
  ...fields,
});
const detail = (id: string, source?: string, nowMs = NOON + 60 * MINUTE) =>
  attemptDetail({ ...services.store, session: services.store.panels, slos: services.slos }, { id, source }, nowMs);
const counts = ({ counted }: Awaited<ReturnType<typeof detail>>, ...slis: string[]) =>
  counted.filter(({ sli }) => slis.includes(sli)).map(({ sli, good, total }) => [sli, good, total]);

beforeAll(async () => {
  services = await testServices({ now: () => NOON + 60 * MINUTE });
  await takeIn(services, [
    event('s1', 'enrollment.started', NOON, { attempt_id: 'ok', expires_at: new Date(NOON + 10 * MINUTE).toISOString() }),
    event('q1', 'api.request', NOON + 1, {
      attempt_id: 'ok',
      operation: 'start',
      http_status: 201,
      duration_ms: 800,
      trace_id: 'a'.repeat(32),
    }),
    event('e1', 'enrollment.completed', NOON + 90_000, { attempt_id: 'ok', region: 'eu' }),
    event('s2', 'enrollment.started', NOON + 5 * MINUTE, { attempt_id: 'planned' }),
    event('e2', 'enrollment.failed', NOON + 6 * MINUTE, {
      attempt_id: 'planned',
      error_class: 'provider',
      error_code: 'not_sent',
      provider: 'sms-a',
    }),
    event('s3', 'enrollment.started', NOON, { attempt_id: 'late', expires_at: new Date(NOON + 40 * MINUTE).toISOString() }),
    event('e3', 'enrollment.completed', NOON + 35 * MINUTE, { attempt_id: 'late' }),
    event('door', 'api.request', NOON + 1_000, { operation: 'start', http_status: 503, duration_ms: 20 }),
    event('s4', 'enrollment.started', NOON + 55 * MINUTE, { attempt_id: 'waits' }),
    event('s5', 'enrollment.started', NOON, { attempt_id: 'twin' }),
    { ...event('s5', 'enrollment.started', NOON, { attempt_id: 'twin' }), source: 'other' },
    event('j1', 'enrollment.started', NOON, { attempt_id: 'joined:j1', factor_type: 'totp' }),
    event('j2', 'enrollment.completed', NOON + MINUTE, { attempt_id: 'joined:j2' }),
    event('j3', 'enrollment.completed', NOON + 2 * MINUTE, { attempt_id: 'joined:j3', factor_type: 'sms' }),
    event('s6', 'enrollment.started', NOON, { attempt_id: 'bot', traffic: 'bot' }),
    event('e6', 'enrollment.failed', NOON + 1, { attempt_id: 'bot', traffic: 'bot' }),
  ]);
  await addMaintenance(
    services.store.engine,
    services.slos,
    { slo: 'enrollment-success', startMs: NOON + 5 * MINUTE, endMs: NOON + 8 * MINUTE, reason: 'database move', actorRef: '' },
    NOON,
  );
});
afterAll(() => services.dispose());

test('one that completed: sentence, events with their trace, and each SLO by its own rule', async () => {
  const found = await detail('ok');
  expect(found).toMatchObject({ sentence: 'Completed after 90 s.', source: 'app', result: 'completed', durationMs: 90_000, isCut: false });
  expect(found.events.map(({ id }) => id)).toEqual(['s1', 'q1', 'e1']);
  expect(found.traces).toEqual(['a'.repeat(32)]);
  expect(found.labels).toMatchObject({ region: 'eu' });
  expect(JSON.stringify(found)).not.toContain('ada@example.org');
  // It took longer than a minute, and the request longer than half a second.
  expect(counts(found, 'M1', 'M2', 'A1', 'M6', 'M7')).toEqual([
    ['M1', 1, 1],
    ['A1', 1, 1],
    ['M2', 0, 1],
    ['M6', 0, 1],
    ['M7', 0, 0],
  ]);
});

test('one that failed during maintenance of one SLO is bad for the others alone', async () => {
  const found = await detail('planned');
  expect(found.sentence).toBe('Failed after 60 s: provider, not sent (sms-a).');
  const excluded = found.counted.filter(({ isExcluded }) => isExcluded).map(({ slo }) => slo);
  expect(excluded).toEqual(['enrollment-success']);
  expect(counts(found, 'M1S')).toEqual([['M1S', 0, 1]]);
});

test('one that completed after its deadline has the event that came late', async () => {
  const found = await detail('late');
  expect(found.sentence).toBe('Completed, but after its deadline: too late to count as good.');
  expect(found.events.map(({ id }) => id)).toEqual(['s3', 'e3']);
  expect(counts(found, 'M1')).toEqual([['M1', 0, 1]]);
});

test('a start that was refused at the door is an attempt with the request that it was', async () => {
  const found = await detail('refused:door');
  expect(found).toMatchObject({ result: 'failed', sentence: 'Failed at once.' });
  expect(found.events.map(({ id }) => id)).toEqual(['door']);
  expect(counts(found, 'M1', 'A1')).toEqual([
    ['M1', 0, 1],
    ['A1', 0, 1],
  ]);
});

test('one that waits is counted by nobody yet, and a bot by nobody ever', async () => {
  const waiting = await detail('waits');
  expect(waiting.sentence).toMatch(/^Waits since enrollment\.started/);
  expect(waiting.settledAt).toBeNull();
  for (const found of [waiting, await detail('bot')]) expect(found.counted.every(({ total }) => total === 0)).toBe(true);
});

describe('an id that', () => {
  test('nobody has is named', () => expect(detail("no' OR 1 = 1 --")).rejects.toThrow("no attempt no' OR 1 = 1 -- is known"));
  test('two sources have asks for one of them', async () => {
    await expect(detail('twin')).rejects.toThrow('several sources have an attempt twin; name one: app, other');
    expect((await detail('twin', 'other')).source).toBe('other');
    await expect(detail('twin', 'third')).rejects.toThrow('no attempt twin of third is known');
  });
});

test('of records without a common id those that it was joined of', async () => {
  const found = await detail('joined:j1');
  expect(found.events.map(({ id }) => id)).toEqual(['j1', 'j2']);
  expect(found.sentence).toContain('Completed after 60 s');
  expect((await detail('joined:j3')).events.map(({ id }) => id)).toEqual(['j3']);
  await expect(detail('joined:j2')).rejects.toThrow('no attempt joined:j2');
});
