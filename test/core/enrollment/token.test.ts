/** Enrollment tokens of the host application: what one says goes, for one factor of one person, and every other is refused. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, SignJWT } from 'jose';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { eraseUser } from '../../../src/core/ledger/erase.ts';
import type { Settings } from '../../../src/core/settings.ts';
import { enrollTotp, type TestCore, testCore } from '../../support/core.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
async function core(settings: Partial<Settings> = {}): Promise<TestCore> {
  const made = await testCore(settings);
  closing.push(made.dispose);
  return made;
}
describe('an enrollment token', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  async function withTokens(more: Partial<Settings> = {}) {
    const directory = await mkdtemp(join(tmpdir(), 'muster-jwks-'));
    closing.push(() => rm(directory, { recursive: true, force: true }));
    const jwks = join(directory, 'jwks.json');
    await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), alg: 'ES256', kid: 'a' }] }));
    const made = await core({ tokens: { issuer: 'https://app.example.org', jwks_file: jwks, max_age_seconds: 300 }, ...more });
    const now = () => Math.floor(made.nowMs / 1_000);
    let ids = 0;
    const token = (claims: object = {}, { key = pair.privateKey, alg = 'ES256', kid = 'a' } = {}) =>
      new SignJWT({
        iss: 'https://app.example.org',
        aud: 'muster-core',
        sub: 'ada@example.org',
        sid: 'session-1',
        jti: `token-0000000000-${++ids}`,
        iat: now(),
        exp: now() + 120,
        auth_time: now() - 10,
        ...claims,
      })
        .setProtectedHeader({ alg, kid })
        .sign(key);
    const begin = async (given: string) => made.core.start({ user: 'ada@example.org', factor_type: 'totp' }, given);
    return { made, now, token, begin, jwks };
  }
  const REFUSED = { code: 'MUSTER_TOKEN_REFUSED' };

  test('enrolls one factor, and goes on with its own enrollment alone', async () => {
    const { token, begin, made } = await withTokens();
    const [mine, other] = [await token(), await token()];
    // Who chooses another way, or begins again, has bound nothing yet.
    const before = await made.core.start({ user: 'ada@example.org', factor_type: 'recovery_code' }, mine);
    const { enrollment, challenge } = await begin(mine);
    const codes = { code: (before.challenge.codes as string[])[0] };
    expect(await made.core.verify(before.enrollment.id, mine, codes)).toMatchObject({ isRight: false, reason: 'ended' });
    const foreign = await made.core.start({ user: 'ada@example.org', factor_type: 'hotp' }, other);
    for (const refused of [
      () => made.core.get(foreign.enrollment.id, mine),
      () => made.core.verify(enrollment.id, other, { code: '000000' }),
      () => made.core.cancel(enrollment.id, other),
      () => made.core.otpauthUri(enrollment.id, other),
    ])
      await expect(refused()).rejects.toMatchObject(REFUSED);
    expect((await made.core.get(enrollment.id, mine)).state).toBe('pending');
    // It may end while the person looks for the phone: what it began goes on.
    made.nowMs += 300_000;
    const { Secret, TOTP } = await import('otpauth');
    const code = TOTP.generate({ secret: Secret.fromBase32(String(challenge.secret)), timestamp: made.nowMs });
    expect(await made.core.verify(enrollment.id, mine, { code })).toMatchObject({ isRight: true });
    made.nowMs -= 300_000;
    await expect(begin(mine)).rejects.toMatchObject({ code: 'MUSTER_TOKEN_USED' });
  });

  test('says who the person is: what the browser says of that is not taken', async () => {
    const { token, made } = await withTokens({ policy: [{ when: { tier: ['privileged'] }, forbidden: ['sms'] }] });
    const start = async (claims: object, more: object) =>
      made.core.start({ user: 'ada@example.org', factor_type: 'sms', phone: '+31612345678', ...more } as never, await token(claims));
    for (const said of [
      { user_tier: 'standard' },
      { segment: 'x' },
      { tenant: 'x' },
      { region: 'x' },
      { traffic: 'synthetic' },
      { channel: 'admin' },
    ])
      await expect(start({}, said)).rejects.toMatchObject(REFUSED);
    await expect(start({ user_tier: 'privileged' }, {})).rejects.toMatchObject({ code: 'MUSTER_POLICY_REFUSED' });
    await expect(start({ user_tier: 'vip', region: 'eu' }, {})).resolves.toBeDefined();
    expect(await made.eventsOf('enrollment.started')).toMatchObject([{ user_tier: 'vip', region: 'eu' }]);
    const { allowed } = await made.core.options({ user: 'somebody else' }, await token({ user_tier: 'privileged' }));
    expect(allowed.map(({ factor_type }) => factor_type)).not.toContain('sms');
  });

  test('is used up with the start or not at all', async () => {
    const { token, made } = await withTokens({ policy: [{ max: { totp: 1 } }] });
    await enrollTotp(made);
    const given = await token();
    await expect(made.core.start({ user: 'ada@example.org', factor_type: 'totp' }, given)).rejects.toMatchObject({
      code: 'MUSTER_POLICY_REFUSED',
    });
    await expect(made.core.start({ user: 'ada@example.org', factor_type: 'hotp' }, given)).resolves.toBeDefined();
  });

  test.each<[string, (now: number) => object]>([
    ['of another person', () => ({ sub: 'eve@example.org' })],
    ['that has ended', (now) => ({ iat: now - 200, exp: now - 60 })],
    ['that lasts too long', (now) => ({ exp: now + 601 })],
    ['of a log-in long ago', (now) => ({ auth_time: now - 400 })],
    ['of a log-in to come', (now) => ({ auth_time: now + 60 })],
    ['issued in time to come', (now) => ({ iat: now + 60 })],
    ['of another account that looks the same: case', () => ({ sub: 'Ada@example.org' })],
    ['of another account that looks the same: a blank', () => ({ sub: ' ada@example.org' })],
    ['of another account that looks the same: a ligature', () => ({ sub: 'ada@example.org'.replace('a', 'ａ') })],
    ['of another issuer', () => ({ iss: 'https://evil.example.org' })],
    ['for somebody else', () => ({ aud: 'another' })],
    ['without a session', () => ({ sid: undefined })],
    ['with a guessable id', () => ({ jti: '1' })],
  ])('%s is refused', async (_, claims) => {
    const { token, begin, now, made } = await withTokens();
    await expect(begin(await token(claims(now())))).rejects.toMatchObject(REFUSED);
    expect(await made.events()).toEqual([]);
  });

  test('of another key, without a signature, or signed by the public key as a secret, is refused', async () => {
    const { token, begin } = await withTokens();
    const good = await token();
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
    const confused = await new SignJWT({ sub: 'ada@example.org' })
      .setProtectedHeader({ alg: 'HS256', kid: 'a' })
      .sign(Buffer.from(JSON.stringify(await exportJWK(pair.publicKey))));
    for (const bad of [await token({}, { key: stranger.privateKey }), none, confused, `${good}x`, 'a.b.c'])
      await expect(begin(bad)).rejects.toMatchObject(REFUSED);
  });

  test('of a key that was taken out of the file is refused, and of one that was put in is taken', async () => {
    const { token, begin, made, jwks } = await withTokens();
    await expect(begin(await token())).resolves.toBeDefined();
    await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(stranger.publicKey)), alg: 'ES256', kid: 'a' }] }));
    made.nowMs += 1_001;
    await expect(begin(await token())).rejects.toMatchObject(REFUSED);
    await expect(begin(await token({}, { key: stranger.privateKey }))).resolves.toBeDefined();
    // A set without keys takes all of them back.
    await writeFile(jwks, '{"keys": []}');
    made.nowMs += 1_001;
    await expect(begin(await token({}, { key: stranger.privateKey }))).rejects.toMatchObject(REFUSED);
    await writeFile(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(stranger.publicKey)), alg: 'ES256', kid: 'a' }] }));
    made.nowMs += 1_001;
    await expect(begin(await token({}, { key: stranger.privateKey }))).resolves.toBeDefined();
    // A file that cannot be read neither opens nor closes anything.
    await writeFile(jwks, '{"keys": [');
    made.nowMs += 1_001;
    await expect(begin(await token({}, { key: stranger.privateKey }))).resolves.toBeDefined();
    await expect(begin(await token())).rejects.toMatchObject(REFUSED);
  });

  test('keys come from an address too: fetched again when they turn over, and asked for no more often than that', async () => {
    let keys = [{ ...(await exportJWK(pair.publicKey)), alg: 'ES256', kid: 'a' }];
    let fetched = 0;
    let isAway = false;
    const server = createServer((_, response) => {
      fetched += 1;
      if (isAway) response.writeHead(503).end();
      else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(async () => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    const { token, begin, made } = await withTokens({ tokens: { issuer: 'https://app.example.org', jwks_url: url, max_age_seconds: 300 } });
    vi.useFakeTimers({ toFake: ['Date'], now: made.nowMs });
    closing.push(async () => vi.useRealTimers());
    const later = (ms: number) => {
      made.nowMs += ms;
      vi.setSystemTime(made.nowMs);
    };
    for (let n = 0; n < 3; n++) await expect(begin(await token())).resolves.toBeDefined();
    expect(fetched).toBe(1);
    keys = [{ ...(await exportJWK(stranger.publicKey)), alg: 'ES256', kid: 'b' }];
    // Nobody makes it ask more often by naming keys that there are not.
    for (let n = 0; n < 5; n++) await expect(begin(await token({}, { key: stranger.privateKey, kid: 'b' }))).rejects.toMatchObject(REFUSED);
    expect(fetched).toBe(1);
    later(10_001);
    await expect(begin(await token({}, { key: stranger.privateKey, kid: 'b' }))).resolves.toBeDefined();
    await expect(begin(await token())).rejects.toMatchObject(REFUSED);
    isAway = true;
    later(60_001);
    await expect(begin(await token({}, { key: stranger.privateKey, kid: 'b' }))).rejects.toMatchObject({ code: 'MUSTER_CORE_UNREACHABLE' });
  });

  test('does not survive a reset of its person, or the end of the account', async () => {
    for (const end of ['reset', 'deprovision'] as const) {
      const { token, begin, made } = await withTokens();
      const [unused, pending] = [await token(), await token()];
      // Issued by a clock that is ahead of ours, or said to be.
      const ahead = await token({ iat: Math.floor(made.nowMs / 1_000) + 2 });
      const { enrollment } = await begin(pending);
      made.nowMs += 1_500;
      await made.core.factors[end]('ada@example.org', {});
      await expect(begin(unused)).rejects.toMatchObject(REFUSED);
      await expect(begin(ahead)).rejects.toMatchObject(REFUSED);
      await expect(made.core.get(enrollment.id, pending)).rejects.toMatchObject(REFUSED);
      await expect(made.core.options({ user: '' }, unused)).rejects.toMatchObject(REFUSED);
      // Nor does one of an address that was written in another case, and has no account yet.
      await made.core.factors[end]('NEW@example.org', {});
      const early = await token({ sub: 'new@example.org', iat: Math.floor(made.nowMs / 1_000) - 5 });
      await expect(made.core.start({ user: 'new@example.org', factor_type: 'totp' }, early)).rejects.toMatchObject(REFUSED);
      // Nor does one of that very second, of which nobody can say whether it came before.
      await expect(begin(await token())).rejects.toMatchObject(REFUSED);
      made.nowMs += 2_000;
      await expect(begin(await token())).resolves.toBeDefined();
      await expect(
        made.core.start({ user: 'ben', factor_type: 'totp' }, await token({ sub: 'ben', iat: Math.floor(made.nowMs / 1_000) - 60 })),
      ).resolves.toBeDefined();
    }
  });

  test('does not make an account anew that was forgotten, and nothing says who that was', async () => {
    const { token, begin, made } = await withTokens();
    const [unused, pending] = [await token(), await token()];
    await begin(pending);
    made.nowMs += 1_500;
    await eraseUser(made.storage, 'Ada@Example.org', made.nowMs);
    await expect(begin(unused)).rejects.toMatchObject(REFUSED);
    await expect(made.core.options({ user: '' }, pending)).rejects.toMatchObject(REFUSED);
    expect(await made.storage.all('SELECT * FROM people')).toEqual([]);
    await expect(made.core.start({ user: 'ben', factor_type: 'totp' }, await token({ sub: 'ben' }))).resolves.toBeDefined();
    // What keeps them out is a digest, and stays for no longer than a token may be good.
    const kept = await made.storage.all<Record<string, unknown>>('SELECT * FROM forgotten');
    expect(kept).toHaveLength(1);
    expect(Buffer.from(kept[0]?.digest as Uint8Array)).toHaveLength(32);
    made.nowMs += 2_000;
    await expect(begin(await token())).resolves.toBeDefined();
    made.nowMs += 1_200_000;
    await made.core.tidy();
    expect(await made.storage.all('SELECT * FROM forgotten')).toEqual([]);
  });

  test('of a strong log-in is a step-up', async () => {
    const { token, begin, made } = await withTokens({ policy: [{ step_up: true }] });
    await enrollTotp(made);
    for (const amr of [['pwd'], ['hwk'], ['swk']])
      await expect(begin(await token({ amr }))).rejects.toMatchObject({ code: 'MUSTER_STEP_UP_REQUIRED' });
    await expect(begin(await token({ amr: ['pwd', 'mfa'] }))).resolves.toBeDefined();
  });
});
