/** TOTP against the vectors of RFC 6238, appendix B (SHA-1, cut to 6 digits), and the rules of its section 5.2. */
import { expect, test } from 'vitest';
import { acceptedStep, provisioning } from '../../src/core/factors/totp.ts';
import { createVault } from '../../src/privacy/vault.ts';

const SECRET = Buffer.from('12345678901234567890');

test.each([
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
])('at %i s the code is %s', (seconds, code) => {
  const step = Math.floor(seconds / 30);
  expect(acceptedStep(SECRET, code, seconds * 1_000, 0)).toBe(step);
  // One step of drift on either side, no more.
  expect(acceptedStep(SECRET, code, (seconds + 30) * 1_000, 0)).toBe(step);
  expect(acceptedStep(SECRET, code, (seconds - 30) * 1_000, 0)).toBe(step);
  expect(acceptedStep(SECRET, code, (seconds + 60) * 1_000, 0)).toBeUndefined();
  expect(acceptedStep(SECRET, code, (seconds - 60) * 1_000, 0)).toBeUndefined();
});

test('a code is accepted once: the step used last, and those before, are refused', () => {
  const step = acceptedStep(SECRET, '287082', 59_000, 0) as number;
  expect(acceptedStep(SECRET, '287082', 59_000, step)).toBeUndefined();
  expect(acceptedStep(SECRET, '287082', 59_000, step + 1)).toBeUndefined();
});

test('the secret is given as base32 and in an otpauth URI', () => {
  expect(provisioning(SECRET, 'ada')).toEqual({
    secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ',
    otpauthUri: 'otpauth://totp/Muster:ada?issuer=Muster&secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&algorithm=SHA1&digits=6&period=30',
  });
});

test('the vault gives a secret back to its owner alone, and only unaltered', () => {
  const vault = createVault(Buffer.alloc(32, 3));
  const wrapped = vault.wrap(SECRET, 'a');
  expect(wrapped.includes(SECRET)).toBe(false);
  expect(vault.wrap(SECRET, 'a').equals(wrapped)).toBe(false);
  expect(vault.unwrap(wrapped, 'a')).toEqual(SECRET);
  expect(() => vault.unwrap(wrapped, 'b')).toThrow();
  expect(() => createVault(Buffer.alloc(32, 4)).unwrap(wrapped, 'a')).toThrow();
  const altered = Buffer.from(wrapped);
  altered.writeUInt8(altered.readUInt8(20) ^ 1, 20);
  expect(() => vault.unwrap(altered, 'a')).toThrow();
});
