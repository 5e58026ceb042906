/** CloudEvents 1.0 by the specification's own examples of form: structured, batched, binary, and what each refuses. */
import { describe, expect, test } from 'vitest';
import { catalogueType, fromBinary, fromStructured, isBinaryMode } from '../../src/collect/cloudevents.ts';
import { CONNECTORS } from '../../src/collect/connectors/index.ts';
import { checkEvent, importBounds } from '../../src/events/checker.ts';

const envelope = {
  specversion: '1.0',
  id: 'e-1',
  source: 'https://app.example.org/enroll',
  type: 'org.example.enrollment.started',
  time: '2026-03-01T09:30:00Z',
};
const data = { attempt_id: 'a-1', user: 'ada@example.org', factor_type: 'totp' };
const event = { id: 'e-1', source: envelope.source, type: 'enrollment.started', time: envelope.time, ...data };
const headers = Object.fromEntries(Object.entries(envelope).map(([name, value]) => [`ce-${name}`, value]));
const body = Buffer.from(JSON.stringify(data));

test('structured: the envelope gives id, source, type and time, its data the fields', () => {
  const made = fromStructured({ ...envelope, datacontenttype: 'application/json; charset=utf-8', subject: 'x', data });
  expect(made).toEqual({ value: event });
  expect(checkEvent((made as { value: unknown }).value, importBounds(Date.UTC(2026, 3, 1)))).toMatchObject({ ok: true });
  expect(fromStructured({ ...envelope, data_base64: body.toString('base64') })).toEqual({ value: event });
  // What is null is not there, and a time that only the data has is a time.
  const { time, ...timeless } = envelope;
  expect(fromStructured({ ...timeless, datacontenttype: null, data_base64: null, time: null, data: { ...data, time } })).toEqual({
    value: event,
  });
});

test('binary: attributes in headers, unquoted and percent-decoded once, data in the body', () => {
  expect(isBinaryMode(headers)).toBe(true);
  expect(isBinaryMode({ ...headers, 'ce-id': undefined })).toBe(false);
  expect(fromBinary({ ...headers, 'content-type': 'application/json' }, body)).toEqual({ value: event });
  expect(fromBinary({ ...headers, 'ce-id': '"e%2D\\"1%2541"' }, body)).toEqual({ value: { ...event, id: 'e-"1%41' } });
  expect(fromBinary(headers, Buffer.alloc(0))).toEqual({
    value: { id: 'e-1', source: envelope.source, type: event.type, time: event.time },
  });
});

test('a traceparent is the trace of the event, unless it is all zero or not one', () => {
  const of = (traceparent: unknown) => fromStructured({ ...envelope, traceparent, data: {} }) as { value: Record<string, unknown> };
  const [trace, span] = ['4bf92f3577b34da6a3ce929d0e0e4736', '00f067aa0ba902b7'];
  expect(of(`00-${trace}-${span}-01`).value).toMatchObject({ trace_id: trace, span_id: span });
  for (const wrong of [`00-${'0'.repeat(32)}-${span}-01`, `00-${trace}`, `ff-${trace}-${span}-01`, `00-${trace}-${span}-01, 00-x`, 7])
    expect(of(wrong).value.trace_id).toBeUndefined();
});

test('a type may stand behind a reverse domain name, and no other is guessed', () => {
  expect(catalogueType('enrollment.completed')).toBe('enrollment.completed');
  expect(catalogueType('io.muster.enrollment.completed')).toBe('enrollment.completed');
  expect(catalogueType('reenrollment.completed')).toBe('reenrollment.completed');
});

describe('refused, saying what is wrong:', () => {
  test.each([
    ['another version', { ...envelope, specversion: '0.3', data }, 'specversion: expected "1.0"'],
    ['two kinds of data', { ...envelope, data, data_base64: 'e30=' }, 'data and data_base64: expected only one of them'],
    ['data that is no object', { ...envelope, data: [1] }, 'data: expected a JSON object'],
    ['data that is not JSON', { ...envelope, data_base64: Buffer.from('<x/>').toString('base64') }, 'data: expected a JSON object'],
    ['data of another type', { ...envelope, datacontenttype: 'application/xml', data }, 'datacontenttype: expected JSON'],
    ['what is no object', 'text', 'expected a CloudEvent as a JSON object'],
  ])('%s', (_, value, message) => {
    expect(fromStructured(value)).toEqual({ unreadable: message });
  });

  test.each([
    ['a header that is not UTF-8', { 'ce-id': '%C0%A0' }, 'ce-id: not a valid header value'],
    ['a content type said twice', { 'ce-datacontenttype': 'application/json' }, 'ce-datacontenttype: Content-Type says what the data is'],
  ])('%s', (_, more, message) => {
    expect(fromBinary({ ...headers, ...(more as Record<string, string>) }, body)).toEqual({ unreadable: message });
  });

  test('a body that is not UTF-8', () => {
    expect(fromBinary(headers, Buffer.from([0x7b, 0xff, 0x7d]))).toEqual({ unreadable: 'data: expected a JSON object' });
  });
});

test('the importer reads them too', () => {
  const connector = CONNECTORS.find(({ name }) => name === 'cloudevents');
  const context = { fingerprint: () => '' };
  expect(connector?.map({ ...envelope, data }, context)).toEqual({ kind: 'events', events: [event] });
  expect(connector?.map({ ...envelope, specversion: 1 }, context)).toEqual({ kind: 'rejected', message: 'specversion: expected "1.0"' });
});

test('a source is any URI reference, shortened to one of its own, and the data any JSON', () => {
  const source = (text: string) => {
    const made = fromStructured({
      specversion: '1.0',
      id: '1',
      type: 'ux.error',
      source: text,
      datacontenttype: 'text/json; charset=utf-8',
    });
    return 'value' in made ? (made.value as { source: string }).source : made.unreadable;
  };
  expect(source('/sensors/tn-1234567')).toBe('/sensors/tn-1234567');
  const long = `https://idp.example.org/tenants/42?region=eu&name=${'x'.repeat(200)}`;
  expect(source(long)).toMatch(/^https:\/\/idp\.example\.org\/tenants\/42-region-eu-name-x*-[0-9a-f]{12}$/);
  expect(source(long)).toHaveLength(64);
  expect(source(`${long}y`)).not.toBe(source(long));
  // What names a person or holds a secret is refused as in any other source, however much of it would be left.
  for (const [carrying, what] of [
    ['mailto:ada.lovelace@example.org', 'an e-mail address'],
    ['mailto:ada.lovelace%40example.org', 'an e-mail address'],
    ['https://app.example/users?login=ada.lovelace@example.org', 'an e-mail address'],
    ['tel:+4915123456789', 'a phone number'],
    ['tel:+49-151-23456789', 'a phone number'],
    ['mailto:ada.lovelace＠example.org', 'an e-mail address'],
    ['urn:card:4111 1111 1111 1111', 'a card number'],
    ['urn:secret:JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP', 'a seed in base32'],
    ['/login?password＝Zebra99xx', 'a password or secret'],
    ['postgres://ada:hunter2secret@db/x', 'a password or secret'],
    ['https://app.example/reset?token=Zq8kfj39fkGHw82kd93kfTT1x', 'a password or secret'],
  ])
    expect(source(carrying as string)).toMatch(new RegExp(`^source: contains ${what}; ids must not`));
});
