import { describe, expect, test } from 'vitest';
import { EVENT_TYPES } from '../../src/events/catalogue.ts';
import { checkEvent, httpBounds, importBounds } from '../../src/events/checker.ts';
import { EXAMPLES } from '../../src/events/examples.ts';
import { eventJsonSchemas } from '../../src/events/json-schema.ts';
import { parseTime } from '../../src/events/time.ts';

const NOW = Date.UTC(2026, 2, 1, 10);
const bounds = httpBounds(NOW);
const started = { id: 'e-1', type: 'enrollment.started', time: '2026-03-01T09:30:00Z', source: 'app', attempt_id: 'a-1' };

test('every type of the catalogue has an example, and every example is valid', () => {
  expect(EXAMPLES.map(({ type }) => type)).toEqual([...EVENT_TYPES]);
  for (const example of EXAMPLES) expect(checkEvent(example, bounds), example.type).toMatchObject({ ok: true });
});

test('every type has a JSON Schema that closes its fields and requires what the contract requires', () => {
  const schemas = eventJsonSchemas();
  expect(schemas.size).toBe(EVENT_TYPES.length);
  expect(schemas.get('enrollment.started.json')).toMatchObject({
    additionalProperties: false,
    required: expect.arrayContaining(['id', 'time', 'source', 'type', 'attempt_id']),
  });
  expect(schemas.get('recovery.failed.json')).toMatchObject({ required: expect.arrayContaining(['recovery_id']) });
  expect(schemas.get('recovery.codes_issued.json')?.required).not.toContain('recovery_id');
});

/** Each refused twin: what is changed, and what the message must name. */
const INVALID: readonly [title: string, event: unknown, message: RegExp][] = [
  ['no object', 7, /expected an event: a JSON object/],
  ['an array', [started], /expected an event: a JSON object/],
  ['null', null, /expected an event: a JSON object/],
  ['no type', { ...started, type: undefined }, /^type: is missing/],
  ['an unknown type', { ...started, type: 'enrollment.begun' }, /^type: is not one of the catalogue/],
  ['a type of Object.prototype', { ...started, type: 'constructor' }, /^type: is not one of the catalogue/],
  ['no id', { ...started, id: undefined }, /^id: is missing/],
  ['a number as id', { ...started, id: 7 }, /^id: expected string/],
  ['a space in the id', { ...started, id: 'a b' }, /^id: expected 1 to 128 characters/],
  ['an empty id', { ...started, id: '' }, /^id: expected 1 to 128 characters/],
  ['an id of 129 characters', { ...started, id: 'x'.repeat(129) }, /^id: expected 1 to 128 characters/],
  ['an e-mail address in the id', { ...started, id: 'for:ada@example.org' }, /^id: contains an e-mail address/],
  ['an e-mail address in the attempt_id', { ...started, attempt_id: 'ada@example.org' }, /^attempt_id: contains an e-mail address/],
  [
    'a token in the factor_id',
    { ...started, factor_id: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln' },
    /^factor_id: contains a JSON Web Token/,
  ],
  ['no attempt_id on an enrollment', { ...started, attempt_id: undefined }, /^attempt_id: is missing/],
  ['no recovery_id on a recovery', { ...started, type: 'recovery.started', attempt_id: undefined }, /^recovery_id: is missing/],
  ['no source', { ...started, source: undefined }, /^source: is missing/],
  ['no time', { ...started, time: undefined }, /^time: is missing/],
  ['a time without a zone', { ...started, time: '2026-03-01T09:30:00' }, /^time: expected an RFC 3339 date-time with offset/],
  ['a time with a space', { ...started, time: '2026-03-01 09:30:00Z' }, /^time: expected an RFC 3339/],
  ['30 February', { ...started, time: '2026-02-30T09:30:00Z' }, /^time: names a date or time that does not exist/],
  ['29 February of no leap year', { ...started, time: '2026-02-29T09:30:00Z' }, /^time: names a date or time that does not exist/],
  ['the 24th hour', { ...started, time: '2026-03-01T24:00:00Z' }, /^time: names a date or time that does not exist/],
  ['the year 1970', { ...started, time: '1970-01-01T00:00:00Z' }, /^time: is before 2025-01-25/],
  ['the year 2100', { ...started, time: '2100-01-01T00:00:00Z' }, /^time: is more than 5 minutes ahead/],
  ['six minutes ahead', { ...started, time: '2026-03-01T10:06:00Z' }, /^time: is more than 5 minutes ahead/],
  ['a wrong expires_at', { ...started, expires_at: '2026-13-01T00:00:00Z' }, /^expires_at: names a date or time/],
  ['an unknown field', { ...started, colour: 'red' }, /unknown field colour/],
  [
    'a __proto__ key',
    JSON.parse('{"id":"a","type":"api.request","time":"2026-03-01T09:30:00Z","source":"s","__proto__":{"x":1}}'),
    /unknown field __proto__/,
  ],
  ['a field name with control characters', { ...started, '\u001b[31m': 1 }, /unknown field \?\[31m/],
  ['an unknown factor', { ...started, factor_type: 'carrier_pigeon' }, /^factor_type: /],
  ['an unknown traffic', { ...started, traffic: 'robot' }, /^traffic: /],
  ['an unknown error class', { ...started, error_class: 'cosmic' }, /^error_class: /],
  ['a label of 65 characters', { ...started, region: 'x'.repeat(65) }, /^region: expected at most 64 characters/],
  ['a reason of 10 MB', { ...started, reason: 'x'.repeat(10_000_000) }, /^reason: expected at most 128 characters/],
  ['a status as text', { ...started, http_status: '200' }, /^http_status: expected number/],
  ['a status of 99', { ...started, http_status: 99 }, /^http_status: /],
  ['a fractional status', { ...started, http_status: 200.5 }, /^http_status: /],
  ['a negative duration', { ...started, duration_ms: -1 }, /^duration_ms: /],
  ['a risk above 1', { ...started, risk_score: 1.1 }, /^risk_score: /],
  ['a currency in lower case', { ...started, cost_currency: 'eur' }, /^cost_currency: expected an ISO 4217 code/],
  ['a country by name', { ...started, country: 'Netherlands' }, /^country: expected an ISO 3166/],
  ['a short trace_id', { ...started, trace_id: 'abc' }, /^trace_id: expected 32 hexadecimal digits/],
  ['a number among the attributes', { ...started, attributes: { a: 1 } }, /^attributes\.a: expected string/],
  [
    '33 attributes',
    { ...started, attributes: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`k${i}`, ''])) },
    /^attributes: expected at most 32 entries/,
  ],
  ['half of a surrogate pair', { ...started, reason: 'a\ud800' }, /^reason: contains half of a surrogate pair/],
  ['half of a surrogate pair in an attribute', { ...started, attributes: { k: '\udc00' } }, /^attributes: contains half/],
  ['another schema_version', { ...started, schema_version: 2 }, /^schema_version: /],
];

describe('refuses, naming the field and what is wrong:', () => {
  test.each(INVALID)('%s', (_title, event, message) => {
    // JSON has no undefined: a field that is undefined here is one that is missing.
    const asJson =
      event === undefined || Array.isArray(event) || typeof event !== 'object' || event === null || Object.hasOwn(event, '__proto__')
        ? event
        : JSON.parse(JSON.stringify(event));
    const checked = checkEvent(asJson, bounds);
    expect(checked.ok).toBe(false);
    if (!checked.ok) expect(checked.message).toMatch(message);
  });
});

test('a message repeats no value of the event', () => {
  const checked = checkEvent({ ...started, user: 'x'.repeat(600), reason: `secret-seed-${'x'.repeat(200)}` }, bounds);
  expect(JSON.stringify(checked)).not.toContain('secret-seed');
});

test('accepts what is at the edge of a rule', () => {
  for (const event of [
    { ...started, id: 'x'.repeat(128) },
    { ...started, id: 'AZaz09._:/@+=-' },
    { ...started, region: 'x'.repeat(64), reason: 'x'.repeat(128) },
    { ...started, time: '2026-03-01T10:05:00Z' },
    { ...started, time: '2026-03-01t11:30:00.123456789+02:00' },
    { ...started, time: '2028-02-29T00:00:00Z'.replace('2028', '2026').replace('02-29', '02-28') },
    { ...started, schema_version: '1', risk_score: 1, duration_ms: 0 },
  ])
    expect(checkEvent(event, bounds)).toMatchObject({ ok: true });
});

test('import takes any time since 2000', () => {
  expect(checkEvent({ ...started, time: '2000-01-01T00:00:00Z' }, importBounds(NOW))).toMatchObject({ ok: true });
  expect(checkEvent({ ...started, time: '1999-12-31T23:59:59Z' }, importBounds(NOW))).toMatchObject({ ok: false });
});

test('times are read with their offset and cut to the millisecond', () => {
  expect(parseTime('2026-03-01T09:30:00Z')).toBe(Date.UTC(2026, 2, 1, 9, 30));
  expect(parseTime('2026-03-01T09:30:00.9999+05:30')).toBe(Date.UTC(2026, 2, 1, 4, 0, 0, 999));
  expect(parseTime('2028-02-29T23:59:59-00:30')).toBe(Date.UTC(2028, 2, 1, 0, 29, 59));
  expect(parseTime('2026-06-30T23:59:60Z')).toBeUndefined();
});
