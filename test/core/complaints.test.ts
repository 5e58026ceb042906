/**
 * What users of other systems complained of, each as the test that it cannot happen here: the project and issue in which it was told, and the
 * symptom. Those about security keys and certificates come with them; 24 (misp#10116, keeperhub PR 1518, mastodon PR 11877: secrets in logs) is
 * e2e/core-secrets.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { HOTP, Secret, TOTP } from 'otpauth';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSchema } from '../../src/core/enrollment/requests.ts';
import { otpauthUri } from '../../src/core/factors/otp.ts';
import { signedText } from '../../src/core/factors/push.ts';
import { DEFAULT_SETTINGS, type Settings } from '../../src/core/settings.ts';
import { CORE_ROUTES } from '../../src/serve/core/routes.ts';
import { beginTotp, enrollTotp, sentCode, type TestCore, testCore } from '../support/core.ts';

let made: TestCore;
beforeEach(async () => {
  made = await testCore();
});
afterEach(() => made.dispose());

const USER = 'ada@example.org';
const factors = (user = USER) => made.core.factors.factorsOf(user);
const active = async (user = USER) => (await factors(user)).filter(({ state }) => state === 'active');
const verify = (id: string, proof: object) => made.core.verify(id, undefined, proof);
const begin = (type: string, options: object = {}, user = USER) =>
  made.core.start(startSchema.parse({ user, factor_type: type, ...options }), undefined);
const again = async (settings: Partial<Settings>) => {
  await made.dispose();
  made = await testCore(settings);
};
const enroll = () => enrollTotp(made);
async function codes() {
  const { enrollment, challenge } = await begin('recovery_code');
  const [first, ...rest] = challenge.codes as string[];
  const result = await verify(enrollment.id, { code: first });
  if (!result.isRight) throw new Error('refused');
  return { factor: String(result.enrollment.factor_id), codes: rest };
}

test('1 · keycloak#39355, #23227: a set-up begun twice leaves one device, not two', async () => {
  const [first, second] = [await beginTotp(made), await beginTotp(made)];
  await Promise.all([verify(first.id, { code: first.code() }), verify(second.id, { code: second.code() })]);
  expect(await active()).toHaveLength(1);
});

test('2 · keycloak#13607, adfsmfa#59: the same code is not accepted twice', async () => {
  const { factor, code } = await enroll();
  made.nowMs += 30_000;
  const proof = { code: code() };
  expect([(await made.core.use(factor, proof)).isRight, (await made.core.use(factor, proof)).isRight]).toEqual([true, false]);
});

test('3 · hanko PR 2723, tolgee PR 3601: the code of the set-up is not the first log-in', async () => {
  const { factor, code } = await enroll();
  expect((await made.core.use(factor, { code: code() })).isRight).toBe(false);
});

test('4 · logto PR 9109: of the same code sent at once, one is accepted, and a slower request stores no older step', async () => {
  const { factor, code } = await enroll();
  made.nowMs += 60_000;
  const [older, newer] = [code(made.nowMs - 30_000), code()];
  const results = await Promise.all([newer, older, newer, newer].map((each) => made.core.use(factor, { code: each })));
  expect(results.filter(({ isRight }) => isRight).length).toBeLessThanOrEqual(2);
  expect((await made.core.use(factor, { code: newer })).isRight).toBe(false);
  expect((await made.core.use(factor, { code: older })).isRight).toBe(false);
});

test('5 · keycloak#26106, appwrite#11692, filament PR 19891: a recovery code used in parallel is used once', async () => {
  const { factor, codes: left } = await codes();
  const results = await Promise.all(Array.from({ length: 10 }, () => made.core.use(factor, { code: left[0] })));
  expect(results.filter(({ isRight }) => isRight)).toHaveLength(1);
});

test('6 · gladys-gateway PR 199: when what follows fails, the code is not burned', async () => {
  const { factor, codes: left } = await codes();
  const failing = made.core.use(factor, { code: left[0] }, () => Promise.reject(new Error('no session')));
  await expect(failing).rejects.toThrow('no session');
  expect((await made.core.use(factor, { code: left[0] })).isRight).toBe(true);
});

test('7 · authentik#2330: a set-up that was begun and left is no factor', async () => {
  await beginTotp(made);
  expect(await factors()).toEqual([]);
});

test('8 · better-auth#10923: a new set-up does not touch the factor that works, until it is proven', async () => {
  const { factor, code } = await enroll();
  await begin('totp', { replaces: factor });
  made.nowMs += 60_000;
  expect((await made.core.use(factor, { code: code() })).isRight).toBe(true);
});

test('9 · remote.futrx#107: an older set-up cannot take the place of what came after it', async () => {
  const stale = await beginTotp(made);
  const fresh = await beginTotp(made);
  expect(await verify(fresh.id, { code: fresh.code() })).toMatchObject({ isRight: true });
  expect(await verify(stale.id, { code: stale.code() })).toMatchObject({ isRight: false, reason: 'ended' });
  expect(await active()).toHaveLength(1);
});

test('10 · supabase/auth#979: reloading the page does not fill up the limit of factors', async () => {
  await again({ policy: [{ max: { totp: 2 } }] });
  for (let i = 0; i < 20; i++) await beginTotp(made);
  await enroll();
  expect(await active()).toHaveLength(1);
});

test('11 · privacyidea#4730, #5133: a set-up half done asks nothing of whoever logs in', async () => {
  await again({ policy: [{ step_up: true }] });
  await beginTotp(made);
  expect(await made.core.options({ user: USER }, undefined)).toMatchObject({ is_step_up_required: false });
  await expect(beginTotp(made)).resolves.toBeDefined();
});

test('12 · privacyidea#2763, #4037, #3798: a roll-over is an enrollment of its own, in which the old one works until the end', async () => {
  await again({ policy: [{ max: { totp: 1 } }] });
  const old = await enroll();
  const { enrollment, challenge } = await begin('totp', { replaces: old.factor });
  await verify(enrollment.id, { code: 'wrong' });
  expect(await active()).toMatchObject([{ id: old.factor }]);
  const code = TOTP.generate({ secret: Secret.fromBase32(String(challenge.secret)), timestamp: made.nowMs });
  await verify(enrollment.id, { code });
  expect((await active()).map(({ id }) => id)).not.toContain(old.factor);
  expect(await active()).toHaveLength(1);
});

test('13 · zitadel#9248, rodauth#376: no number and no address is a factor without proof', async () => {
  for (const [type, options] of [
    ['sms', { phone: '+31612345678' }],
    ['voice', { phone: '+31612345678' }],
    ['email', { address: USER }],
  ] as const) {
    const { enrollment } = await begin(type, options);
    expect(enrollment.state).toBe('pending');
  }
  expect(await factors()).toEqual([]);
});

test('14 · zitadel#11536, #9035: the policy asks for nothing that cannot be enrolled', async () => {
  await again({ providers: [], policy: [{ required: ['sms'] }] });
  expect(await made.core.options({ user: USER }, undefined)).toMatchObject({ required: ['sms'], missing: [] });
});

test('15 · zitadel#10529, PR 12575: a second factor does not hide the first: each of them logs in', async () => {
  const { factor, code } = await enroll();
  const { enrollment } = await begin('sms', { phone: '+31612345678' });
  await verify(enrollment.id, { code: sentCode(made) });
  made.nowMs += 60_000;
  const [, { id: sms } = { id: '' }] = await factors();
  await made.core.factors.challenge(sms);
  expect([(await made.core.use(factor, { code: code() })).isRight, (await made.core.use(sms, { code: sentCode(made) })).isRight]).toEqual([
    true,
    true,
  ]);
});

test('17 · oneuptime PR 3654: two tabs do not destroy each other: each factor has its own challenge', async () => {
  const sms = await begin('sms', { phone: '+31612345678' });
  const code = sentCode(made);
  await begin('email', { address: USER });
  expect(await verify(sms.enrollment.id, { code })).toMatchObject({ isRight: true });
});

test('19 · hanko#504, casa#41: the same device is not enrolled twice, and the answer says what to do', async () => {
  const key = generateKeyPairSync('ed25519');
  const options = { public_key: key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url') };
  const { enrollment, challenge } = await begin('push', options);
  const text = signedText(enrollment.id, String(challenge.number), String(challenge.nonce));
  await verify(enrollment.id, { number: challenge.number, signature: sign(null, text, key.privateKey).toString('base64url') });
  await expect(begin('push', options)).rejects.toThrow(/has this very push already: it can be used as it is, or named in replaces/);
});

test('23 · cas PR 4945: no secret travels in an address: what is asked for by GET is named by ids and labels alone', () => {
  const asked = CORE_ROUTES.filter(({ method }) => method !== 'post').flatMap(({ path, query }) => [
    ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => name),
    ...Object.keys(query?.shape ?? {}),
  ]);
  expect(new Set(asked)).toEqual(new Set(['id', 'user', 'user_tier', 'segment', 'region', 'factor']));
});

test('25 · keycloak#52296, otp#8, pyotp#47: spaces in names are spaces, not plus signs', () => {
  const uri = otpauthUri(
    'totp',
    { secret: 'AAAA', algorithm: 'SHA1', digits: 6 },
    { user: 'Ada Lovelace', issuer: 'Muster Inc', device: 'work phone' },
    { period: 30 },
  );
  expect(uri).toContain('Muster%20Inc:Ada%20Lovelace%20(work%20phone)');
  expect(uri).not.toContain('+');
});

test('26 · keycloak PR 3487, nango PR 7097: a clock that is off either way is told by how much, not called wrong', async () => {
  const { id, code } = await beginTotp(made);
  for (const [seconds, word] of [
    [120, 'ahead'],
    [-120, 'behind'],
  ] as const)
    expect(await verify(id, { code: code(made.nowMs + seconds * 1_000) })).toMatchObject({
      isRight: false,
      hint: expect.stringContaining(`120 s ${word}`),
    });
});

test('27 · wso2 product-is#13291: a code is not guessed: five tries, and then it is worth nothing', async () => {
  const { enrollment } = await begin('sms', { phone: '+31612345678' });
  const code = sentCode(made);
  for (let i = 0; i < 5; i++) await verify(enrollment.id, { code: 'wrong' });
  expect(await verify(enrollment.id, { code })).toMatchObject({ isRight: false, reason: 'ended' });
});

test('28 · Clinical-Insight-Engine#2351: another code brings no new tries', async () => {
  const { enrollment } = await begin('sms', { phone: '+31612345678' });
  for (let i = 0; i < 4; i++) await verify(enrollment.id, { code: 'wrong' });
  made.nowMs += 30_000;
  await made.core.resend(enrollment.id, undefined);
  expect(await verify(enrollment.id, { code: 'wrong' })).toMatchObject({ attemptsLeft: 0, reason: 'failed' });
});

test('29 · business-helper#39, fusionauth-issues#1045: people type the code that came first, and it works', async () => {
  const { enrollment } = await begin('sms', { phone: '+31612345678' });
  const first = sentCode(made);
  made.nowMs += 30_000;
  expect((await made.core.resend(enrollment.id, undefined)).challenge).toMatchObject({ code_number: 2 });
  expect(await verify(enrollment.id, { code: first })).toMatchObject({ isRight: true });
});

test('30 · hcb PR 13059, fusionauth-issues#3547: pumping numbers of one range ends at its cap, and elsewhere people go on', async () => {
  const sends = { ...DEFAULT_SETTINGS.limits.sends, per_prefix_per_hour: 5 };
  await again({ limits: { ...DEFAULT_SETTINGS.limits, sends } });
  const pump = (n: number) => begin('sms', { phone: `+316123456${String(n).padStart(2, '0')}` }, `bot-${n}`);
  for (let n = 0; n < 5; n++) await pump(n);
  await expect(pump(5)).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED', retryAfterSeconds: 3_600 });
  await expect(begin('sms', { phone: '+4915112345678' })).resolves.toBeDefined();
});

test('31 · authentik#11368: a push that was denied is not sent again', async () => {
  const key = generateKeyPairSync('ed25519');
  const { enrollment, challenge } = await begin('push', {
    public_key: key.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url'),
  });
  const signature = sign(null, signedText(enrollment.id, 'deny', String(challenge.nonce)), key.privateKey).toString('base64url');
  expect(await verify(enrollment.id, { deny: true, signature })).toMatchObject({ isRight: false, reason: 'failed' });
  await expect(made.core.resend(enrollment.id, undefined)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
  expect(await made.eventsOf('enrollment.failed')).toMatchObject([{ outcome: 'denied', error_code: 'denied' }]);
});

test('32 · KeeperHub PR 1523: a stolen session enrolls nothing without a factor that is there', async () => {
  await again({ policy: [{ step_up: true }] });
  await enroll();
  await expect(beginTotp(made)).rejects.toMatchObject({ code: 'MUSTER_STEP_UP_REQUIRED' });
});

test('33 · Secure-FTP-WEB#14, keycloak PR 38245: a secret that cannot be opened is not “no factor”, and nobody brings their own codes', async () => {
  const { factor, code } = await enroll();
  await made.storage.run('UPDATE factors SET sealed = ?', Buffer.from([2, 2, 0x6b, 0x39, 0, 0]));
  made.nowMs += 60_000;
  await expect(made.core.use(factor, { code: code() })).rejects.toMatchObject({ code: 'MUSTER_VAULT_CLOSED' });
  expect(startSchema.safeParse({ user: USER, factor_type: 'recovery_code', codes: ['AAAAA'] }).success).toBe(false);
  expect(startSchema.safeParse({ user: USER, factor_type: 'totp', secret: 'GEZDGNBVGY3TQOJQ' }).success).toBe(false);
});

test('a counter that ran ahead does not lock its owner out', async () => {
  const { enrollment, challenge } = await begin('hotp');
  const secret = Secret.fromBase32(String(challenge.secret));
  const code = (counter: number) => HOTP.generate({ secret, counter });
  expect(await verify(enrollment.id, { code: code(40) })).toMatchObject({ isRight: false, fields: { needs_next_code: true } });
  expect(await verify(enrollment.id, { code: code(40), next_code: code(41) })).toMatchObject({ isRight: true });
});
