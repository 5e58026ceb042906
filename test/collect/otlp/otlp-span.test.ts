/** What of a span's name is kept, and what is left out: both sides, since a mark in every place helps nobody. */
import { expect, test } from 'vitest';
import type { Attributes } from '../../../src/collect/otlp/part.ts';
import { type OtlpRecord, recordsOf } from '../../../src/collect/otlp/records.ts';
import { isSpan, kept, spanOf } from '../../../src/collect/otlp/span.ts';

const LEFT_OUT = '(left out)';

test.each([
  'policy.evaluate',
  'POST /api/v1/users/me/factors/totp/enroll',
  'POST /api/v1/mfa/enrollments/verify-code',
  'EnrollmentService/StartEnrollment',
  'INTERNALSERVERERROR',
  'SELECT factors',
  'kafka.produce enrollment-events',
  'retry 3 of 5',
])('%s is kept', (name) => {
  expect(kept('span.name', name)).toBe(name);
});

test.each([
  'mail to ada@example.org',
  'GET /users/ada%40example.org/factors',
  'ada @ example.org',
  'verify code 492817',
  'call 555.123.4567',
  'from 192.168.100.200',
  'from 2001:db8:0:1::7',
  'JBSW Y3DP EHPK 3PXP',
  'jbswy3dpehpk3pxp',
  'recovery ABCD-EFGH-JKMN',
  'password=hunter2',
  'otpauth://totp/Acme:ada?secret=JBSWY3DPEH',
  'eyJhbGciOiJIUzI1NiJ9.e30',
  'session 4bf92f3577b34da6a3ce929d0e0e4736',
])('%s is left out', (name) => {
  expect(kept('span.name', name)).toBe(LEFT_OUT);
});

const record = (name: string, own: Record<string, string> = {}): OtlpRecord => ({
  signal: 'traces',
  own: new Map(Object.entries(own)) as Attributes,
  shared: new Map([['service.name', 'app']]),
  eventName: undefined,
  meaning: undefined,
  body: undefined,
  eventOfSpan: undefined,
  stamp: '',
  unreadable: [],
  notes: [],
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  parentSpanId: '',
  name,
  kind: 'server',
  startUs: 1_000_000,
  endUs: 1_002_500,
  hasFailed: false,
});

test('a request is named by method and route, never by the path that somebody called', () => {
  expect(spanOf(record('GET /users/ada.lovelace')).name).toBe('GET');
  expect(spanOf(record('GET /users/ada.lovelace', { 'http.request.method': 'GET', 'http.route': '/users/:user' })).name).toBe(
    'GET /users/:user',
  );
});

test('the person whom the span names elsewhere is in no name', () => {
  expect(spanOf(record('enroll ada.lovelace', { 'user.id': 'ada.lovelace' })).name).toBe(LEFT_OUT);
});

test('a cut halves no character, and unknown attributes are not kept', () => {
  const span = spanOf(record(`${'x y '.repeat(31)}x y\u{1f600}`, { 'db.query.text': 'SELECT 1', 'db.system.name': 'postgresql' }));
  expect(span.name.isWellFormed()).toBe(true);
  expect(span).toMatchObject({ service: 'app', durationUs: 2_500, attributes: { 'db.system.name': 'postgresql' } });
});

test('times outside of those that events may have, and days of duration, are no spans', () => {
  const bounds = { fromMs: 500, toMs: 2_000 };
  expect(isSpan(record('x'), bounds)).toBe(true);
  for (const wrong of [{ startUs: 1 }, { startUs: 3_000_000 }, { endUs: 1e12 }, { endUs: undefined }, { traceId: '' }])
    expect([wrong, isSpan({ ...record('x'), ...wrong }, bounds)]).toEqual([wrong, false]);
});

test('integers come as text and as numbers, and what a record says wins over its resource', () => {
  const [found] = [
    ...recordsOf('logs', {
      resourceLogs: [
        {
          resource: { attributes: [{ key: 'cloud.region', value: { stringValue: 'eu' } }] },
          scopeLogs: [
            {
              logRecords: [
                {
                  attributes: [
                    { key: 'a', value: { intValue: '7' } },
                    { key: 'b', value: { intValue: 8 } },
                    { key: '__proto__', value: { stringValue: 'x' } },
                  ],
                },
              ],
            },
          ],
        },
      ],
    }),
  ];
  if (!found || 'problem' in found) throw new Error('not read');
  expect([...found.own]).toEqual([
    ['a', 7],
    ['b', 8],
    ['__proto__', 'x'],
  ]);
  expect(found.shared.get('cloud.region')).toBe('eu');
});
