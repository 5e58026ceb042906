/** TOTP against the vectors of RFC 6238, appendix B, of all three hashes; and the rules of its sections 5.2 and 6. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Algorithm } from '../../../src/core/factors/otp.ts';
import { accountOf, codeAt, otpauthUri } from '../../../src/core/factors/otp.ts';
import { type TotpKept, verifyTotp } from '../../../src/core/factors/totp.ts';
import { have, pathOf } from '../../support/counterparts.ts';

const SEEDS = {
  SHA1: '12345678901234567890',
  SHA256: '12345678901234567890123456789012',
  SHA512: '1234567890123456789012345678901234567890123456789012345678901234',
};
const kept = (algorithm: Algorithm, digits = 8, more: Partial<TotpKept> = {}): TotpKept => ({
  secret: Buffer.from(SEEDS[algorithm]).toString('base64'),
  algorithm,
  digits,
  lastStep: 0,
  drift: 0,
  ...more,
});
const LOG_IN = { tolerance: 1, maxDrift: 3, isExplained: true };
const at = (seconds: number) => seconds * 1_000;

test.each([
  [59, 'SHA1', '94287082'],
  [59, 'SHA256', '46119246'],
  [59, 'SHA512', '90693936'],
  [1_111_111_109, 'SHA1', '07081804'],
  [1_111_111_109, 'SHA256', '68084774'],
  [1_111_111_109, 'SHA512', '25091201'],
  [1_111_111_111, 'SHA1', '14050471'],
  [1_234_567_890, 'SHA1', '89005924'],
  [1_234_567_890, 'SHA256', '91819424'],
  [1_234_567_890, 'SHA512', '93441116'],
  [2_000_000_000, 'SHA1', '69279037'],
  [2_000_000_000, 'SHA512', '38618901'],
  [20_000_000_000, 'SHA1', '65353130'],
  [20_000_000_000, 'SHA256', '77737706'],
  [20_000_000_000, 'SHA512', '47863826'],
] as const)('at %i s the code of %s is %s', (seconds, algorithm, code) => {
  const step = Math.floor(seconds / 30);
  const verdict = (seconds_: number, digits = 8) => verifyTotp(kept(algorithm, digits), code.slice(8 - digits), at(seconds_), LOG_IN);
  expect(verdict(seconds)).toMatchObject({ isRight: true, kept: { lastStep: step, drift: 0 } });
  expect(verdict(seconds, 6)).toMatchObject({ isRight: true });
  // One step of drift on either side, no more.
  expect(verdict(seconds + 30)).toMatchObject({ isRight: true, kept: { drift: -1 } });
  expect(verdict(seconds - 30)).toMatchObject({ isRight: true, kept: { drift: 1 } });
  expect(verdict(seconds + 60)).toMatchObject({ isRight: false, code: 'clock_off' });
  expect(verdict(seconds - 60)).toMatchObject({ isRight: false, code: 'clock_off' });
});

test.runIf(have('shared'))('the published table', async () => {
  const { vectors } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/totp-rfc6238.json'), 'utf8')) as {
    vectors: { unixTime: number; algorithm: Algorithm; code8: string; code6: string }[];
  };
  expect(vectors).toHaveLength(18);
  for (const { unixTime, algorithm, code8, code6 } of vectors) {
    const step = Math.floor(unixTime / 30);
    expect([codeAt(kept(algorithm), step), codeAt(kept(algorithm, 6), step)]).toEqual([code8, code6]);
  }
});

test('a code is accepted once: the step used last, and those before, are refused', () => {
  const used = verifyTotp(kept('SHA1'), '94287082', at(59), LOG_IN);
  if (!used.isRight) throw new Error('a right code was refused');
  expect(verifyTotp(used.kept as TotpKept, '94287082', at(59), LOG_IN)).toMatchObject({ isRight: false, code: 'code_used' });
  const before = codeAt(kept('SHA1'), 0);
  expect(verifyTotp(used.kept as TotpKept, before, at(59), LOG_IN)).toMatchObject({ isRight: false, code: 'code_used' });
});

describe('the drift of a clock', () => {
  const codeOf = (seconds: number) => codeAt(kept('SHA1'), Math.floor(seconds / 30));
  const NOW = 2_000_000_000;

  test('is followed a step at a time, up to three', () => {
    let state = kept('SHA1');
    for (const [index, ahead] of [30, 60, 90].entries()) {
      const seconds = NOW + index * 300;
      const verdict = verifyTotp(state, codeOf(seconds + ahead), at(seconds), LOG_IN);
      if (!verdict.isRight) throw new Error(`refused at ${ahead} s`);
      state = verdict.kept as TotpKept;
      expect(state.drift).toBe(index + 1);
    }
    expect(verifyTotp(state, codeOf(NOW + 900 + 120), at(NOW + 900), LOG_IN)).toMatchObject({ isRight: false, code: 'clock_off' });
  });

  test('that is too much is told at the set-up, not to whoever logs in: a guess would be known to be right later', () => {
    const verdict = verifyTotp(kept('SHA1'), codeOf(NOW + 120), at(NOW), { ...LOG_IN, isExplained: false });
    expect(verdict).toEqual({ isRight: false, code: 'wrong_code' });
  });

  test('that is gone, since somebody set the clock, locks nobody out', () => {
    expect(verifyTotp(kept('SHA1', 8, { drift: 3 }), codeOf(NOW), at(NOW), LOG_IN)).toMatchObject({ isRight: true, kept: { drift: 0 } });
  });

  test.each([
    [95, 'ahead'],
    [-95, 'behind'],
    [240, 'ahead'],
  ])('of %i s is told when it is too much', (seconds, word) => {
    const verdict = verifyTotp(kept('SHA1'), codeOf(NOW + seconds), at(NOW), LOG_IN);
    expect(verdict).toMatchObject({ isRight: false, hint: expect.stringContaining(word) });
    if (!verdict.isRight) expect(Math.abs(Number(verdict.fields?.clock_offset_seconds) - seconds)).toBeLessThanOrEqual(30);
  });
});

describe('the otpauth URI', () => {
  test('is as apps read it', () => {
    expect(otpauthUri('totp', kept('SHA1', 6), accountOf(kept('SHA1', 6), 'ada@example.org'), { period: 30 })).toBe(
      'otpauth://totp/Muster:ada%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Muster&algorithm=SHA1&digits=6&period=30',
    );
  });

  test.each([
    ['a b', 'a%20b'],
    ['a+b', 'a%2Bb'],
    ['evil:issuer', 'evil%20issuer'],
    ['a&secret=AAAA', 'a%26secret%3DAAAA'],
    ['line\nbreak\u0000', 'linebreak'],
    ['\u202eada', 'ada'],
    ['Zoë', 'Zo%C3%AB'],
    ['::', 'user'],
  ])('of %j names %s', (user, account) => {
    expect(otpauthUri('totp', kept('SHA1', 6), accountOf(kept('SHA1', 6), user), { period: 30 })).toContain(
      `otpauth://totp/Muster:${account}?secret=`,
    );
  });

  test('stays short enough for a camera', () => {
    expect(otpauthUri('totp', kept('SHA1', 6), accountOf(kept('SHA1', 6), 'x'.repeat(320)), { period: 30 }).length).toBeLessThan(300);
  });

  test.runIf(have('shared'))('follows the published rule in every case that apps take', async () => {
    const { cases } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/otpauth-uri.json'), 'utf8')) as {
      cases: { name: string; uri: string; apps: string; observed: { ok: boolean; label?: string; secretHex?: string; digits?: number } }[];
    };
    const accepted = cases.filter(
      ({ apps, observed }) => apps === 'accept' && observed.ok && observed.label && !observed.label.includes(':'),
    );
    expect(accepted.length).toBeGreaterThan(3);
    for (const { name, observed } of accepted) {
      const seed = { secret: Buffer.from(String(observed.secretHex), 'hex').toString('base64'), algorithm: 'SHA1', digits: 6 } as const;
      const read = new URL(otpauthUri('totp', seed, accountOf(seed, String(observed.label)), { period: 30 }));
      expect(decodeURIComponent(read.pathname.replace(/^.*:/, '')), name).toBe(String(observed.label).trim());
      expect(Object.fromEntries(read.searchParams), name).toMatchObject({ issuer: 'Muster', algorithm: 'SHA1', digits: '6', period: '30' });
    }
  });
});
