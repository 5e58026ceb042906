/** OneLogin's events: which say something of factors, whose, and by whom. */
import { expect, test } from 'vitest';
import { onelogin } from '../../../src/collect/connectors/onelogin.ts';

type Json = Record<string, unknown>;
const context = { fingerprint: () => 'f' };
const event = (event_type_id: unknown, more: Json = {}): Json => ({
  ...{
    id: 7,
    created_at: '2026-11-20T10:00:00.000Z',
    event_type_id,
    user_id: 1,
    user_name: 'Ada',
    actor_user_id: 1,
    actor_user_name: 'Ada',
  },
  ...more,
});
function eventsOf(record: unknown): Json[] {
  const mapped = onelogin.map(record, context);
  return mapped.kind === 'events' ? (mapped.events as Json[]) : [];
}

test.each([
  [171, 'OneLogin Protect', 'enrollment.completed', 'push'],
  ['172', 'Google Authenticator', 'factor.revoked', 'totp'],
  [171, 'WebAuthn', 'enrollment.completed', 'webauthn'],
  [172, 'OneLogin SMS', 'factor.revoked', 'sms'],
  [171, '2FA Name', 'enrollment.completed', undefined],
])('type %s of %s is %s of %s', (id, authentication_factor_description, type, factor_type) => {
  const [made] = eventsOf(event(id, { authentication_factor_description }));
  expect(made).toMatchObject({ id: '7', type, user: 'Ada', time: '2026-11-20T10:00:00.000Z' });
  expect(made?.factor_type).toBe(factor_type);
  expect(made).not.toHaveProperty('actor');
});

test('what somebody else does names both', () => {
  expect(eventsOf(event(24, { otp_device_name: 'Yubikey', actor_user_name: 'Root' }))).toMatchObject([
    { type: 'factor.revoked', factor_type: 'hardware_otp', user: 'Ada', actor: 'Root' },
  ]);
  expect(eventsOf(event(24, { user_name: null, user_id: null, actor_user_name: 'Root' }))).toEqual([
    expect.not.objectContaining({ user: expect.anything() }),
  ]);
});

test('another type is nothing of ours; a time that is missing is said', () => {
  for (const id of [5, 'constructor', null, undefined]) expect(onelogin.map(event(id), context).kind).toBe('ignored');
  expect(onelogin.map(event(172, { created_at: null }), context)).toMatchObject({
    kind: 'rejected',
    message: expect.stringContaining('no time'),
  });
  expect(eventsOf(event(172, { created_at: undefined, event_timestamp: 1_795_168_800 }))).toMatchObject([
    { time: '2026-11-20T10:00:00.000Z' },
  ]);
});
