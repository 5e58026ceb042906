/** Spans beside events: kept once however often they come, found by their attempt, and gone when their trace is no enrollment's. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attemptDetail } from '../../../src/slo/inquiry/attempt-detail.ts';
import { asTree } from '../../../src/slo/wording/attempt-wording.ts';
import { dropStraySpans } from '../../../src/store/roll/stray-spans.ts';
import { encodeHeader, scanRecords } from '../../../src/store/rows/log-format.ts';
import type { SpanRow } from '../../../src/store/rows/span-row.ts';
import { type TestServices, takeIn, testServices } from '../../support/store.ts';

const HOUR = 3_600_000;
const NOON = Date.UTC(2026, 2, 4, 12);
const [OURS, STRAY] = ['a'.repeat(32), 'b'.repeat(32)];
let services: TestServices;
let now = NOON;
beforeAll(async () => {
  services = await testServices({ now: () => now });
});
afterAll(() => services.dispose());

const span = (traceId: string, spanId: string, parentSpanId: string, offsetMs: number, name = 'step'): SpanRow => ({
  traceId,
  spanId: spanId.repeat(16),
  parentSpanId: parentSpanId.repeat(16),
  service: 'app',
  name,
  kind: 'server',
  startUs: (NOON + offsetMs) * 1_000 + 250,
  durationUs: 1_500,
  hasFailed: name === 'broken',
  attributes: { 'http.route': "/enroll/'x" },
});
const stored = () => services.store.read.rows<{ span_id: string }>('SELECT span_id FROM spans_log FINAL ORDER BY span_id');

test('a span sent twice, in one request and in two, is one', async () => {
  const spans = [span(OURS, '1', '', 0, 'root'), span(OURS, '2', '1', 5, 'broken'), span(OURS, '2', '1', 5, 'broken')];
  await services.intake.keepSpans(spans);
  await services.intake.keepSpans(spans);
  await services.intake.keepSpans([span(STRAY, '3', '', 0)]);
  await services.drain();
  expect((await stored()).map(({ span_id }) => span_id[0])).toEqual(['1', '2', '3']);
});

test('an attempt has the spans of its traces, to the microsecond', async () => {
  await takeIn(services, [
    {
      id: 's',
      type: 'enrollment.started',
      time: new Date(NOON).toISOString(),
      source: 'app',
      attempt_id: 'a',
      trace_id: OURS,
    },
  ]);
  const { spans } = await attemptDetail({ ...services.store, session: services.store.panels, slos: services.slos }, { id: 'a' }, now);
  expect(spans).toMatchObject([
    { name: 'root', startMs: NOON + 0.25, durationMs: 1.5, hasFailed: false, attributes: { 'http.route': "/enroll/'x" } },
    { name: 'broken', parentSpanId: '1'.repeat(16), hasFailed: true },
  ]);
  expect(asTree(spans).map(({ span: { name }, depth }) => [name, depth])).toEqual([
    ['root', 0],
    ['broken', 1],
  ]);
});

test('a trace without an event is dropped after an hour, and one with an event stays, however late both came', async () => {
  const tidy = () => dropStraySpans(services.store.engine.session('tidy'), now);
  const late = 5 * 24 * HOUR;
  now += HOUR / 2;
  await tidy();
  expect(await stored()).toHaveLength(3);
  now += late;
  await tidy();
  await expect.poll(async () => (await stored()).map(({ span_id }) => span_id[0]), { timeout: 120_000 }).toEqual(['1', '2']);
  // What a collector held back for days comes with its event.
  const [event] = await services.store.read.rows<{ n: number }>('SELECT toUInt32(count()) AS n FROM events');
  expect(event?.n).toBe(1);
  await services.intake.keepSpans([span(OURS, '4', '1', 7)]);
  await services.drain();
  now += 2 * HOUR;
  await tidy();
  await expect.poll(async () => (await stored()).map(({ span_id }) => span_id[0]), { timeout: 120_000 }).toEqual(['1', '2', '4']);
});

test('spans that name one another as parents are shown once each', () => {
  const of = (spanId: string, parentSpanId: string) => ({ ...span(OURS, spanId, parentSpanId, 0), startMs: 0, durationMs: 0 });
  const circle = [of('1', '2'), of('2', '1'), of('3', '3'), of('4', '9')].map(({ spanId, parentSpanId, ...rest }) => ({
    spanId,
    parentSpanId,
    ...rest,
  }));
  expect(
    asTree(circle)
      .map(({ span: { spanId } }) => spanId[0])
      .sort(),
  ).toEqual(['1', '2', '3', '4']);
});

test('records of both kinds are found in one segment, around damage', () => {
  const payload = Buffer.from('[1]\n');
  const segment = Buffer.concat([
    encodeHeader(1, 1, payload, 'spans'),
    payload,
    Buffer.from('damage TSM damage'),
    encodeHeader(2, 1, payload),
    payload,
    encodeHeader(3, 1, payload, 'spans'),
    payload,
  ]);
  const { records, damages } = scanRecords(segment);
  expect(records.map(({ sequence, kind }) => [sequence, kind])).toEqual([
    [1, 'spans'],
    [2, 'events'],
    [3, 'spans'],
  ]);
  expect(damages).toHaveLength(1);
});
