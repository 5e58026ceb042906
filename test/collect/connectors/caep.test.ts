/** Security event tokens: what a change of a credential becomes, in whichever form the token comes and however it names its subject. */
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { caep } from '../../../src/collect/connectors/caep.ts';
import { recordsOf } from '../../../src/collect/import/record-file.ts';

type Json = Record<string, unknown>;
const context = { fingerprint: (text: string) => `f(${text.length})` };
function eventsOf(record: unknown): Json[] {
  const mapped = caep.map(record, context);
  return mapped.kind === 'events' ? (mapped.events as Json[]) : [];
}

const URI = 'https://schemas.openid.net/secevent/caep/event-type/credential-change';
const change = (event: Json = {}, token: Json = {}): Json => ({
  ...{ iss: 'https://idp.example.org', jti: 'jti-1', iat: 1_795_168_700, sub_id: { format: 'email', email: 'ada@example.org' } },
  events: { [URI]: { change_type: 'create', credential_type: 'fido2-roaming', event_timestamp: 1_795_168_800, ...event } },
  ...token,
});
const jwt = (payload: unknown) => `eyJ0eXAiOiJzZWNldmVudCtqd3QifQ.${Buffer.from(JSON.stringify(payload)).toString('base64url')}.c2ln`;

test('a change says what, of what, whose, when and why', () => {
  expect(eventsOf(change({ initiating_entity: 'admin', reason_admin: { en: 'lost phone' } }))).toEqual([
    expect.objectContaining({
      ...{ id: 'jti-1', source: 'caep', type: 'enrollment.completed', factor_type: 'webauthn', user: 'ada@example.org' },
      ...{ actor: 'admin', reason: 'lost phone', time: '2026-11-20T10:00:00.000Z', outcome: 'success' },
    }),
  ]);
  expect(eventsOf(change({ event_timestamp: undefined, initiating_entity: 'user' }))).toEqual([
    expect.not.objectContaining({ actor: expect.anything() }),
  ]);
});

test.each([
  ['create', 'app', 'enrollment.completed', 'other'],
  ['update', 'phone-sms', 'factor.rotated', 'sms'],
  ['revoke', 'phone-voice', 'factor.revoked', 'voice'],
  ['delete', 'x509', 'factor.revoked', 'certificate'],
])('%s of %s is %s of %s', (change_type, credential_type, type, factor_type) => {
  expect(eventsOf(change({ change_type, credential_type }))).toMatchObject([{ type, factor_type }]);
});

test.each([
  ['a password', change({ credential_type: 'password' })],
  ['a pin', change({ credential_type: 'pin' })],
  ['something unknown', change({ change_type: 'toString', credential_type: 'constructor' })],
  ['another event', { ...change(), events: { 'https://schemas.openid.net/secevent/caep/event-type/session-revoked': {} } }],
  ['no events', { ...change(), events: null }],
  ['a token that is none', 'a.b.c'],
  ['a token of brackets', `a.${Buffer.from('['.repeat(5_000) + ']'.repeat(5_000)).toString('base64url')}.c`],
])('%s is nothing of ours', (_name, record) => expect(eventsOf(record)).toEqual([]));

test.each<[string, Json]>([
  ['ada@example.org', { format: 'email', email: 'ada@example.org' }],
  ['u-1', { format: 'iss_sub', iss: 'https://idp.example.org', sub: 'u-1' }],
  ['o-1', { format: 'opaque', id: 'o-1' }],
  ['acct:ada@example.org', { format: 'account', uri: 'acct:ada@example.org' }],
  ['u-2', { format: 'complex', device: { format: 'opaque', id: 'd' }, user: { format: 'iss_sub', iss: 'i', sub: 'u-2' } }],
  [
    'u-3',
    {
      format: 'aliases',
      identifiers: [
        { format: 'opaque', id: 'u-3' },
        { format: 'email', email: 'x@example.org' },
      ],
    },
  ],
])('it is of %s', (user, sub_id) => {
  expect(eventsOf(change({}, { sub_id }))).toMatchObject([{ user }]);
  // Older tokens name it in the event.
  expect(eventsOf(change({ subject: sub_id }, { sub_id: undefined }))).toMatchObject([{ user }]);
});

test('of nobody it knows, and at no time it knows, it says so', () => {
  expect(eventsOf(change({}, { sub_id: { format: 'new', thing: 1 } }))).toEqual([expect.not.objectContaining({ user: expect.anything() })]);
  expect(caep.map(change({ event_timestamp: 'soon' }, { iat: undefined }), context)).toMatchObject({ kind: 'rejected' });
});

test('a token comes as a line of a file, in a list, or in the answer of a poll', async () => {
  const poll = { sets: { 'jti-1': jwt(change()), 'jti-2': jwt(change({}, { jti: 'jti-2' })) }, moreAvailable: false };
  expect(eventsOf(poll).map(({ id }) => id)).toEqual(['jti-1', 'jti-2']);
  for (const text of [
    `${jwt(change())}\n${jwt(change({}, { jti: 'jti-2' }))}\n`,
    JSON.stringify([jwt(change()), change({}, { jti: 'jti-2' })]),
  ]) {
    const read = await Array.fromAsync(recordsOf(Readable.from([Buffer.from(text)]), caep.ofLine));
    expect(read.flatMap(({ record }) => ('value' in record ? eventsOf(record.value) : [])).map(({ id }) => id)).toEqual(['jti-1', 'jti-2']);
  }
});
