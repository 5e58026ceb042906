/** One record gives one event, whichever the encoding, and nothing of it is lost on the way. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { eventsOfRequest, isEvent } from '../../../src/collect/otlp/event.ts';
import type { Signal } from '../../../src/collect/otlp/part.ts';
import { recordsOf } from '../../../src/collect/otlp/records.ts';
import { protobufOf } from '../../support/otlp-protobuf.ts';

type Json = Record<string, unknown>;
const NOW = '1795860000000000000';

/** Candidates of a request, and what is told beside them. */
function eventsIn(signal: Signal, request: unknown) {
  const eventOf = eventsOfRequest((text) => `f(${text})`);
  const notes: string[] = [];
  const problems: string[] = [];
  const events: Json[] = [];
  const refused: string[] = [];
  for (const record of recordsOf(signal, request)) {
    if ('problem' in record) problems.push(record.problem);
    else if (isEvent(record)) {
      const made = eventOf(record);
      notes.push(...made.notes);
      if ('unreadable' in made.candidate) refused.push(made.candidate.unreadable);
      else events.push(made.candidate.value as Json);
    }
  }
  return { events, refused, notes, problems };
}

const logs = (records: readonly Json[], resource: Json[] = [], scope: Json[] = []) => ({
  resourceLogs: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'app' } }, ...resource] },
      scopeLogs: [{ scope: { name: 'lib', attributes: scope }, logRecords: records }],
    },
  ],
});
const spans = (...records: Json[]) => ({
  resourceSpans: [{ resource: { attributes: [] }, scopeSpans: [{ spans: records }] }],
});
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });

const value: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'grapheme' }).map((stringValue) => ({ stringValue })),
    fc.boolean().map((boolValue) => ({ boolValue })),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((int) => ({ intValue: String(int) })),
    fc.double().map((double) => ({ doubleValue: Number.isFinite(double) ? double : String(double) })),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => ({ bytesValue: Buffer.from(bytes).toString('base64') })),
    fc.constant({}),
    fc.array(tie('value'), { maxLength: 3 }).map((values) => ({ arrayValue: { values } })),
    fc
      .uniqueArray(fc.tuple(fc.string({ minLength: 1, maxLength: 5 }), tie('value')), { maxLength: 3, selector: ([key]) => key })
      .map((entries) => ({ kvlistValue: { values: entries.map(([key, each]) => ({ key, value: each })) } })),
  ),
})).value;

test('a log record gives the same event in JSON and in protobuf, whatever its values are', () => {
  const attribute = fc.record({
    key: fc.constantFrom('muster.user', 'muster.attributes.a', 'muster.cost', 'user.id', 'x', 'http.response.status_code'),
    value,
  });
  const record = fc.record({
    timeUnixNano: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String),
    observedTimeUnixNano: fc.constantFrom('0', NOW),
    severityNumber: fc.nat(24),
    severityText: fc.constantFrom('', 'INFO'),
    body: value,
    eventName: fc.constantFrom('api.request', 'org.example.enrollment.started'),
    traceId: fc.constantFrom('', '0af7651916cd43dd8448eb211c80319c'),
    attributes: fc.array(attribute, { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(record, { maxLength: 3 }), (records) => {
      const request = logs(records, [text('muster.region', 'eu')]);
      expect(eventsIn('logs', protobufOf('logs', request))).toEqual(eventsIn('logs', JSON.parse(JSON.stringify(request))));
    }),
    { numRuns: 300 },
  );
});

describe('values', () => {
  it('that are false, zero or empty are values', () => {
    const attributes = [
      { key: 'muster.cold_start', value: { boolValue: false } },
      { key: 'muster.duration_ms', value: { intValue: '0' } },
      { key: 'muster.cost', value: { doubleValue: 0 } },
      text('muster.reason', ''),
    ];
    const request = logs([{ timeUnixNano: NOW, eventName: 'api.request', attributes }]);
    for (const form of [request, protobufOf('logs', request)])
      expect(eventsIn('logs', form).events).toMatchObject([{ cold_start: false, duration_ms: 0, cost: 0, reason: '' }]);
  });

  it('of 64 bits keep their digits', () => {
    const request = logs([
      { timeUnixNano: NOW, eventName: 'api.request', attributes: [{ key: 'user.id', value: { intValue: '1234567890123456789' } }] },
    ]);
    for (const form of [request, protobufOf('logs', request)])
      expect(eventsIn('logs', form).events).toMatchObject([{ user: '1234567890123456789' }]);
    const lost = JSON.parse(JSON.stringify(request).replace('"1234567890123456789"', '1234567890123456789'));
    expect(eventsIn('logs', lost).refused).toEqual([expect.stringContaining('user.id')]);
  });

  it.each([
    [{ doubleValue: '12.5' }, 12.5],
    [{ intValue: '2e2' }, 200],
    [{ intValue: 200 }, 200],
    [{ double_value: 1 }, 1],
  ])('%j is read as ProtoJSON reads it', (given, duration_ms) => {
    const request = logs([{ timeUnixNano: NOW, eventName: 'api.request', attributes: [{ key: 'muster.duration_ms', value: given }] }]);
    expect(eventsIn('logs', request).events).toMatchObject([{ duration_ms }]);
  });

  it('that do not fit are said', () => {
    const attributes = [
      text('http.response.status_code', '503'),
      text('service.version', 'v'.repeat(65)),
      text('service.name', 'two words'),
    ];
    const { events, notes } = eventsIn('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request', attributes }]));
    expect(events).toMatchObject([{ http_status: 503, source: 'two words' }]);
    expect(notes).toEqual(['service.version does not fit deployment, and was left out']);
  });
});

describe('what is meant', () => {
  const named = (eventName: string, more: Json = {}) => logs([{ timeUnixNano: NOW, eventName, ...more }]);
  it('is read behind a prefix, on the scope, in a body of fields or of JSON, and on a span', () => {
    expect(eventsIn('logs', named('com.example.enrollment.started')).events).toMatchObject([{ type: 'enrollment.started' }]);
    expect(eventsIn('logs', logs([{ timeUnixNano: NOW }], [], [text('event.name', 'factor.reset')])).events).toMatchObject([
      { type: 'factor.reset' },
    ]);
    const fields = { type: 'enrollment.completed', attempt_id: 'a', user: 'ada', duration_ms: 7 };
    const map = {
      kvlistValue: {
        values: Object.entries(fields).map(([key, each]) => ({
          key,
          value: typeof each === 'number' ? { intValue: each } : { stringValue: each },
        })),
      },
    };
    for (const body of [{ stringValue: JSON.stringify(fields) }, map])
      expect(eventsIn('logs', logs([{ timeUnixNano: NOW, body }])).events).toMatchObject([{ ...fields, source: 'app' }]);
    const span = {
      traceId: '0af7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      startTimeUnixNano: NOW,
      endTimeUnixNano: NOW,
      attributes: [text('muster.attempt_id', 'a')],
      events: [
        { name: 'exception', timeUnixNano: NOW },
        { name: 'enrollment.completed', timeUnixNano: NOW, attributes: [text('muster.reason', 'x')] },
      ],
    };
    for (const form of [spans(span), protobufOf('traces', spans(span))])
      expect(eventsIn('traces', form).events).toMatchObject([
        {
          id: `${span.traceId}-${span.spanId}-1`,
          type: 'enrollment.completed',
          attempt_id: 'a',
          reason: 'x',
          time: '2026-11-28T10:00:00.000Z',
        },
      ]);
  });

  it.each([
    ['enrollment.start', 'enrollment.started'],
    ['Enrollment_Started', 'enrollment.started'],
    ['provider-request', 'provider.request'],
    ['enrollment.begun', 'enrollment.'],
  ])('%s is no event, and is said to be close to one', (name, nearest) => {
    const { events, refused } = eventsIn('logs', named(name));
    expect(events).toEqual([]);
    expect(refused).toEqual([expect.stringContaining(nearest)]);
  });

  it('is nothing of ours', () => {
    for (const name of ['http.request', 'exception', 'device.app.lifecycle', 'x'.repeat(300), ''])
      expect(eventsIn('logs', named(name))).toEqual({ events: [], refused: [], notes: [], problems: [] });
  });
});

describe('equal records of a request', () => {
  const request = (n: number) =>
    logs(
      Array.from({ length: n }, () => ({ timeUnixNano: NOW, eventName: 'api.request', attributes: [text('muster.operation', 'start')] })),
    );
  it('are each of its own, and the same when they are sent again', () => {
    const ids = eventsIn('logs', request(50)).events.map(({ id }) => id);
    expect(new Set(ids).size).toBe(50);
    expect(eventsIn('logs', protobufOf('logs', request(50))).events.map(({ id }) => id)).toEqual(ids);
    expect(eventsIn('logs', request(49)).events.map(({ id }) => id)).toEqual(ids.slice(0, 49));
  });

  it.each([
    ['body', { body: { stringValue: 'another' } }],
    ['severity', { severityNumber: 9 }],
    ['nanoseconds', { timeUnixNano: '1795860000000000001' }],
    ['lists', { attributes: [{ key: 'x', value: { arrayValue: { values: [{ stringValue: 'y' }] } } }] }],
  ])('are told apart by their %s', (_, other) => {
    const [one] = eventsIn('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request' }])).events;
    const [two] = eventsIn('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request', ...other }])).events;
    expect(one?.id).not.toBe(two?.id);
  });
});

describe('what cannot be read', () => {
  it('costs the batch nothing but itself', () => {
    const good = { timeUnixNano: NOW, eventName: 'enrollment.started', attributes: [text('muster.attempt_id', 'a')] };
    const bytes = protobufOf('logs', logs([good, { ...good, eventName: 'other.log', attributes: [text('x', 'ÿÿ')] }, good]));
    const notUtf8 = Buffer.from(bytes);
    notUtf8.fill(0xff, notUtf8.indexOf('ÿÿ'), notUtf8.indexOf('ÿÿ') + 4);
    expect(eventsIn('logs', notUtf8)).toMatchObject({ events: [{ attempt_id: 'a' }, { attempt_id: 'a' }], problems: [] });
    const damaged = Buffer.from(bytes);
    // The type of the first field of the second record.
    damaged[damaged.indexOf('other.log') - 30 + damaged.subarray(damaged.indexOf('other.log') - 30).indexOf(9)] = 0x0b;
    const { events, problems } = eventsIn('logs', damaged);
    expect([events.length, problems.length]).toEqual([2, 1]);
  });

  it.each([
    ['beyond 64 bits', { timeUnixNano: '1795860000000000000000000', observedTimeUnixNano: NOW }],
    ['before 1970', { timeUnixNano: '-1', observedTimeUnixNano: NOW }],
    ['a word', { timeUnixNano: 'now', observedTimeUnixNano: NOW }],
  ])('a time %s is none, and not the one at which somebody saw it', (_, times) => {
    expect(eventsIn('logs', logs([{ eventName: 'api.request', ...times }]))).toMatchObject({
      events: [],
      refused: [expect.stringContaining('timeUnixNano')],
    });
  });

  it('an id of a trace that is none is said, and costs no event', () => {
    expect(eventsIn('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request', traceId: 'zz' }]))).toMatchObject({
      events: [{ type: 'api.request' }],
      notes: [expect.stringContaining('traceId')],
    });
    const base64 = Buffer.from('0af7651916cd43dd8448eb211c80319c', 'hex').toString('base64');
    expect(eventsIn('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request', traceId: base64 }])).events).toMatchObject([
      { trace_id: '0af7651916cd43dd8448eb211c80319c' },
    ]);
  });

  it('log records at the address of spans, and the other way round', () => {
    expect(() => eventsIn('traces', logs([]))).toThrow('send them to /v1/logs');
    expect(() => eventsIn('logs', spans({}))).toThrow('send them to /v1/traces');
    expect(() => eventsIn('logs', { resourceMetrics: [] })).toThrow('metrics');
    expect(() => eventsIn('logs', { nothing: 1 })).toThrow('resourceLogs');
    expect(eventsIn('traces', protobufOf('logs', logs([{ timeUnixNano: NOW, eventName: 'api.request' }]))).problems).toEqual([
      expect.stringContaining('/v1/logs'),
    ]);
  });

  it('names of enums are read, and those that there are not are said', () => {
    const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', startTimeUnixNano: NOW, endTimeUnixNano: NOW };
    const failed = (status: unknown) =>
      eventsIn('traces', spans({ ...span, status, attributes: [text('event.name', 'provider.request')] }));
    for (const code of ['STATUS_CODE_ERROR', 2, '2']) expect(failed({ code }).events).toMatchObject([{ outcome: 'failure' }]);
    expect(failed({ code: 'STATUS_CODE_BROKEN' }).refused).toEqual([expect.stringContaining('status.code')]);
  });

  it('names of fields as in the proto file are read', () => {
    const snake = JSON.parse(
      JSON.stringify(logs([{ timeUnixNano: NOW, eventName: 'api.request' }])).replace(
        /"(\w+)":/g,
        (_, name: string) => `"${name.replace(/[A-Z]/g, (l) => `_${l.toLowerCase()}`)}":`,
      ),
    );
    expect(eventsIn('logs', snake).events).toMatchObject([{ type: 'api.request', source: 'app' }]);
  });
});

const CASES = join(import.meta.dirname, '../../../../shared/cases/otlp');
describe.runIf(existsSync(CASES))('inputs on which it failed', () => {
  const read = (name: string) => readFileSync(join(CASES, name));
  it('equal records are five, integers keep their digits, zeros are values, another log costs nothing', () => {
    expect(new Set(eventsIn('logs', read('equal.pb')).events.map(({ id }) => id)).size).toBe(5);
    expect(new Set(eventsIn('logs', read('int64-users.pb')).events.map(({ user }) => user)).size).toBe(5);
    expect(
      eventsIn('logs', read('zeros.pb')).events.every((event) => 'cost' in event && 'duration_ms' in event && 'cold_start' in event),
    ).toBe(true);
    expect(eventsIn('logs', read('not-utf8.pb')).events).toHaveLength(3);
  });
  const json = (signal: Signal, name: string) => eventsIn(signal, JSON.parse(String(read(name))));
  it('ids in base64 are those in hex, and what is none is said', () => {
    const { events, notes } = json('logs', 'logs-base64.json');
    expect(events).toHaveLength(7);
    expect(new Set(events.slice(0, 4).map(({ trace_id }) => trace_id)).size).toBe(1);
    expect(notes).not.toEqual([]);
  });
  it('names of enums are numbers, and numbers are numbers', () => {
    expect(json('traces', 'names.json').events.slice(0, 3)).toMatchObject([
      { outcome: 'failure' },
      { outcome: 'failure' },
      { outcome: 'failure' },
    ]);
    expect(json('logs', 'numbers.json').events.slice(0, 3)).toMatchObject([
      { duration_ms: 12.5 },
      { http_status: 200 },
      { http_status: 200 },
    ]);
  });
  it('times that are none are refused', () => {
    expect(json('logs', 'times.json').refused).toHaveLength(3);
  });
});
