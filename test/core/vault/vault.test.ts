/** The vault: what it seals opens for its owner alone, unaltered, under keys that are held; rotation loses nothing. */
import { createSecretKey } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decrypt, encrypt } from '../../../src/core/vault/gcm.ts';
import type { KeyEncryption } from '../../../src/core/vault/key-encryption.ts';
import { openVault } from '../../../src/core/vault/vault.ts';
import { createVault } from '../../../src/privacy/vault.ts';
import { beginTotp, type TestCore, testCore } from '../../support/core.ts';
import { have, pathOf } from '../../support/counterparts.ts';

const OWNER = { kind: 'factor', user: 'ada', id: 'f-1' } as const;
const CLOSED = { code: 'MUSTER_VAULT_CLOSED' };

describe('AES-256-GCM', () => {
  const key = createSecretKey(Buffer.alloc(32, 1));
  const associated = Buffer.from('whose');

  test('another byte anywhere, or a tag cut short, opens nothing', () => {
    const sealed = encrypt(key, Buffer.from('secret'), associated);
    expect(decrypt(key, sealed, associated).toString()).toBe('secret');
    for (let at = 0; at < sealed.length; at++) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      expect(() => decrypt(key, altered, associated)).toThrow();
    }
    for (let length = 0; length < sealed.length; length++) expect(() => decrypt(key, sealed.subarray(0, length), associated)).toThrow();
    expect(() => decrypt(key, sealed, Buffer.from('whos'))).toThrow();
    expect(encrypt(key, Buffer.from('secret'), associated).equals(sealed)).toBe(false);
  });

  test.runIf(have('shared'))('agrees with the published vectors: valid ones open, all others do not', async () => {
    const { nist, wycheproof } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/aes-256-gcm.json'), 'utf8')) as {
      nist: { key: string; iv: string; aad: string; plaintext: string; ciphertext: string; tag: string }[];
      wycheproof: { tcId: number; key: string; iv?: string; aad: string; msg: string; ct: string; tag: string; result: string }[];
    };
    const hex = (...parts: string[]) => Buffer.from(parts.join(''), 'hex');
    for (const { key: bytes, iv, aad, plaintext, ciphertext, tag } of nist)
      expect(decrypt(createSecretKey(hex(bytes)), hex(iv, ciphertext, tag), hex(aad)).toString('hex')).toBe(plaintext);
    // Nonces here have 96 bits, always.
    const ours = wycheproof.filter(({ iv }) => iv?.length === 24);
    expect(ours.length).toBeGreaterThan(10);
    for (const { tcId, key: bytes, iv, aad, msg, ct, tag, result } of ours) {
      const open = () => decrypt(createSecretKey(hex(bytes)), hex(iv ?? '', ct, tag), hex(aad)).toString('hex');
      if (result === 'valid') expect(open(), String(tcId)).toBe(msg);
      else expect(open, String(tcId)).toThrow();
    }
  });
});

describe('of a core', () => {
  let made: TestCore;
  beforeEach(async () => {
    made = await testCore();
  });
  afterEach(() => made.dispose());

  test('opens for the same kind, person and record alone', async () => {
    const { vault } = made;
    const sealed = vault.seal({ secret: 'x' }, OWNER);
    expect(await vault.open(sealed, OWNER)).toEqual({ secret: 'x' });
    for (const other of [
      { kind: 'enrollment' },
      { user: 'ben' },
      { id: 'f-2' },
      // What runs together without a separator would be the same.
      { user: 'adaf', id: '-1' },
    ] as const)
      await expect(vault.open(sealed, { ...OWNER, ...other })).rejects.toMatchObject(CLOSED);
    for (const at of [0, 1, 4, 20, sealed.length - 1]) {
      const altered = Buffer.from(sealed);
      altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
      await expect(vault.open(altered, OWNER)).rejects.toMatchObject(CLOSED);
    }
  });

  test('a secret that cannot be opened fails closed: nobody is without a factor by it', async () => {
    const { id, code } = await beginTotp(made);
    await made.core.verify(id, undefined, { code: code() });
    const [factor] = await made.core.factors.factorsOf('ada@example.org');
    await made.storage.run('UPDATE factors SET sealed = ?', Buffer.from('damaged'));
    await expect(made.core.use(String(factor?.id), { code: code(made.nowMs + 60_000) })).rejects.toMatchObject(CLOSED);
    expect(await made.core.factors.factorsOf('ada@example.org')).toMatchObject([{ state: 'active' }]);
  });

  test('a row that was put in the place of another opens nothing', async () => {
    for (const user of ['ada', 'eve']) {
      const { id, code } = await beginTotp(made, user);
      await made.core.verify(id, undefined, { code: code() });
    }
    const [ada] = await made.core.factors.factorsOf('ada');
    await made.storage.run("UPDATE factors SET sealed = (SELECT sealed FROM factors WHERE user_id = 'eve') WHERE user_id = 'ada'");
    await expect(made.core.use(String(ada?.id), { code: '000000' })).rejects.toMatchObject(CLOSED);
  });

  test('a rotation seals everything anew while people go on, and then the old key can go', async () => {
    await made.core.importTokens([
      { serial: 'T', kind: 'hotp', secret: { hex: '31'.repeat(20) }, algorithm: 'SHA1', digits: 6, period: 30, counter: 0 },
    ]);
    const people = await Promise.all(Array.from({ length: 30 }, (_, index) => beginTotp(made, `p-${index}`)));
    const [waiting, ...others] = people;
    for (const { id, code } of others) await made.core.verify(id, undefined, { code: code() });
    const [old] = made.keys.list();
    await made.keys.rotate();
    made.nowMs += 60_000;
    // Somebody is in the middle of it all the time.
    const [{ done, left }] = await Promise.all([
      made.core.rewrap(),
      waiting && made.core.verify(waiting.id, undefined, { code: waiting.code() }),
    ]);
    expect(done + left).toBeGreaterThanOrEqual(59);
    expect((await made.core.rewrap()).left).toBe(0);
    await made.keys.retire([String(old?.id)]);
    expect(made.keys.list().map(({ id }) => id)).toEqual([expect.stringMatching(/^k2-/)]);
    for (const [index, { code }] of people.entries()) {
      const [factor] = await made.core.factors.factorsOf(`p-${index}`);
      expect(await made.core.use(String(factor?.id), { code: code(made.nowMs + 30_000) }), String(index)).toMatchObject({ isRight: true });
    }
  });

  test('rotations at the same moment each make a key of their own, and nothing is lost by them', async () => {
    const sealed = made.vault.seal('before', OWNER);
    await Promise.all(Array.from({ length: 5 }, () => made.keys.rotate()));
    await made.vault.renew();
    const after = made.vault.seal('after', OWNER);
    // As another process reads it from the disk.
    const { openFileKeys } = await import('../../../src/core/vault/file-keys.ts');
    const keys = await openFileKeys(join(made.directory, 'vault-keys.json'), () => 0);
    expect(new Set(keys.list().map(({ id }) => id)).size).toBe(6);
    const other = await openVault(keys, keys.secrets, () => 0);
    expect([await other.open(sealed, OWNER), await other.open(after, OWNER)]).toEqual(['before', 'after']);
  });

  test('a record that cannot be opened does not keep the others from being sealed anew', async () => {
    for (const user of ['ada', 'ben', 'cem']) {
      const { id, code } = await beginTotp(made, user);
      await made.core.verify(id, undefined, { code: code() });
    }
    const [ben] = await made.core.factors.factorsOf('ben');
    await made.storage.run("UPDATE factors SET sealed = ? WHERE user_id = 'ben'", Buffer.from('damaged'));
    await made.keys.rotate();
    expect(await made.core.rewrap()).toEqual({ done: 5, left: 0, unreadable: [`factor ${ben?.id}`] });
  });

  test('its keys are in a file for the owner alone, and a file that holds none is not taken for an empty one', async () => {
    const path = join(made.directory, 'vault-keys.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(path, '{}');
    const { openFileKeys } = await import('../../../src/core/vault/file-keys.ts');
    await expect(openFileKeys(path, () => 0)).rejects.toThrow(/does not hold the keys/);
  });
});

test('a service of keys is asked once for a data key, and when it is away what was opened before stays open', async () => {
  const kek = createSecretKey(Buffer.alloc(32, 2));
  let asked = 0;
  let isAway = false;
  const service: KeyEncryption = {
    current: () => 'remote-1',
    wrap: async (dataKey) => ({ keyId: 'remote-1', wrapped: encrypt(kek, dataKey, Buffer.from('remote-1')) }),
    async unwrap(_, wrapped) {
      asked += 1;
      if (isAway) throw new Error('503');
      return decrypt(kek, wrapped, Buffer.from('remote-1'));
    },
  };
  let nowMs = 0;
  const secrets = { marks: Buffer.alloc(32), peppers: [{ version: 1, secret: Buffer.alloc(32) }] };
  const vault = await openVault(service, secrets, () => nowMs);
  const sealed = Array.from({ length: 100 }, (_, index) => vault.seal(index, OWNER));
  for (const [index, each] of sealed.entries()) expect(await vault.open(each, OWNER)).toBe(index);
  expect(asked).toBe(1);
  isAway = true;
  expect(await vault.open(sealed[0] as Buffer, OWNER)).toBe(0);
  const other = await openVault(service, secrets, () => nowMs);
  await expect(other.open(sealed[0] as Buffer, OWNER)).rejects.toMatchObject(CLOSED);
  // After an hour the next record has another data key.
  nowMs = 3_600_001;
  vault.seal('last of its key', OWNER);
  await new Promise(setImmediate);
  isAway = false;
  expect(await vault.open(vault.seal('x', OWNER), OWNER)).toBe('x');
  expect(asked).toBe(3);
});

test('the vault of identities gives a secret back to its owner alone, and only unaltered', () => {
  const secret = Buffer.from('12345678901234567890');
  const vault = createVault(Buffer.alloc(32, 3));
  const wrapped = vault.wrap(secret, 'a');
  expect(wrapped.includes(secret)).toBe(false);
  expect(vault.wrap(secret, 'a').equals(wrapped)).toBe(false);
  expect(vault.unwrap(wrapped, 'a')).toEqual(secret);
  expect(() => vault.unwrap(wrapped, 'b')).toThrow();
  expect(() => createVault(Buffer.alloc(32, 4)).unwrap(wrapped, 'a')).toThrow();
  const altered = Buffer.from(wrapped);
  altered.writeUInt8(altered.readUInt8(20) ^ 1, 20);
  expect(() => vault.unwrap(altered, 'a')).toThrow();
});
