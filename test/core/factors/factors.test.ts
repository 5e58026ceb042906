/** Every factor from start to proof, and each accepted case with its refused twin. One contract for all of the registry. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOTP, Secret, TOTP } from 'otpauth';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startSchema } from '../../../src/core/enrollment/requests.ts';
import { typed } from '../../../src/core/factors/code.ts';
import type { HotpKept } from '../../../src/core/factors/hotp.ts';
import { verifyHotp } from '../../../src/core/factors/hotp.ts';
import { FACTOR_TYPES, FACTORS, type FactorType } from '../../../src/core/factors/index.ts';
import { codeAt } from '../../../src/core/factors/otp.ts';
import { signedText } from '../../../src/core/factors/push.ts';
import { recoveryCode } from '../../../src/core/factors/recovery-code.ts';
import { eraseUser } from '../../../src/core/ledger/erase.ts';
import { sentCode, type TestCore, testCore } from '../../support/core.ts';
import { have, pathOf } from '../../support/counterparts.ts';

let made: TestCore;
beforeEach(async () => {
  made = await testCore();
});
afterEach(() => made.dispose());

const USER = 'ada@example.org';
const SEED = Secret.fromHex('3132333435363738393031323334353637383930');
const device = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const publicKey = device.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');

interface Device {
  options: Record<string, unknown>;
  /** A right proof for what was shown. */
  prove: (challenge: Record<string, unknown>, id: string) => unknown;
  /** A wrong one of the right form. */
  wrong: unknown;
}

const signed = (text: Buffer, key: KeyObject = device.privateKey) =>
  sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
const signedNumber = ({ number, nonce }: Record<string, unknown>, id: string, said = String(number)) => ({
  number: said,
  signature: signed(signedText(id, said, String(nonce))),
});

/** What a person does with each. */
const DEVICES: Record<FactorType, Device> = {
  totp: {
    options: {},
    prove: ({ secret }) => ({ code: new TOTP({ secret: Secret.fromBase32(String(secret)) }).generate({ timestamp: made.nowMs }) }),
    wrong: { code: '000000' },
  },
  hotp: {
    options: { algorithm: 'SHA256', digits: 8 },
    prove: ({ secret }) => ({
      code: new HOTP({ secret: Secret.fromBase32(String(secret)), algorithm: 'SHA256', digits: 8 }).generate({ counter: 0 }),
    }),
    wrong: { code: '00000000' },
  },
  sms: { options: { phone: '+31 6 12345678' }, prove: () => ({ code: sentCode(made) }), wrong: { code: '12345' } },
  voice: { options: { phone: '+31 20 624 1111' }, prove: () => ({ code: sentCode(made) }), wrong: { code: '12345' } },
  email: { options: { address: 'Ada@Example.org' }, prove: () => ({ code: sentCode(made) }), wrong: { code: '12345' } },
  push: {
    options: { public_key: publicKey },
    prove: (challenge, id) => signedNumber(challenge, id),
    wrong: { number: '1', signature: 'AAAA' },
  },
  recovery_code: { options: {}, prove: ({ codes }) => ({ code: (codes as string[])[3]?.toLowerCase() }), wrong: { code: 'AAAAA-AAAAA' } },
  hardware_otp: {
    options: { serial: 'T-1' },
    prove: () => ({ code: HOTP.generate({ secret: SEED, counter: 4 }) }),
    wrong: { code: '000000' },
  },
};

const importHotp = (serial = 'T-1') =>
  made.core.importTokens([{ serial, kind: 'hotp', secret: { hex: SEED.hex }, algorithm: 'SHA1', digits: 6, period: 30, counter: 0 }]);
async function begin(type: FactorType, user = USER, options = DEVICES[type].options) {
  if (type === 'hardware_otp') await importHotp();
  const request = startSchema.parse({ user, factor_type: type, ...options });
  const { enrollment, challenge } = await made.core.start(request, undefined);
  return { id: enrollment.id, challenge };
}
async function enroll(type: FactorType, user = USER, options?: Record<string, unknown>) {
  const { id, challenge } = await begin(type, user, options);
  const result = await made.core.verify(id, undefined, DEVICES[type].prove(challenge, id));
  if (!result.isRight) throw new Error(`a right proof of ${type} was refused`);
  return { id, challenge, factor: String(result.enrollment.factor_id), fields: result.fields };
}

describe.each(FACTOR_TYPES)('%s', (type) => {
  test('is enrolled by a right proof, once, with its events', async () => {
    const { id, challenge } = await begin(type);
    const proof = DEVICES[type].prove(challenge, id);
    const first = await made.core.verify(id, undefined, proof);
    expect(first).toMatchObject({ isRight: true, enrollment: { id, state: 'active', factor_type: type } });
    // The same proof again, as of a client that did not get the answer.
    const again = await made.core.verify(id, undefined, proof);
    expect(again).toMatchObject({ isRight: true, enrollment: (first as { enrollment: object }).enrollment });
    expect(await made.core.factors.factorsOf(USER)).toHaveLength(1);
    const events = await made.events();
    expect(events.filter((each) => each === 'enrollment.completed')).toHaveLength(1);
    expect(events.slice(0, 1)).toEqual(['enrollment.started']);
    expect(events).toContain('enrollment.challenge_issued');
  });

  test('is refused for a wrong proof, and fails with the fifth or at once', async () => {
    const { id } = await begin(type);
    const wrong = () => made.core.verify(id, undefined, DEVICES[type].wrong);
    for (let left = 4; left > 0; left--) expect(await wrong()).toMatchObject({ isRight: false, attemptsLeft: left, reason: 'wrong_proof' });
    expect(await wrong()).toMatchObject({ isRight: false, attemptsLeft: 0, reason: 'failed' });
    expect(await wrong()).toMatchObject({ isRight: false, reason: 'ended' });
    expect(await made.core.factors.factorsOf(USER)).toEqual([]);
  });

  test('is not what a proof of another form proves', async () => {
    const { id } = await begin(type);
    for (const body of [undefined, {}, { code: 123_456 }, { approve: true }, [], 'x', { code: 'x', other: 1 }])
      await expect(made.core.verify(id, undefined, body)).rejects.toMatchObject({ code: 'MUSTER_BAD_ARGUMENT' });
    expect((await made.core.get(id, undefined)).state).toBe('pending');
  });

  test('the very same cannot be enrolled twice by one person', async () => {
    const { factor } = await enroll(type);
    const isNewEachTime = ['totp', 'hotp', 'recovery_code'].includes(type);
    if (isNewEachTime) await expect(enroll(type)).resolves.toBeDefined();
    else
      await expect(begin(type)).rejects.toMatchObject({ code: type === 'hardware_otp' ? 'MUSTER_NOT_FOUND' : 'MUSTER_DUPLICATE_FACTOR' });
    expect((await made.core.factors.factorsOf(USER))[0]).toMatchObject({ id: factor, state: 'active' });
  });

  test('says of itself what it is worth', () => {
    const { assurance, restriction, channel } = FACTORS[type].traits;
    expect([1, 2, 3]).toContain(assurance);
    // NIST SP 800-63B-4: what is sent can be read by others, and a mailbox is no authenticator of level 2.
    expect(restriction !== undefined).toBe(channel !== undefined);
    if (channel === 'email') expect(assurance).toBe(1);
  });
});

test('codes are texts: leading zeros count, and spaces, dashes and full-width digits are how people write them', () => {
  expect(['０１２ ３４５', '012-345', ' 012345 '].map(typed)).toEqual(['012345', '012345', '012345']);
});

describe('HOTP', () => {
  const kept = (counter: number): HotpKept => ({
    secret: Buffer.from(SEED.bytes).toString('base64'),
    algorithm: 'SHA1',
    digits: 6,
    counter,
  });
  const code = (counter: number) => codeAt(kept(0), counter);

  test('has the codes of RFC 4226, appendix D', () => {
    expect(Array.from({ length: 10 }, (_, counter) => code(counter))).toEqual([
      '755224',
      '287082',
      '359152',
      '969429',
      '338314',
      '254676',
      '287922',
      '162583',
      '399871',
      '520489',
    ]);
  });

  test.runIf(have('shared'))('has the published ones', async () => {
    const { vectors } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/hotp-rfc4226.json'), 'utf8')) as {
      vectors: { counter: number; code6: string }[];
    };
    expect(vectors).toHaveLength(10);
    for (const { counter, code6 } of vectors) expect(code(counter)).toBe(code6);
  });

  test('forgives presses that nobody typed in, and no code comes twice', () => {
    expect(verifyHotp(kept(2), { code: code(11) }, true)).toMatchObject({ isRight: true, kept: { counter: 12 } });
    for (const counter of [0, 1, 11]) expect(verifyHotp(kept(12), { code: code(counter) }, true)).toMatchObject({ isRight: false });
  });

  test('tells nobody who logs in that a guess was a code to come', () => {
    expect(verifyHotp(kept(0), { code: code(60) }, false)).toEqual({ isRight: false, code: 'wrong_code' });
    expect(verifyHotp(kept(0), { code: code(60), next_code: code(61) }, false)).toMatchObject({ isRight: true });
  });

  test('is found again by two codes in a row, not by one, and not by two apart', () => {
    expect(verifyHotp(kept(0), { code: code(60) }, true)).toMatchObject({
      isRight: false,
      code: 'counter_off',
      fields: { needs_next_code: true },
    });
    expect(verifyHotp(kept(0), { code: code(60), next_code: code(62) }, true)).toMatchObject({ isRight: false });
    expect(verifyHotp(kept(0), { code: code(60), next_code: code(61) }, true)).toMatchObject({ isRight: true, kept: { counter: 62 } });
    expect(verifyHotp(kept(0), { code: code(101), next_code: code(102) }, true)).toMatchObject({ isRight: false });
  });
});

describe('codes that are sent', () => {
  test.each([
    ['sms', '+31201234567', 'fixed_line'],
    ['sms', '+1 900 555 0123', 'premium_rate'],
    ['voice', '+883510001234567', ''],
    ['sms', '0612345678', ''],
    ['sms', '+99912345678', ''],
  ])('%s to %s is refused', (factor_type, phone, kind) => {
    const parsed = startSchema.safeParse({ user: USER, factor_type, phone });
    expect(parsed.success).toBe(false);
    expect(parsed.error?.issues[0]?.message).toContain(kind);
  });

  test.each(['no address', 'a@b', 'ada@example.org\nBcc: x@example.org', '<script>@example.org'])('e-mail to %j is refused', (address) => {
    expect(startSchema.safeParse({ user: USER, factor_type: 'email', address }).success).toBe(false);
  });

  test('tell where they go without telling it to others', async () => {
    expect((await begin('sms')).challenge).toMatchObject({ sent_to: '…78' });
    expect((await begin('email', 'ben')).challenge).toMatchObject({ sent_to: 'a…@example.org' });
  });

  test('end after ten minutes, though the enrollment would go on', async () => {
    const { factor } = await enroll('sms');
    await made.core.factors.challenge(factor);
    const code = sentCode(made);
    made.nowMs += 600_000;
    expect(await made.core.use(factor, { code })).toMatchObject({
      isRight: false,
      hint: expect.stringContaining('ten minutes ago'),
    });
  });

  test('are the last two, each once', async () => {
    const { id } = await begin('sms');
    const codes = [sentCode(made)];
    for (const pause of [30_000, 60_000]) {
      made.nowMs += pause;
      await made.core.resend(id, undefined);
      codes.push(sentCode(made));
    }
    expect(made.messages.at(-1)).toContain('(code 3)');
    const [first, second] = codes as [string, string];
    expect(await made.core.verify(id, undefined, { code: first })).toMatchObject({ isRight: false });
    expect(await made.core.verify(id, undefined, { code: second })).toMatchObject({ isRight: true });
    const [{ id: factor } = { id: '' }] = await made.core.factors.factorsOf(USER);
    expect(await made.core.use(factor, { code: second })).toMatchObject({ isRight: false });
  });

  test('are sent again after a pause that doubles, five times at most, and give no new guesses', async () => {
    const { id } = await begin('sms');
    for (let i = 0; i < 3; i++) await made.core.verify(id, undefined, { code: 'wrong' });
    for (const pause of [30, 60, 120, 240]) {
      await expect(made.core.resend(id, undefined)).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED', retryAfterSeconds: pause });
      made.nowMs += pause * 1_000;
      await made.core.resend(id, undefined);
    }
    made.nowMs += 100_000;
    await expect(made.core.resend(id, undefined)).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED' });
    expect(await made.core.verify(id, undefined, { code: 'wrong' })).toMatchObject({ attemptsLeft: 1 });
    expect(made.messages).toHaveLength(5);
  });

  test('that were used to log in do not come back with one that was on its way', async () => {
    const { factor } = await enroll('sms');
    await made.core.factors.challenge(factor);
    const used = sentCode(made);
    made.nowMs += 30_000;
    // The next is on its way while the one before is used.
    const [, first] = await Promise.all([made.core.factors.challenge(factor), made.core.use(factor, { code: used })]);
    expect(first).toMatchObject({ isRight: true });
    expect(await made.core.use(factor, { code: used })).toMatchObject({ isRight: false });
    expect(await made.core.use(factor, { code: sentCode(made) })).toMatchObject({ isRight: true });
  });

  test('are counted anew after a day without any, to log in', async () => {
    const { factor } = await enroll('sms');
    const challenge = () => made.core.factors.challenge(factor);
    made.nowMs += 600_000;
    for (const pause of [0, 30, 60, 120, 240]) {
      made.nowMs += pause * 1_000;
      await challenge();
    }
    made.nowMs += 600_000;
    await expect(challenge()).rejects.toMatchObject({ code: 'MUSTER_RATE_LIMITED' });
    made.nowMs += 86_400_000;
    await challenge();
    expect(await made.core.use(factor, { code: sentCode(made) })).toMatchObject({ isRight: true });
  });

  test('are one SMS, in letters that make it no longer', () => {
    const text = made.messages.at(-1)?.replace(/^.*?: /, '') ?? '';
    expect(text.length).toBeLessThanOrEqual(160);
    expect(text).toMatch(/^[ -~]*$/);
  });
});

describe('push', () => {
  test('takes no approval without the number, and ends with a wrong one', async () => {
    const { id, challenge } = await begin('push');
    const wrong = signedNumber(challenge, id, '000000');
    await expect(made.core.verify(id, undefined, { signature: wrong.signature })).rejects.toThrow(/approval without the number/);
    expect(await made.core.verify(id, undefined, wrong)).toMatchObject({ isRight: false, reason: 'failed', attemptsLeft: 0 });
    expect(await made.core.verify(id, undefined, signedNumber(challenge, id))).toMatchObject({ isRight: false, reason: 'ended' });
  });

  test('takes no signature of another device, attempt or challenge', async () => {
    const { id, challenge } = await begin('push');
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const number = String(challenge.number);
    const forged = [
      signed(signedText(id, number, String(challenge.nonce)), other),
      signed(signedText('another', number, String(challenge.nonce))),
      signed(signedText(id, number, 'another nonce')),
    ];
    for (const signature of forged)
      expect(await made.core.verify(id, undefined, { number, signature })).toMatchObject({ isRight: false, reason: 'wrong_proof' });
    made.nowMs += 30_000;
    const next = await made.core.resend(id, undefined);
    expect(await made.core.verify(id, undefined, signedNumber(challenge, id))).toMatchObject({ isRight: false });
    expect(await made.core.verify(id, undefined, signedNumber(next.challenge, id))).toMatchObject({ isRight: true });
  });

  test('takes Ed25519 and DER signatures too, and no key of another kind', async () => {
    const pair = generateKeyPairSync('ed25519');
    const key = pair.publicKey.export({ format: 'der', type: 'spki' }).toString('base64url');
    const { id, challenge } = await begin('push', 'ben', { public_key: key });
    const number = String(challenge.number);
    const signature = sign(null, signedText(id, number, String(challenge.nonce)), pair.privateKey).toString('base64url');
    expect(await made.core.verify(id, undefined, { number, signature })).toMatchObject({ isRight: true });
    const der = await begin('push', 'cem');
    const text = signedText(der.id, String(der.challenge.number), String(der.challenge.nonce));
    const derSignature = sign('sha256', text, createPrivateKey(device.privateKey.export({ format: 'pem', type: 'pkcs8' }))).toString(
      'base64url',
    );
    expect(await made.core.verify(der.id, undefined, { number: der.challenge.number, signature: derSignature })).toMatchObject({
      isRight: true,
    });
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
      .publicKey.export({ format: 'der', type: 'spki' })
      .toString('base64url');
    for (const bad of [rsa, 'AAAA'])
      await expect(begin('push', 'dee', { public_key: bad })).rejects.toMatchObject({ code: 'MUSTER_BAD_ARGUMENT' });
  });

  test('one key is one key, however it is written, and nothing stands around it', async () => {
    const { x, y } = device.publicKey.export({ format: 'jwk' }) as { x: string; y: string };
    const point = Buffer.concat([Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
    const whole = device.publicKey.export({ format: 'der', type: 'spki' });
    const sign = 2 + ((point[63] as number) & 1);
    const compressed = Buffer.concat([
      Buffer.from('3039301306072a8648ce3d020106082a8648ce3d030107032200', 'hex'),
      Buffer.of(sign),
      point.subarray(0, 32),
    ]);
    const hybrid = Buffer.from(whole);
    hybrid[26] = 6 + ((point[63] as number) & 1);
    // The last character of base64url may carry bits that mean nothing.
    const text = whole.toString('base64url');
    const sloppy = text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);
    await enroll('push');
    for (const written of [compressed.toString('base64url'), ...(Buffer.from(sloppy, 'base64url').equals(whole) ? [sloppy] : [])])
      await expect(begin('push', USER, { public_key: written })).rejects.toMatchObject({ code: 'MUSTER_DUPLICATE_FACTOR' });
    for (const bad of [
      Buffer.concat([whole, Buffer.of(0)]),
      Buffer.concat([whole, whole]),
      whole.subarray(0, 90),
      hybrid,
      Buffer.concat([compressed, Buffer.of(0)]),
    ])
      await expect(begin('push', 'dee', { public_key: bad.toString('base64url') })).rejects.toMatchObject({ code: 'MUSTER_BAD_ARGUMENT' });
    const offCurve = Buffer.from(whole);
    offCurve[90] = (offCurve[90] as number) ^ 1;
    await expect(begin('push', 'dee', { public_key: offCurve.toString('base64url') })).rejects.toMatchObject({
      code: 'MUSTER_BAD_ARGUMENT',
    });
  });

  test('that was asked ten minutes ago is answered no more', async () => {
    const { factor } = await enroll('push');
    const shown = await made.core.factors.challenge(factor);
    made.nowMs += 600_000;
    expect(await made.core.use(factor, signedNumber(shown, factor))).toMatchObject({
      isRight: false,
      hint: expect.stringContaining('ten minutes'),
    });
    const again = await made.core.factors.challenge(factor);
    made.nowMs += 599_000;
    expect(await made.core.use(factor, signedNumber(again, factor))).toMatchObject({ isRight: true });
  });

  test('that is denied is final: the factor is suspended until somebody has looked', async () => {
    const { factor } = await enroll('push');
    const shown = await made.core.factors.challenge(factor);
    const deny = { deny: true, signature: signed(signedText(factor, 'deny', String(shown.nonce))) };
    expect(await made.core.use(factor, deny)).toMatchObject({ isRight: false, failuresLeft: 0 });
    expect(await made.core.factors.factorsOf(USER)).toMatchObject([{ id: factor, state: 'suspended' }]);
    await expect(made.core.factors.challenge(factor)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
    expect((await made.events()).slice(-3)).toEqual(['challenge.denied', 'factor.suspended', 'access.blocked']);
  });
});

describe('codes as people type them', () => {
  test.each([
    ['٤٥٦', '456'],
    ['۱۲۳ ۴۵۶', '123456'],
    ['１２３４５６', '123456'],
    ['१२३-४५६', '123456'],
    ['𝟙𝟚𝟛𝟜𝟝𝟞', '123456'],
    ['12\u200b3\u00a0456\ufeff', '123456'],
    ['123.456', '123456'],
    ['123\u00b7456', '123456'],
    ['\u202e123456\u202c', '123456'],
    ['123−456', '123456'],
    ['12 34 56\n', '123456'],
    ['#123,456;', '123456'],
    ['abc-DEF', 'abcDEF'],
  ])('%j means %s', (text, meant) => {
    expect(typed(text)).toBe(meant);
  });

  test('of an authenticator app are right in other digits, and cost no try', async () => {
    const { id, challenge } = await begin('totp');
    const { code } = DEVICES.totp.prove(challenge, id) as { code: string };
    const persian = [...code].map((digit) => String.fromCodePoint(0x6f0 + Number(digit))).join('\u200c');
    expect(await made.core.verify(id, undefined, { code: persian })).toMatchObject({ isRight: true });
  });
});

test('two accounts of one person have different names in an authenticator app', async () => {
  const labelOf = (challenge: Record<string, unknown>) =>
    decodeURIComponent(new URL(String(challenge.otpauth_uri)).pathname.split(':').at(-1) ?? '');
  const first = await begin('totp');
  const second = await begin('totp');
  const named = await begin('totp', USER, { device_name: 'work: phone' });
  expect([first, second, named].map(({ challenge }) => labelOf(challenge))).toEqual([USER, `${USER} (2)`, `${USER} (work  phone)`]);
  expect(labelOf((await begin('hotp')).challenge)).toBe(USER);
});

describe('recovery codes', () => {
  test('are ten of 128 bits, shown once, each good once', async () => {
    const { challenge, factor, fields } = await enroll('recovery_code');
    const codes = challenge.codes as string[];
    expect(new Set(codes).size).toBe(10);
    for (const code of codes) expect(code.replaceAll('-', '')).toMatch(/^[0-9AC-HJKMNP-Z]{26}$/);
    expect(fields).toEqual({ codes_left: 9 });
    // The one that proved the set-up is used up.
    expect(await made.core.use(factor, { code: codes[3] })).toMatchObject({ isRight: false });
    for (const [index, code] of codes.filter((_, at) => at !== 3).entries()) {
      expect(await made.core.use(factor, { code })).toMatchObject({ isRight: true, fields: { codes_left: 8 - index } });
      expect(await made.core.use(factor, { code })).toMatchObject({ isRight: false });
    }
    expect(await made.eventsOf('recovery.codes_issued')).toHaveLength(1);
  });

  test('mean the digit where somebody reads or writes a letter that looks like it, whichever way', async () => {
    const { challenge, factor } = await enroll('recovery_code');
    const alike = { '0': 'Oo0', '1': 'IilL1', '8': 'Bb8' } as Record<string, string>;
    const [first, second, , , ...others] = challenge.codes as string[];
    // Among ten codes of 26 each of them stands a dozen times.
    expect([first, second, ...others].join('')).toMatch(/0.*1|1.*0/);
    for (const [at, code] of [first, second, ...others].entries()) {
      const written = [...String(code)].map((symbol, i) => alike[symbol]?.[(i + at) % (alike[symbol]?.length ?? 1)] ?? symbol).join('');
      const spoken = ` ${written.replaceAll('-', ['\u2011', ' . ', '\u00b7', '\u200b-\u200b'][at % 4] as string)}\u2060 `;
      expect([spoken, (await made.core.use(factor, { code: spoken })).isRight]).toEqual([spoken, true]);
    }
  });

  test('of before, in base32, are taken as they were written down, or as they were read', async () => {
    const { vault } = made;
    const old = 'OIL2B-QUUBI-LOB77-AAAAA-AAAAAA';
    const { digest, version } = vault.pepper(old.replaceAll('-', ''));
    const kept = { pepper: version, digests: [digest] };
    const around = { id: 'x', user: USER, nowMs: 0, random: randomBytes, vault };
    for (const code of [old, old.toLowerCase(), '01L2B-QUUBI-L0B77-AAAAA-AAAAAA'.replace('1L', 'IL'), 'OIL28-QUUBI-LO877-AAAAA-AAAAAA'])
      expect([code, recoveryCode.verify(kept, { code }, around, 'log in').isRight]).toEqual([code, true]);
    expect(recoveryCode.verify(kept, { code: 'OIL2B-QUUBI-LOB77-AAAAA-AAAAAC' }, around, 'log in').isRight).toBe(false);
  });

  test('used twice at the same moment are used once', async () => {
    const { challenge, factor } = await enroll('recovery_code');
    const code = (challenge.codes as string[])[0];
    const results = await Promise.all(Array.from({ length: 8 }, () => made.core.use(factor, { code })));
    expect(results.filter(({ isRight }) => isRight)).toHaveLength(1);
  });

  test('stay good when the pepper changes: each is known by its version', async () => {
    const { challenge, factor } = await enroll('recovery_code');
    const { peppers } = made.keys.secrets;
    (peppers as { version: number; secret: Buffer }[]).unshift({ version: 2, secret: Buffer.alloc(32, 9) });
    expect(await made.core.use(factor, { code: (challenge.codes as string[])[0] })).toMatchObject({ isRight: true });
  });
});

describe('hardware tokens', () => {
  const seed = (more: object = {}) =>
    ({
      serial: 'T-9',
      kind: 'totp',
      algorithm: 'SHA1',
      digits: 6,
      period: 60,
      counter: 0,
      secret: { base32: SEED.base32 },
      ...more,
    }) as const;

  test('that count time have the period of their maker, and a clock that ran away is followed from the first code on', async () => {
    await made.core.importTokens([seed() as never]);
    const { id } = await begin('hardware_otp', USER, { serial: 'T-9' });
    const ahead = 7 * 60_000;
    const code = (atMs: number) => TOTP.generate({ secret: SEED, period: 60, timestamp: atMs + ahead });
    const result = await made.core.verify(id, undefined, { code: code(made.nowMs) });
    expect(result).toMatchObject({ isRight: true, fields: { serial: 'T-9' } });
    made.nowMs += 3_600_000;
    const [{ id: factor } = { id: '' }] = await made.core.factors.factorsOf(USER);
    expect(await made.core.use(factor, { code: code(made.nowMs) })).toMatchObject({ isRight: true });
  });

  test('are one person’s: whoever proves it first', async () => {
    await importHotp('T-2');
    const [ada, ben] = [await begin('hardware_otp', 'ada', { serial: 'T-2' }), await begin('hardware_otp', 'ben', { serial: 'T-2' })];
    const code = { code: HOTP.generate({ secret: SEED, counter: 1 }) };
    expect(await made.core.verify(ada.id, undefined, code)).toMatchObject({ isRight: true });
    expect(await made.core.verify(ben.id, undefined, code)).toMatchObject({ isRight: false, reason: 'ended' });
    expect(await made.core.factors.factorsOf('ben')).toEqual([]);
    await expect(begin('hardware_otp', 'cem', { serial: 'T-2' })).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
  });

  test('of a factor that has ended can be handed out again, and no code of before comes back', async () => {
    await importHotp('T-3');
    const code = (counter: number) => ({ code: HOTP.generate({ secret: SEED, counter }) });
    const bind = async (user: string, counter: number) => {
      const { id } = await begin('hardware_otp', user, { serial: 'T-3' });
      const result = await made.core.verify(id, undefined, code(counter));
      return result.isRight ? String(result.enrollment.factor_id) : undefined;
    };
    const ends: ((factor: string) => Promise<unknown>)[] = [
      (factor) => made.core.factors.revoke(factor),
      () => made.core.factors.reset('ada', {}),
      () => made.core.factors.deprovision('ada', {}),
    ];
    const imported = () => importHotp('T-3');
    for (const [index, end] of ends.entries()) {
      const factor = await bind('ada', 2 * index);
      expect(factor, String(index)).toBeDefined();
      await end(String(factor));
      expect(await bind('eve', 2 * index)).toBeUndefined();
      expect(await imported()).toBe(0);
    }
    // Who was asked for it while another had it, and gave it back, has what it was then: not what it is now.
    const stale = await begin('hardware_otp', 'ben', { serial: 'T-3' });
    await made.core.factors.revoke(String(await bind('cem', 12)));
    expect(await made.core.verify(stale.id, undefined, code(13))).toMatchObject({ isRight: false, reason: 'ended' });
    // Of whoever is forgotten nobody knows how far the token had come: it comes in anew.
    await bind('dee', 20);
    await eraseUser(made.storage, 'dee', made.nowMs);
    await expect(bind('fay', 21)).rejects.toMatchObject({ code: 'MUSTER_NOT_FOUND' });
    expect(await imported()).toBe(1);
    expect(await bind('fay', 1)).toBeDefined();
  });

  test('with seeds that cannot be what they say are refused, all of them', async () => {
    for (const secret of [
      { base32: 'MZXW6YTB0I' },
      { base32: 'MZX' },
      { hex: 'abc' },
      { hex: '00'.repeat(13) },
      { base64: 'AAAA' },
      { base64: SEED.hex },
      { base64: '!!!!AAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
    ])
      await expect(made.core.importTokens([seed({ serial: 'T-8' }) as never, seed({ secret }) as never])).rejects.toMatchObject({
        code: 'MUSTER_BAD_ARGUMENT',
      });
    expect(await made.storage.all('SELECT serial FROM hardware_tokens')).toEqual([]);
    expect(await made.core.importTokens([seed({ secret: { base32: SEED.base32.toLowerCase().replace(/.{4}/g, '$& ') } }) as never])).toBe(
      1,
    );
    expect(await made.core.importTokens([seed() as never])).toBe(0);
  });
});

test('a hundred failures in a row disable a factor; a right proof in between begins the count anew', async () => {
  const { factor, challenge } = await enroll('totp');
  made.nowMs += 60_000;
  const limits = () => {
    made.nowMs += 600_000;
  };
  const wrong = () => made.core.factors.use(factor, { code: '000000' });
  for (let i = 0; i < 99; i++) await wrong();
  limits();
  expect(await made.core.factors.use(factor, DEVICES.totp.prove(challenge, ''))).toMatchObject({ isRight: true });
  for (let left = 99; left > 0; left--) expect(await wrong()).toMatchObject({ isRight: false, failuresLeft: left });
  expect(await wrong()).toMatchObject({ isRight: false, failuresLeft: 0 });
  expect(await made.core.factors.factorsOf(USER)).toMatchObject([{ state: 'revoked' }]);
  await expect(wrong()).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
  expect((await made.events()).slice(-2)).toEqual(['factor.revoked', 'access.blocked']);
});
