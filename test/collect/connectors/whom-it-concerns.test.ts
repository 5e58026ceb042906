/** Whom and what a product's record concerns, when, and what is left of it when that is not known. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { connectorNamed } from '../../../src/collect/connectors/connector.ts';
import { mapUnwrapped } from '../../../src/collect/connectors/envelope.ts';
import { CONNECTORS } from '../../../src/collect/connectors/index.ts';
import { firstTime, productTime } from '../../../src/collect/connectors/product-time.ts';

type Json = Record<string, unknown>;
const context = { fingerprint: (text: string) => `f(${text})` };
const map = (source: string, record: unknown) => mapUnwrapped(connectorNamed(CONNECTORS, source), record, context);
function eventsOf(source: string, record: unknown): Json[] {
  const mapped = map(source, record);
  return mapped.kind === 'events' ? (mapped.events as Json[]) : [];
}

describe('times', () => {
  it.each<[unknown, string]>([
    ['/Date(1795168800000)/', '2026-11-20T10:00:00.000Z'],
    ['/Date(1795168800000+0100)/', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T10:00:00+0000', '2026-11-20T10:00:00+00:00'],
    ['2026-11-20 12:00:00 +0200', '2026-11-20T12:00:00+02:00'],
    ['2026-11-20 10:00:00 UTC', '2026-11-20T10:00:00Z'],
    ['2026-11-20T10:00:00,123Z', '2026-11-20T10:00:00.123Z'],
    ['2026-11-20T10:00:00.1234567890Z', '2026-11-20T10:00:00.123456789Z'],
    ['2026-11-20T10:00:00', '2026-11-20T10:00:00Z'],
    ['1795168800', '2026-11-20T10:00:00.000Z'],
    ['1795168800000', '2026-11-20T10:00:00.000Z'],
    [1_795_168_800, '2026-11-20T10:00:00.000Z'],
    [1_795_168_800_000_000, '2026-11-20T10:00:00.000Z'],
    [1_795_168_800.5, '2026-11-20T10:00:00.500Z'],
  ])('%j is %s', (value, time) => expect(productTime(value)).toBe(time));

  it.each(['2026-11-20T10: 41: 31+00: 00', 'yesterday', '2026-02-30T10:00:00Z', '20/11/2026 10:00', '/Date(x)/', '-5', '2026-11-20'])(
    '%j is none, and is named',
    (value) => expect(productTime(value)).toEqual({ unreadable: value }),
  );

  it('there is another beside a broken one', () => {
    expect(firstTime('2026-11-20T10: 41: 31+00: 00', undefined, 1_795_171_291)).toBe('2026-11-20T10:41:31.000Z');
    expect(firstTime('broken', undefined)).toEqual({ unreadable: 'broken' });
    expect(firstTime(undefined, null, '')).toBeUndefined();
  });

  it('is in the message when it is none', () => {
    expect(map('okta', okta('user.mfa.factor.activate', { published: 'last Friday' }))).toMatchObject({
      kind: 'rejected',
      message: expect.stringContaining('"last Friday"'),
    });
  });
});

const person = (name: string) => ({ type: 'User', id: `id-${name}`, alternateId: `${name}@example.org` });
const okta = (eventType: string, more: Json = {}): Json => ({
  uuid: 'u-1',
  published: '2026-11-20T10:00:00.000Z',
  eventType,
  outcome: { result: 'SUCCESS' },
  actor: person('root'),
  ...more,
});

describe('okta', () => {
  const reset = (target: unknown) => eventsOf('okta', okta('user.mfa.factor.reset_all', { target }));
  it('an administrator who resets is never the one who is reset', () => {
    for (const nobody of [null, undefined, [], {}, 'x'])
      expect(reset(nobody)).toEqual([expect.not.objectContaining({ user: expect.anything() })]);
    for (const one of [person('ada'), [person('ada')]])
      expect(reset(one)).toMatchObject([{ id: 'u-1', user: 'ada@example.org', actor: 'root@example.org' }]);
  });

  it('of several people each has an event, whatever their order', () => {
    const [forth, back] = [reset([person('ada'), person('bob')]), reset([person('bob'), person('ada')])];
    expect(forth.map(({ user }) => user)).toEqual(['ada@example.org', 'bob@example.org']);
    expect(new Set(forth.map(({ id }) => id)).size).toBe(2);
    expect(new Set(back.map(({ id }) => id))).toEqual(new Set(forth.map(({ id }) => id)));
  });

  it('who acts as themselves is whom it concerns', () => {
    expect(eventsOf('okta', okta('user.mfa.okta_verify.deny_push'))).toMatchObject([{ user: 'root@example.org' }]);
    expect(eventsOf('okta', okta('user.mfa.factor.activate'))).toEqual([expect.not.objectContaining({ user: expect.anything() })]);
  });

  it.each([
    ['Use Okta FastPass', 'push'],
    ['Get a push notification', 'push'],
    ['Enter a code', 'totp'],
    ['Security Key or Biometric Authenticator', 'webauthn'],
  ])('%s is %s', (methodTypeUsed, factor_type) => {
    const target = [person('ada'), { type: 'AuthenticatorEnrollment', displayName: 'Authenticator', detailEntry: { methodTypeUsed } }];
    expect(eventsOf('okta', okta('user.mfa.factor.activate', { target }))).toMatchObject([{ type: 'enrollment.completed', factor_type }]);
  });

  it.each([
    ['OKTA_VERIFY_TOTP', 'totp'],
    ['OKTA_VERIFY_PUSH', 'push'],
    ['GOOGLE_OTP', 'totp'],
    ['FIDO_WEBAUTHN', 'webauthn'],
    ['RSA_TOKEN', 'hardware_otp'],
  ])('of Classic, %s is %s', (factor, factor_type) => {
    expect(eventsOf('okta', okta('user.mfa.factor.activate', { debugContext: { debugData: { factor } } }))).toMatchObject([
      { factor_type },
    ]);
  });

  it('a password is no second factor', () => {
    const target = [person('ada'), { type: 'AuthenticatorEnrollment', detailEntry: { methodTypeUsed: 'Password' } }];
    expect(map('okta', okta('user.mfa.factor.activate', { target }))).toEqual({
      kind: 'ignored',
      type: 'user.mfa.factor.activate of a password',
    });
  });
});

describe('duo', () => {
  const activity = (more: Json): Json => ({
    action: { name: 'webauthncredential_create', details: null },
    activity_id: 'a-1',
    actor: { type: 'user', name: 'ada' },
    target: { type: 'webauthn_credential', name: 'WA1' },
    outcome: { result: 'SUCCESS' },
    ts: '2026-11-20T10:00:00.591015+00:00',
    ...more,
  });
  it('an activity says how it went, and whose it is', () => {
    expect(eventsOf('duo', activity({}))).toMatchObject([
      { id: 'a-1', type: 'enrollment.completed', user: 'ada', factor_type: 'webauthn' },
    ]);
    expect(eventsOf('duo', activity({ outcome: { result: 'FAILURE' } }))).toMatchObject([
      { type: 'enrollment.failed', error_class: 'client' },
    ]);
    const byAdmin = { actor: { type: 'admin', name: 'root' } };
    expect(eventsOf('duo', activity(byAdmin))).toEqual([expect.not.objectContaining({ user: expect.anything() })]);
    expect(eventsOf('duo', activity({ ...byAdmin, target: { type: 'user', name: 'bob' } }))).toMatchObject([
      { user: 'bob', actor: 'root' },
    ]);
  });

  it('messages of one transaction are each of their own', () => {
    const message = (telephony_id: string) => ({
      telephony_id,
      ts: '2026-11-20T10:00:00+00:00',
      txid: 'x',
      type: 'sms',
      phone: '+31612340003',
      credits: 1,
    });
    expect(['t-1', 't-2'].flatMap((id) => eventsOf('duo', message(id))).map(({ id }) => id)).toEqual(['t-1', 't-2']);
  });

  it('a phone number is no person, and a beginning that nothing ends is no start', () => {
    const record = (action: string, object: string | null) => ({
      action,
      object,
      username: 'root',
      isotimestamp: '2026-11-20T10:00:00+00:00',
    });
    const [created] = eventsOf('duo', record('phone_create', '612-340-004'));
    expect(created).toMatchObject({ type: 'enrollment.completed', destination: '612-340-004', actor: 'root' });
    expect(created).not.toHaveProperty('user');
    for (const action of ['activation_begin', 'send_enroll_codes'])
      expect(eventsOf('duo', record(action, null))).toMatchObject([{ type: 'admin.action', action }]);
  });
});

describe('google_workspace', () => {
  const disable = {
    type: '2sv_change',
    name: '2sv_disable',
    parameters: [
      { name: 'A', value: '1' },
      { name: 'B', value: '2' },
    ],
  };
  const edit = { type: 'recovery_info_change', name: 'recovery_phone_edit' };
  const activity = (events: unknown, more: Json = {}): Json => ({
    etag: '"1"',
    id: { time: '2026-11-20T11:00:00Z', uniqueQualifier: '1', applicationName: 'user_accounts', customerId: 'C' },
    actor: { email: 'ada@example.org' },
    events,
    ...more,
  });
  const ids = (record: unknown) => eventsOf('google_workspace', record).map(({ id }) => id);

  it('an activity in another order, or with another etag, is the same', () => {
    const swapped = { ...disable, parameters: disable.parameters.toReversed() };
    expect(new Set(ids(activity([edit, swapped], { etag: '"2"' })))).toEqual(new Set(ids(activity([disable, edit]))));
    expect(new Set(ids(activity([edit, edit]))).size).toBe(2);
    expect(ids(activity(edit))).toEqual(ids(activity([edit])));
  });

  it('an administrator is not the one whose factors go', () => {
    const admin = { id: { time: '2026-11-20T11:00:00Z', uniqueQualifier: '1', applicationName: 'admin' } };
    const turnOff = { name: 'TURN_OFF_2_STEP_VERIFICATION' };
    const [unnamed] = eventsOf('google_workspace', activity([turnOff], admin));
    expect(unnamed).toMatchObject({ type: 'factor.reset', actor: 'ada@example.org' });
    expect(unnamed).not.toHaveProperty('user');
    const named = { ...turnOff, parameters: [{ name: 'USER_EMAIL', value: 'bob@example.org' }] };
    expect(eventsOf('google_workspace', activity([named], admin))).toMatchObject([{ user: 'bob@example.org' }]);
  });
});

describe('envelopes', () => {
  const record = okta('user.mfa.factor.reset_all', { target: [person('ada')] });
  it.each<[string, unknown]>([
    ['EventBridge', { 'detail-type': 'SystemLog', source: 'aws.partner/okta.com', detail: record }],
    ['Splunk', { time: 1, event: record }],
    ['Splunk, as text', { event: JSON.stringify(record) }],
    ['a line of a log', { message: JSON.stringify(record) }],
    ['two of them', { log: JSON.stringify({ message: JSON.stringify(record) }) }],
  ])('%s is opened', (_, envelope) => expect(eventsOf('okta', envelope)).toEqual(eventsOf('okta', record)));

  it('what is no record of the product stays ignored, and says its type', () => {
    expect(map('okta', { message: 'plain text' })).toEqual({ kind: 'ignored' });
    expect(map('okta', { detail: okta('user.session.start') })).toEqual({ kind: 'ignored', type: 'user.session.start' });
    expect(map('okta', { message: `{${'['.repeat(10_000)}` })).toEqual({ kind: 'ignored' });
  });
});

const CASES = join(import.meta.dirname, '../../../../shared/cases');
test.runIf(existsSync(CASES))('records on which it failed', () => {
  const records = (path: string) =>
    readFileSync(join(CASES, path), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown);
  const of = (source: string, path: string) => records(path).flatMap((record) => eventsOf(source, record));
  expect(of('okta', 'provider-records/reset.ndjson').map(({ user }) => user)).toEqual([
    undefined,
    'b06ada@example.org',
    'b06ada@example.org',
    'b06bob@example.org',
    'b06ada@example.org',
    undefined,
  ]);
  expect(of('okta', 'provider-records/oie.ndjson').map(({ factor_type }) => factor_type)).toEqual([
    'push',
    'totp',
    'push',
    'totp',
    'push',
    'webauthn',
  ]);
  expect(new Set(of('okta', 'provider-records/date.ndjson').map(({ time }) => time))).toEqual(new Set(['2026-11-20T10:00:00.000Z']));
  for (const record of records('provider-records/forms.ndjson')) {
    const mapped = map('okta', record);
    if (mapped.kind === 'events')
      expect((mapped.events as Json[]).map(({ time }) => new Date(String(time)).toISOString().slice(0, 19))).toEqual([
        '2026-11-20T10:00:00',
      ]);
    else expect(mapped).toMatchObject({ kind: 'rejected', message: expect.stringContaining('no time') });
  }
  expect(of('duo', 'provider-records/activity.ndjson').map(({ type }) => type)).toEqual(['enrollment.failed', 'enrollment.completed']);
  expect(of('duo', 'provider-records/admin.ndjson').map(({ user }) => user)).toEqual([undefined, undefined]);
  expect(new Set(of('duo', 'provider-records/telephony.ndjson').map(({ id }) => id)).size).toBe(3);
  expect(of('google_workspace', 'provider-records/object.ndjson')).toEqual(of('google_workspace', 'provider-records/list.ndjson'));
  for (const name of ['eventbridge', 'message']) expect(of('okta', `envelopes/${name}.ndjson`)).toMatchObject([{ id: 'b05-uuid-1' }]);
  const ids = (name: string) => new Set(of('google_workspace', `same-activity/${name}.ndjson`).map(({ id }) => id));
  expect(ids('swapped')).toEqual(ids('first'));
});
