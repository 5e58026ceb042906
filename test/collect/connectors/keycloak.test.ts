/** Keycloak's events, of each kind and version: what each act becomes, once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { keycloak } from '../../../src/collect/connectors/keycloak.ts';
import { recordsOf } from '../../../src/collect/import/record-file.ts';
import { have, pathOf } from '../../support/counterparts.ts';

type Json = Record<string, unknown>;
const context = { fingerprint: (text: string) => `f(${text})` };
function eventsOf(record: unknown): Json[] {
  const mapped = keycloak.map(record, context);
  if (mapped.kind === 'rejected') throw new Error(mapped.message);
  return mapped.kind === 'events' ? (mapped.events as Json[]) : [];
}

const TIME = 1_795_990_449_264;
/** A user event as versions with ids write it. */
const event = (type: string, details: Json = {}, more: Json = {}): Json => ({
  ...{ id: `id-${type}`, time: TIME, type, realmId: 'realm-1', clientId: 'app', userId: 'user-1', ipAddress: '192.0.2.7' },
  details: { code_id: 'session-1', ...details },
  ...more,
});
/** The same of an older version, or of the log. */
const withoutId = (type: string, details: Json = {}, more: Json = {}) => event(type, details, { id: undefined, ...more });
const admin = (operationType: string, resourceType: string, resourcePath?: string, more: Json = {}): Json => ({
  ...{ id: 'id-a', time: TIME, realmId: 'realm-1', operationType, resourceType, resourcePath },
  authDetails: { realmId: 'master', clientId: 'c', userId: 'admin-1', ipAddress: '192.0.2.9' },
  ...more,
});
const otp = { credential_type: 'otp', custom_required_action: 'CONFIGURE_TOTP' };
const key = { credential_type: 'webauthn', custom_required_action: 'webauthn-register', public_key_credential_id: 'k' };
const recovery = { credential_type: 'recovery-authn-codes' };

describe('of two events that tell of one act, one is taken', () => {
  const told = (...records: Json[]) => records.flatMap(eventsOf).map(({ type, factor_type }) => `${type} ${factor_type ?? ''}`.trim());
  test.each<[string, Json[], string[]]>([
    ['an authenticator app', [event('UPDATE_TOTP', otp), event('UPDATE_CREDENTIAL', otp)], ['enrollment.completed totp']],
    [
      'the same of 26.0 and of the log',
      [withoutId('UPDATE_TOTP', otp), withoutId('UPDATE_CREDENTIAL', otp)],
      ['enrollment.completed totp'],
    ],
    ['the same of 22', [withoutId('UPDATE_TOTP', { custom_required_action: 'CONFIGURE_TOTP' })], ['enrollment.completed totp']],
    ['a key', [event('CUSTOM_REQUIRED_ACTION', key), event('UPDATE_CREDENTIAL', key)], ['enrollment.completed webauthn']],
    ['a key of 26.0', [withoutId('CUSTOM_REQUIRED_ACTION', key), withoutId('UPDATE_CREDENTIAL', key)], ['enrollment.completed webauthn']],
    ['a key of 22', [withoutId('CUSTOM_REQUIRED_ACTION', key)], ['enrollment.completed webauthn']],
    ['recovery codes', [event('UPDATE_CREDENTIAL', recovery)], ['recovery.codes_issued recovery_code']],
    ['recovery codes in the log', [withoutId('UPDATE_CREDENTIAL', recovery)], ['recovery.codes_issued recovery_code']],
    ['recovery codes of 26.0', [withoutId('CUSTOM_REQUIRED_ACTION', recovery)], ['recovery.codes_issued recovery_code']],
    ['a password', [event('UPDATE_PASSWORD'), event('UPDATE_CREDENTIAL', { credential_type: 'password' })], []],
    [
      'a key that the browser refuses',
      [event('UPDATE_CREDENTIAL_ERROR', key, { error: 'x' }), event('CUSTOM_REQUIRED_ACTION_ERROR', key, { error: 'x' })],
      ['enrollment.failed webauthn'],
    ],
    [
      'the same of 26.0',
      [withoutId('UPDATE_CREDENTIAL_ERROR', key, { error: 'x' }), withoutId('CUSTOM_REQUIRED_ACTION_ERROR', key, { error: 'x' })],
      ['enrollment.failed webauthn'],
    ],
    [
      'an app that is removed',
      [event('REMOVE_TOTP', { credential_type: 'otp' }), event('REMOVE_CREDENTIAL', { credential_type: 'otp' })],
      ['factor.revoked totp'],
    ],
    [
      'the same of 26.0',
      [withoutId('REMOVE_TOTP', { credential_type: 'otp' }), withoutId('REMOVE_CREDENTIAL', { credential_type: 'otp' })],
      ['factor.revoked totp'],
    ],
    ['the same of 25', [withoutId('REMOVE_TOTP')], ['factor.revoked totp']],
    ['a key that is removed', [event('REMOVE_CREDENTIAL', { credential_type: 'webauthn' })], ['factor.revoked webauthn']],
    [
      'going back',
      [event('CUSTOM_REQUIRED_ACTION_ERROR', { custom_required_action: 'CONFIGURE_TOTP' }, { error: 'rejected_by_user' })],
      ['enrollment.cancelled'],
    ],
    ['the same of 26.0', [withoutId('CUSTOM_REQUIRED_ACTION', { custom_required_action: 'CONFIGURE_TOTP' })], ['enrollment.cancelled']],
    [
      'going back from a removal',
      [event('CUSTOM_REQUIRED_ACTION_ERROR', { custom_required_action: 'delete_credential' }, { error: 'rejected_by_user' })],
      [],
    ],
    [
      'a page that is too old',
      [event('CUSTOM_REQUIRED_ACTION_ERROR', {}, { error: 'expired_code', userId: undefined })],
      ['enrollment.expired'],
    ],
  ])('%s', (_name, records, expected) => {
    expect(told(...records)).toEqual(expected);
    expect(told(...records.toReversed())).toEqual(expected);
  });
});

describe('log-ins', () => {
  test.each<[string, Json, Json[]]>([
    ['with an app', event('LOGIN', { selected_credential_id: 'c' }), [{ type: 'challenge.approved', factor_type: 'totp', user: 'user-1' }]],
    ['with a key', event('LOGIN', { credential_type: 'webauthn' }), [{ type: 'challenge.approved', factor_type: 'webauthn' }]],
    ['with a recovery code', event('LOGIN', recovery), [{ type: 'recovery.completed', recovery_id: expect.stringContaining('keycloak:') }]],
    ['that end an enrollment', event('LOGIN', key), []],
    ['with a password alone', event('LOGIN', { username: 'ada' }), []],
    ['that carry an error', event('LOGIN', { selected_credential_id: 'c' }, { error: 'credential_not_found' }), []],
    [
      'with a wrong code',
      event('LOGIN_ERROR', { selected_credential_id: 'c' }, { error: 'invalid_user_credentials' }),
      [{ type: 'challenge.denied', factor_type: 'totp' }],
    ],
    ['with a wrong password', event('LOGIN_ERROR', { username: 'ada' }, { error: 'invalid_user_credentials' }), []],
    ['with a wrong recovery code', event('LOGIN_ERROR', recovery, { error: 'invalid_user_credentials' }), [{ type: 'recovery.failed' }]],
    [
      'of somebody locked out',
      event('LOGIN_ERROR', {}, { error: 'user_temporarily_disabled' }),
      [{ type: 'access.blocked', reason: 'user_temporarily_disabled' }],
    ],
    ['that lock out', event('USER_DISABLED_BY_TEMPORARY_LOCKOUT'), [{ type: 'access.blocked', reason: 'temporary_lockout' }]],
  ])('%s', (_name, record, expected) => {
    expect(eventsOf(record)).toEqual(expected.map((each) => expect.objectContaining(each)));
  });

  test('of a wrong key name nobody, since the event does not', () => {
    const [denied] = eventsOf(
      event('LOGIN_ERROR', { credential_type: 'webauthn' }, { error: 'invalid_user_credentials', userId: undefined }),
    );
    expect(denied).toMatchObject({ type: 'challenge.denied', factor_type: 'webauthn' });
    expect(denied).not.toHaveProperty('user');
  });
});

describe('what administrators do', () => {
  test.each<[string, Json, Json[]]>([
    [
      'to a factor',
      admin('ACTION', 'USER', 'users/user-1/credentials/c', { details: { credential_type: 'otp' } }),
      [{ type: 'factor.revoked', user: 'user-1', actor: 'admin-1', factor_type: 'totp', ip: '192.0.2.9' }],
    ],
    ['to a factor, before 26.7', admin('ACTION', 'USER', 'users/user-1/credentials/c'), [{ type: 'factor.revoked', user: 'user-1' }]],
    [
      'to a password',
      admin('ACTION', 'USER', 'users/user-1/credentials/c', { details: { credential_type: 'password' } }),
      [{ type: 'admin.action', action: 'delete_password' }],
    ],
    [
      'to whom they reset',
      admin('ACTION', 'USER', 'users/user-1/reset-password'),
      [{ type: 'admin.action', action: 'password_reset', user: 'user-1', actor: 'admin-1' }],
    ],
    ['to all sessions', admin('ACTION', 'REALM', 'logout-all'), [{ type: 'admin.action', action: 'session_ended' }]],
    [
      'to a lock-out',
      admin('DELETE', 'USER_LOGIN_FAILURE', 'attack-detection/brute-force/users/user-1'),
      [{ type: 'admin.action', action: 'unlock', user: 'user-1' }],
    ],
    ['to an account', admin('DELETE', 'USER', 'users/user-1'), [{ type: 'factor.deprovisioned', user: 'user-1' }]],
    [
      'to what somebody has to set up',
      admin('UPDATE', 'USER', 'users/user-1', { representation: '{"requiredActions":["CONFIGURE_TOTP"]}' }),
      [{ type: 'admin.action', action: 'required_actions' }],
    ],
    ['to a name', admin('UPDATE', 'USER', 'users/user-1', { representation: '{"firstName":"Ada","requiredActions":[]}' }), []],
    ['with a body that is no JSON', admin('UPDATE', 'USER', 'users/user-1', { representation: '{"requiredActions"' }), []],
    [
      'to a flow',
      admin('UPDATE', 'AUTH_EXECUTION', 'authentication/flows/browser/executions'),
      [{ type: 'policy.changed', actor: 'admin-1' }],
    ],
    ['to what is saved', admin('UPDATE', 'REALM', 'events/config'), [{ type: 'policy.changed' }]],
    ['to a realm, of which nothing says what', admin('UPDATE', 'REALM', undefined, { representation: '{"otpPolicyDigits":6}' }), []],
    ['to a client', admin('CREATE', 'CLIENT', 'clients/c'), []],
  ])('%s', (_name, record, expected) => {
    expect(eventsOf(record)).toEqual(expected.map((each) => expect.objectContaining(each)));
  });

  test('as somebody else', () => {
    expect(eventsOf(event('IMPERSONATE', { impersonator: 'root', impersonator_realm: 'master' }))).toMatchObject([
      { type: 'admin.action', action: 'impersonation_started', user: 'user-1', actor: 'root' },
    ]);
  });
});

describe('lines of the log', () => {
  const line = (message: string) => ({ timestamp: '2026-11-29T22:14:09.264Z', loggerName: 'org.keycloak.events', message });
  test('say the same, quoted or not', () => {
    const quoted =
      'type="REMOVE_CREDENTIAL", realmId="r", realmName="acme", userId="user-1", ipAddress="192.0.2.7", error="null", credential_type="webauthn", label="a \\"b\\", c=d"';
    const plain =
      "type=REMOVE_CREDENTIAL, realmId=r, clientId=null, userId=user-1, ipAddress=192.0.2.7, label='a, b', credential_type=webauthn";
    for (const message of [quoted, plain])
      expect(eventsOf(line(message))).toMatchObject([
        { type: 'factor.revoked', factor_type: 'webauthn', user: 'user-1', time: '2026-11-29T22:14:09.264Z' },
      ]);
  });
  test('of administrators name who acts, and no realm', () => {
    const message =
      'operationType="ACTION", realmId="m", realmName="master", clientId="c", userId="admin-1", ipAddress="192.0.2.9", resourceType="USER", resourcePath="users/user-1/logout"';
    const [done] = eventsOf(line(message));
    expect(done).toMatchObject({ type: 'admin.action', action: 'session_ended', user: 'user-1', actor: 'admin-1', ip: '192.0.2.9' });
    expect(done).not.toHaveProperty('tenant');
  });
  test('are read from text too, among others', async () => {
    const text = [
      '2026-11-29 22:14:09,264 WARN  [org.keycloak.events] (executor-thread-7) type="LOGIN_ERROR", realmId="r", userId="user-1", error="user_disabled"',
      '2026-11-29 22:14:09,265 INFO  [io.quarkus] (main) Keycloak 26.7.3 started',
      '\tat org.keycloak.Some.method(Some.java:1)',
      JSON.stringify(line('type="REMOVE_TOTP", userId="user-1"')),
      '',
    ].join('\n');
    const read = await Array.fromAsync(recordsOf(Readable.from([Buffer.from(text)]), keycloak.ofLine));
    const found = read.flatMap(({ record }) => ('value' in record ? eventsOf(record.value) : [{ unreadable: record.unreadable }]));
    expect(read).toHaveLength(4);
    expect(found).toMatchObject([
      { type: 'access.blocked', user: 'user-1', time: '2026-11-29T22:14:09.264Z' },
      { type: 'factor.revoked', user: 'user-1' },
    ]);
  });
  test('that are none of an event, or endless, are left alone', () => {
    expect(eventsOf(line('something else'))).toEqual([]);
    expect(eventsOf(line(`type="LOGIN", ${'a="b", '.repeat(100_000)}`))).toEqual([]);
    expect(eventsOf({ ...line('type="REMOVE_TOTP"'), loggerName: 'another' })).toEqual([]);
  });
});

interface Row {
  n: number;
  what: string;
  truth?: { meaning: string; visible?: boolean; event_ids?: string[] }[];
}

describe.runIf(have('shared'))('a driven Keycloak', () => {
  const folder = () => join(pathOf('shared'), 'samples', 'keycloak-real');
  const read = <T>(name: string): T => JSON.parse(readFileSync(join(folder(), name), 'utf8')) as T;

  test('every readable act comes out once, but for settings of a whole realm', () => {
    const given = [...read<Json[]>('events.json'), ...read<Json[]>('admin-events.json')];
    const byId = new Map(given.map((record) => [record.id, eventsOf(record).map(({ type }) => type)]));
    const wrong: string[] = [];
    let right = 0;
    for (const { n, what, truth = [] } of read<{ rows: Row[] }>('truth.json').rows)
      for (const { meaning, visible, event_ids = [] } of truth) {
        if (!visible) continue;
        const types = event_ids.flatMap((id) => byId.get(id) ?? []);
        if (types.length === 1 && types[0] === meaning.split(':')[0]) right += 1;
        else wrong.push(`${n} ${what}: ${meaning}, not ${types.join()}`);
      }
    expect(right).toBeGreaterThan(115);
    // Eleven changes of settings for which the one before has to be known, and a person without a factor who was deleted.
    expect(wrong.filter((each) => !/: policy\.changed, not $/.test(each) && !each.includes('deletes the user (no factor)'))).toEqual([]);
  });

  test('its log tells the same as its interface', () => {
    const counted = (records: readonly unknown[]) => {
      const counts: Record<string, number> = {};
      for (const { type, factor_type } of records.flatMap(eventsOf)) {
        const name = `${type} ${factor_type ?? ''}`;
        counts[name] = (counts[name] ?? 0) + 1;
      }
      return counts;
    };
    const lines = readFileSync(join(folder(), 'console.json.ndjson'), 'utf8').trim().split('\n');
    const rest = [...read<Json[]>('events.json'), ...read<Json[]>('admin-events.json')];
    expect(counted(lines.map((line) => JSON.parse(line) as unknown))).toEqual(counted(rest));
    const text = readFileSync(join(folder(), 'listener.log'), 'utf8').split('\n');
    expect(counted(text.map((line) => keycloak.ofLine?.(line)))).toEqual(counted(rest));
  });
});
