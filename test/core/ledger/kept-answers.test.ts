/** Idempotency-Key: what is one, what makes two requests the same, and that an answer is kept with what it does or not at all. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eraseUser } from '../../../src/core/ledger/erase.ts';
import { fingerprintOf, idempotencyKey } from '../../../src/serve/idempotency.ts';
import { enrollTotp, type TestCore, testCore } from '../../support/core.ts';
import { have, pathOf } from '../../support/counterparts.ts';

describe('the header', () => {
  test.each([
    ['8e03978e-40d5-43e8-bc93-6894a57f9324', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"8e03978e-40d5-43e8-bc93-6894a57f9324"', '8e03978e-40d5-43e8-bc93-6894a57f9324'],
    ['"with a space"', 'with a space'],
    ['"esc\\"aped"', 'esc"aped'],
    ['"a";p=1', 'a'],
  ])('%s is the key %s', (header, key) => {
    expect(idempotencyKey(header)).toBe(key);
  });

  test.each(['', '""', '"unterminated', '"café"', 'a b', '"k1", "k2"', 'k1, k2', `"${'x'.repeat(256)}"`, 'x'.repeat(256)])(
    '%s is none',
    (header) => {
      expect(() => idempotencyKey(header)).toThrow(/Idempotency-Key: expected 1 to 255/);
    },
  );

  test.runIf(have('shared'))('the published cases', async () => {
    const { headerCases } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/idempotency-key.json'), 'utf8')) as {
      headerCases: { value: string; expect: string }[];
    };
    expect(headerCases.length).toBeGreaterThan(5);
    for (const { value, expect: wanted } of headerCases) {
      const isRefused = /400|refuse|invalid/.test(wanted);
      if (isRefused) expect(() => idempotencyKey(value), value).toThrow();
      else expect(idempotencyKey(value), value).toBeTruthy();
    }
  });

  test('the same members in another order are the same request; another path, method or value is not', () => {
    const request = { method: 'POST', originalUrl: '/core/v1/enrollments', body: { user: 'ada', factor_type: 'totp' } };
    const same = fingerprintOf(request);
    expect(fingerprintOf({ ...request, body: { factor_type: 'totp', user: 'ada' } })).toBe(same);
    for (const other of [
      { originalUrl: '/core/v1/enrollments/x' },
      { method: 'PUT' },
      { body: { user: 'ben', factor_type: 'totp' } },
      { body: undefined },
    ])
      expect(fingerprintOf({ ...request, ...other })).not.toBe(same);
  });
});

describe('kept answers', () => {
  let made: TestCore;
  const request = { user: 'ada@example.org', factor_type: 'totp' } as const;
  const keyed = { principal: 'key:1', key: 'k', fingerprint: 'f' };
  const start = (as = keyed) =>
    made.core.start(request, undefined, {
      answered: (statements, { enrollment, challenge }) =>
        made.core.answers.keep(statements, as, { status: 201, body: { ...enrollment, challenge } }, enrollment.id),
    });
  const rows = async (table: string) => (await made.storage.all(`SELECT * FROM ${table}`)).length;

  beforeEach(async () => {
    made = await testCore();
  });
  afterEach(() => made.dispose());

  test('an answer that cannot be kept leaves nothing of what it answers', async () => {
    await start();
    // The same key again, past the look-up, as of a request that was faster.
    await expect(start()).rejects.toMatchObject({ code: 'MUSTER_IN_PROGRESS' });
    expect([await rows('enrollments'), await rows('outbox')]).toEqual([1, 2]);
  });

  test('are found by the same request of the same principal for a day', async () => {
    const { enrollment } = await start();
    expect(await made.core.answers.find(keyed)).toMatchObject({
      status: 201,
      body: { id: enrollment.id, challenge: { secret: expect.any(String) } },
    });
    await expect(made.core.answers.find({ ...keyed, fingerprint: 'other' })).rejects.toThrow(/came with another request/);
    expect(await made.core.answers.find({ ...keyed, principal: 'key:2' })).toBeUndefined();
    made.nowMs += 86_400_001;
    expect(await made.core.answers.find(keyed)).toBeUndefined();
    // And the key is a new one.
    await expect(start()).resolves.toBeDefined();
    await made.core.tidy();
    expect(await rows('kept_answers')).toBe(1);
  });

  test('show a secret no more once the enrollment has ended, and go with the user', async () => {
    const { enrollment } = await start();
    await made.core.cancel(enrollment.id, undefined);
    const again = await made.core.answers.find(keyed);
    expect(again?.body).toMatchObject({ id: enrollment.id });
    expect(again?.body).not.toHaveProperty('challenge');
    await eraseUser(made.storage, 'Ada@Example.org', made.nowMs);
    expect(await rows('kept_answers')).toBe(0);
  });

  test('a key that was taken by a request that waits is taken, for as long as one may wait', async () => {
    const { answers } = made.core;
    const take = (id: string) => made.storage.transaction((statements) => answers.begin(statements, keyed, id));
    await take('one');
    await expect(answers.find(keyed)).rejects.toMatchObject({ code: 'MUSTER_IN_PROGRESS' });
    await expect(take('two')).rejects.toMatchObject({ code: 'MUSTER_IN_PROGRESS' });
    const keep = (id: string) =>
      made.storage.transaction((statements) => answers.keep(statements, keyed, { status: 201, body: { id } }, id));
    // Another's answer does not take the place of this one's.
    await expect(keep('two')).rejects.toMatchObject({ code: 'MUSTER_IN_PROGRESS' });
    await keep('one');
    expect(await answers.find(keyed)).toEqual({ status: 201, body: { id: 'one' } });
    await expect(keep('one')).rejects.toMatchObject({ code: 'MUSTER_IN_PROGRESS' });
    const crashed = { ...keyed, key: 'crashed' };
    await made.storage.transaction((statements) => answers.begin(statements, crashed, 'x'));
    made.nowMs += 600_001;
    expect(await answers.find(crashed)).toBeUndefined();
    await made.storage.transaction((statements) => answers.begin(statements, crashed, 'y'));
  });

  test('a challenge to log in with is repeated: it belongs to no enrollment', async () => {
    const answer = { status: 200, body: { id: 'f', challenge: { number: '123456' } } };
    await made.storage.transaction((statements) => made.core.answers.keep(statements, keyed, answer, ''));
    expect(await made.core.answers.find(keyed)).toEqual(answer);
  });

  test('of a proof are repeated for ten minutes, and never when what was proven has ended since', async () => {
    const proof = { ...keyed, key: 'proof', isProof: true };
    const { factor: factorId } = await enrollTotp(made);
    const [{ id = '' } = {}] = await made.storage.all<{ id: string }>('SELECT id FROM enrollments');
    const keep = (as: typeof proof, body: object, about: [string, string?]) =>
      made.storage.transaction((statements) => made.core.answers.keep(statements, as, { status: 200, body: { ...body } }, ...about));
    await keep(proof, { id, state: 'active', factor_id: factorId }, [id]);
    const used = { ...proof, key: 'used' };
    await keep(used, { id: factorId, verified: true }, ['', factorId]);
    for (const each of [proof, used]) expect(await made.core.answers.find(each)).toMatchObject({ status: 200 });
    made.nowMs += 599_000;
    expect(await made.core.answers.find(used)).toMatchObject({ body: { verified: true } });
    await made.core.factors.suspend(factorId, {});
    for (const each of [proof, used]) await expect(made.core.answers.find(each)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
    made.nowMs += 1;
    await made.core.factors.resume(factorId, {});
    for (const each of [proof, used]) await expect(made.core.answers.find(each)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
    await made.core.factors.revoke(factorId);
    for (const each of [proof, used]) await expect(made.core.answers.find(each)).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
    made.nowMs += 1_001;
    for (const each of [proof, used]) expect(await made.core.answers.find(each)).toBeUndefined();
    await made.core.tidy();
    expect(await rows('kept_answers')).toBe(0);
  });

  test('lie there encrypted', async () => {
    const { challenge } = await start();
    const [row] = await made.storage.all<{ sealed: Uint8Array }>('SELECT sealed FROM kept_answers');
    expect(Buffer.from(row?.sealed ?? []).includes(String(challenge.secret))).toBe(false);
  });
});
