/** Who may enroll what: rules, flags, step-up, limits, settings. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { FACTOR_TYPES } from '../../../src/core/factors/index.ts';
import { bucketOf } from '../../../src/core/policy/flags.ts';
import { DEFAULT_RULES, decide, type Rule } from '../../../src/core/policy/policy.ts';
import { DEFAULT_SETTINGS, loadSettings, type Settings } from '../../../src/core/settings.ts';
import { beginTotp, enrollTotp, sentCode, type TestCore, testCore } from '../../support/core.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});
async function core(settings: Partial<Settings> = {}): Promise<TestCore> {
  const made = await testCore(settings);
  closing.push(made.dispose);
  return made;
}
const start = (made: TestCore, more: object = {}) =>
  made.core.start({ user: 'ada@example.org', factor_type: 'totp', ...more } as never, undefined);

describe('rules', () => {
  const allowed = (rules: readonly Rule[], subject = {}) => [...decide(rules, subject).allowed].sort();

  test('without any, everything is allowed to everybody but the telephone network and mail to the privileged', () => {
    expect(allowed(DEFAULT_RULES)).toEqual([...FACTOR_TYPES].sort());
    expect(allowed(DEFAULT_RULES, { tier: 'privileged' })).toEqual(['hardware_otp', 'hotp', 'push', 'recovery_code', 'totp']);
  });

  test('all that fit count, and the strictest word wins', () => {
    const rules: Rule[] = [
      { allowed: ['totp', 'push', 'sms'], max: { totp: 3 }, required: ['totp'] },
      { when: { tier: ['vip'] }, forbidden: ['sms'], max: { totp: 1 }, step_up: true },
      { when: { segment: ['retail'] }, max: { totp: 2 }, required: ['recovery_code'] },
    ];
    expect(allowed(rules)).toEqual(['push', 'sms', 'totp']);
    expect(allowed(rules, { tier: 'vip' })).toEqual(['push', 'totp']);
    const decision = decide(rules, { tier: 'vip', segment: 'retail' });
    expect([decision.max('totp'), decision.max('push'), [...decision.required], decision.isStepUpRequired]).toEqual([
      1,
      5,
      ['totp', 'recovery_code'],
      true,
    ]);
    expect(decide(rules, {}).isStepUpRequired).toBe(false);
  });

  test('an assurance level leaves out what cannot reach it', () => {
    expect(allowed([{ assurance: 2 }])).not.toContain('email');
    expect(allowed([{ assurance: 3 }])).toEqual([]);
  });
});

describe('a start', () => {
  test('that the policy forbids is refused, told as blocked, and no attempt', async () => {
    const made = await core();
    await expect(start(made, { factor_type: 'sms', phone: '+31612345678', user_tier: 'privileged' })).rejects.toMatchObject({
      code: 'MUSTER_POLICY_REFUSED',
    });
    expect(await made.events()).toEqual(['access.blocked']);
  });

  test('of one more than there may be is refused; to replace one is not', async () => {
    const made = await core({ policy: [{ max: { totp: 1 } }] });
    const { factor } = await enrollTotp(made);
    await expect(start(made)).rejects.toMatchObject({ code: 'MUSTER_POLICY_REFUSED' });
    await expect(start(made, { replaces: 'another' })).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
    const { enrollment, challenge } = await start(made, { replaces: factor });
    // Until the new one is proven, the old one is good.
    expect(await made.core.factors.factorsOf('ada@example.org')).toMatchObject([{ id: factor, state: 'active' }]);
    const { Secret, TOTP } = await import('otpauth');
    const code = TOTP.generate({ secret: Secret.fromBase32(String(challenge.secret)), timestamp: made.nowMs });
    expect(await made.core.verify(enrollment.id, undefined, { code })).toMatchObject({ isRight: true });
    expect((await made.core.factors.factorsOf('ada@example.org')).map(({ state }) => state).sort()).toEqual(['active', 'revoked']);
    expect(await made.eventsOf('factor.rotated')).toMatchObject([{ attributes: { replaced: factor } }]);
  });

  test('without a provider for its channel is refused, and is not offered', async () => {
    const made = await core({ providers: [], policy: [{ required: ['sms', 'totp'] }] });
    await expect(start(made, { factor_type: 'sms', phone: '+31612345678' })).rejects.toThrow(/no provider for sms/);
    const options = await made.core.options({ user: 'ada@example.org' }, undefined);
    expect(options.allowed.map(({ factor_type }) => factor_type)).not.toContain('sms');
    // What nobody can enroll is not asked for.
    expect(options).toMatchObject({ required: ['sms', 'totp'], missing: ['totp'] });
  });

  test('of a restricted factor comes with its warning', async () => {
    const made = await core();
    const { allowed } = await made.core.options({ user: 'ada' }, undefined);
    for (const { factor_type, is_restricted, warning } of allowed)
      expect([is_restricted, warning !== undefined], factor_type).toEqual(Array(2).fill(['sms', 'voice', 'email'].includes(factor_type)));
  });

  test('by somebody with a factor needs its proof, where the policy says so: right, theirs, and not used before', async () => {
    const made = await core({ policy: [{ step_up: true }] });
    const { factor, code } = await enrollTotp(made);
    const other = await enrollTotp(made, 'eve@example.org');
    await expect(start(made)).rejects.toMatchObject({ code: 'MUSTER_STEP_UP_REQUIRED' });
    const setUpCode = { factor_id: factor, proof: { code: code() } };
    made.nowMs += 60_000;
    const wrong = [
      { factor_id: factor, proof: { code: '000000' } },
      setUpCode,
      { factor_id: other.factor, proof: { code: other.code() } },
      { factor_id: 'none', proof: { code: code() } },
    ];
    for (const step_up of wrong) await expect(start(made, { step_up })).rejects.toMatchObject({ code: 'MUSTER_STEP_UP_REQUIRED' });
    await expect(start(made, { step_up: { factor_id: factor, proof: { code: code() } } })).resolves.toBeDefined();
  });

  test('that was allowed before a reset does not outlive it', async () => {
    let ending = async () => {};
    const made = await testCore({}, { isRolledOut: () => ending().then(() => true) });
    closing.push(made.dispose);
    for (const end of ['reset', 'deprovision'] as const) {
      ending = async () => void (await made.core.factors[end]('ada@example.org', {}));
      await expect(start(made)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
    }
    ending = async () => void (await made.core.factors.reset('somebody-else', {}));
    await expect(start(made)).resolves.toBeDefined();
    expect((await made.events()).filter((type) => type === 'enrollment.started')).toHaveLength(1);
  });

  test('that was begun while there was no factor to prove is not bound once there is one', async () => {
    const made = await core({ policy: [{ step_up: true }] });
    const theirs = await start(made, { factor_type: 'recovery_code' });
    await enrollTotp(made);
    const code = (theirs.challenge.codes as string[])[0];
    expect(await made.core.verify(theirs.enrollment.id, undefined, { code })).toMatchObject({ isRight: false, reason: 'ended' });
    expect(await made.core.factors.factorsOf('ada@example.org')).toHaveLength(1);
  });

  test('after a factor was lost to guessing still needs a step-up, until somebody has reset the person', async () => {
    const made = await core({ policy: [{ step_up: true }] });
    const { factor } = await enrollTotp(made);
    for (let i = 0; i < 100; i++) await made.core.factors.use(factor, { code: '000000' });
    expect(await made.core.factors.factorsOf('ada@example.org')).toMatchObject([{ state: 'revoked' }]);
    await expect(start(made)).rejects.toMatchObject({ code: 'MUSTER_STEP_UP_REQUIRED' });
    expect(await made.core.options({ user: 'ada@example.org' }, undefined)).toMatchObject({ is_step_up_required: true });
    await made.core.factors.reset('ada@example.org', {});
    await expect(start(made)).resolves.toBeDefined();
  });

  test('is not stepped up to by a factor that is worth less, and one that is refused anyhow uses no proof up', async () => {
    const made = await core({ policy: [{ step_up: true, max: { recovery_code: 1 } }] });
    const mail = await start(made, { factor_type: 'email', address: 'ada@example.org' });
    await made.core.verify(mail.enrollment.id, undefined, { code: sentCode(made) });
    const [{ id: email } = { id: '' }] = await made.core.factors.factorsOf('ada@example.org');
    const stepUpBy = async (factor_id: string) => {
      made.nowMs += 86_400_000;
      await made.core.factors.challenge(factor_id);
      return { step_up: { factor_id, proof: { code: sentCode(made) } } };
    };
    // It is the only one there is: then it will do.
    const { enrollment, challenge } = await start(made, { factor_type: 'recovery_code', ...(await stepUpBy(email)) });
    const codes = challenge.codes as string[];
    await made.core.verify(enrollment.id, undefined, { code: codes[0] });
    await expect(start(made, await stepUpBy(email))).rejects.toThrow(/worth enough/);
    const recovery =
      (await made.core.factors.factorsOf('ada@example.org')).find(({ factor_type }) => factor_type === 'recovery_code')?.id ?? '';
    const step_up = { factor_id: recovery, proof: { code: codes[1] } };
    await expect(start(made, { factor_type: 'recovery_code', step_up })).rejects.toMatchObject({ code: 'MUSTER_POLICY_REFUSED' });
    await expect(start(made, { step_up })).resolves.toBeDefined();
  });

  test('of the last that is required is not undone by revoking it', async () => {
    const made = await core({ policy: [{ required: ['totp'] }] });
    const { factor } = await enrollTotp(made);
    await expect(made.core.factors.revoke(factor)).rejects.toMatchObject({ code: 'MUSTER_POLICY_REFUSED' });
    await enrollTotp(made);
    await made.core.factors.revoke(factor);
  });
});

describe('a roll-out', () => {
  const people = Array.from({ length: 2_000 }, (_, index) => `person-${index}`);

  test('reaches its share of people, and who is in stays in when it grows', () => {
    const inside = (percent: number) => people.filter((user) => bucketOf('enroll-push', user) < percent);
    for (const percent of [0, 5, 25, 100]) expect(Math.abs(inside(percent).length / people.length - percent / 100)).toBeLessThan(0.03);
    expect(inside(5).every((user) => inside(25).includes(user))).toBe(true);
    // Another flag draws anew: the same people are not the first each time.
    expect(people.filter((user) => bucketOf('enroll-push', user) < 25 && bucketOf('enroll-totp', user) < 25).length).toBeLessThan(200);
  });

  test('keeps out those who are not in it yet, and says so', async () => {
    const made = await core({ rollout: { totp: 0, hotp: 50 } });
    await expect(start(made)).rejects.toThrow(/not offered to this person yet/);
    const results = await Promise.all(
      people
        .slice(0, 40)
        .map((user) =>
          made.core.options({ user }, undefined).then(({ allowed }) => allowed.some(({ factor_type }) => factor_type === 'hotp')),
        ),
    );
    expect(new Set(results)).toEqual(new Set([true, false]));
  });
});

describe('limits', () => {
  test('of starts and proofs of one person answer 429, and are told once', async () => {
    const made = await core({ limits: { ...DEFAULT_SETTINGS.limits, starts_per_user: 3, proofs_per_user: 2 } });
    const { id } = await beginTotp(made);
    for (let i = 0; i < 2; i++) await made.core.verify(id, undefined, { code: '000000' });
    for (let i = 0; i < 3; i++)
      await expect(made.core.verify(id, undefined, { code: '000000' })).rejects.toMatchObject({
        code: 'MUSTER_RATE_LIMITED',
        retryAfterSeconds: expect.any(Number),
      });
    for (let i = 0; i < 2; i++) await beginTotp(made);
    await expect(beginTotp(made)).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED' });
    await expect(beginTotp(made, 'ben')).resolves.toBeDefined();
    expect((await made.eventsOf('access.rate_limited')).map(({ action }) => action)).toEqual(['enrollment.proof', 'enrollment.start']);
  });
});

describe('somebody without a token of the issuer', () => {
  test('is refused, then has to wait, and is in nobody else’s way', async () => {
    const made = await core();
    const refused = () => Promise.reject(new Error('no token'));
    for (let i = 0; i < 60; i++) await expect(made.core.limits.stranger('192.0.2.1', refused)).rejects.toThrow('no token');
    await expect(made.core.limits.stranger('192.0.2.1', refused)).rejects.toMatchObject({
      code: 'MUSTER_RATE_LIMITED',
      retryAfterSeconds: expect.any(Number),
    });
    await made.core.limits.stranger('192.0.2.1', async () => {});
    await expect(made.core.limits.stranger('192.0.2.2', refused)).rejects.toThrow('no token');
  });
});

describe('the file of settings', () => {
  const load = async (text: string) => {
    const directory = await mkdtemp(join(tmpdir(), 'muster-settings-'));
    closing.push(() => rm(directory, { recursive: true, force: true }));
    const path = join(directory, 'core.yaml');
    await writeFile(path, text);
    return loadSettings(path);
  };

  test('has a default for everything', async () => {
    expect(await load('')).toEqual(DEFAULT_SETTINGS);
    expect(await load('rollout: { push: 25 }')).toEqual({ ...DEFAULT_SETTINGS, rollout: { push: 25 } });
  });

  test('that is wrong says in which line', async () => {
    await expect(load('currency: EUR\nrollout:\n  pushh: 25\n')).rejects.toThrow(/core\.yaml:\d+: .*rollout/);
    await expect(load('providers:\n  - kind: pigeon\n')).rejects.toThrow(/core\.yaml:2: providers\.0\.kind/);
    await expect(load('policy: [')).rejects.toThrow(/core\.yaml:1/);
    await expect(loadSettings('/nowhere.yaml')).rejects.toMatchObject({ code: 'MUSTER_NO_SUCH_FILE' });
  });
});

describe('reconciliation', () => {
  test('leaves one of what one person has twice: the active one that was used last', async () => {
    const made = await core();
    const first = await enrollTotp(made);
    const second = await enrollTotp(made);
    const third = await enrollTotp(made, 'eve@example.org');
    expect(await made.core.reconcile()).toBe(0);
    // As merged stores leave it.
    await made.storage.run(`UPDATE factors SET identity = 'same'`);
    await made.storage.run('UPDATE factors SET used_at = 5 WHERE id = ?', second.factor);
    expect(await made.core.reconcile()).toBe(1);
    expect((await made.core.factors.factorsOf('ada@example.org')).map(({ id, state }) => [id, state])).toEqual([
      [first.factor, 'revoked'],
      [second.factor, 'active'],
    ]);
    expect(await made.core.factors.factorsOf('eve@example.org')).toMatchObject([{ id: third.factor, state: 'active' }]);
    expect((await made.events()).slice(-2)).toEqual(['factor.duplicate_detected', 'factor.duplicate_resolved']);
    expect(await made.core.reconcile()).toBe(0);
  });
});
