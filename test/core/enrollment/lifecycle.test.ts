/** Every step from every state: what is in the table is done with its event, everything else is refused and changes nothing. */
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FACTORS } from '../../../src/core/factors/index.ts';
import { after, ENROLLMENT, FACTOR, TIME_TO_LIVE_MS } from '../../../src/core/ledger/lifecycle.ts';
import { beginTotp, type TestCore, testCore } from '../../support/core.ts';

let made: TestCore;
beforeEach(async () => {
  made = await testCore();
});
afterEach(() => made.dispose());

const begin = (user?: string) => beginTotp(made, user);
const verify = (id: string, code: string) => made.core.verify(id, undefined, { code });
const stateOf = async (id: string) => (await made.core.get(id, undefined)).state;

async function enrolled(user?: string): Promise<string> {
  const { id, code } = await begin(user);
  const result = await verify(id, code());
  if (!result.isRight) throw new Error('a right code was refused');
  return String(result.enrollment.factor_id);
}

const states = (steps: Record<string, { from: readonly string[]; to: string }>) => [
  ...new Set(Object.values(steps).flatMap(({ from, to }) => [...from, to])),
];

describe.each([
  ['an enrollment', ENROLLMENT],
  ['a factor', FACTOR],
])('%s', (_, steps) => {
  test.each(
    Object.entries(steps).flatMap(([name, { from, to }]) =>
      states(steps).map((state) => [name, state, (from as readonly string[]).includes(state) ? to : undefined] as const),
    ),
  )('%s from %s: %s', (name, state, to) => {
    const take = () => after(steps, name as keyof typeof steps, state, 'it');
    if (to !== undefined) expect(take()).toBe(to);
    else expect(take).toThrow(expect.objectContaining({ code: 'MUSTER_ILLEGAL_TRANSITION' }));
  });
});

test('the picture in the docs shows every state and every step of a factor', async () => {
  const docs = await readFile(new URL('../../../docs/core.md', import.meta.url), 'utf8');
  for (const word of [...states(ENROLLMENT), ...states(FACTOR), ...Object.keys(FACTOR)]) expect(docs).toContain(word);
});

/** What leads a factor into each of its states. */
const INTO: Record<string, (id: string) => Promise<unknown>> = {
  active: async () => {},
  suspended: (id) => made.core.factors.suspend(id, {}),
  revoked: (id) => made.core.factors.revoke(id),
  deprovisioned: () => made.core.factors.deprovision('ada@example.org', {}),
};
/** Where a step that is asked for again says that it is done, rather than that it may not be. */
const REPEATABLE = new Set(['suspend suspended', 'revoke revoked']);

test.each(Object.keys(INTO).flatMap((state) => (['suspend', 'resume', 'revoke'] as const).map((step) => [step, state] as const)))(
  '%s of a factor that is %s',
  async (step, state) => {
    const id = await enrolled();
    await INTO[state]?.(id);
    const before = await made.events();
    const factors = () => made.core.factors.factorsOf('ada@example.org');
    const take = () => (step === 'revoke' ? made.core.factors.revoke(id) : made.core.factors[step](id, {}));
    if (REPEATABLE.has(`${step} ${state}`)) {
      await take();
      expect(await made.events()).toEqual(before);
    } else if ((FACTOR[step].from as readonly string[]).includes(state)) {
      await take();
      expect(await factors()).toMatchObject([{ id, state: FACTOR[step].to }]);
      expect(await made.events()).toHaveLength(before.length + 1);
    } else {
      await expect(take()).rejects.toMatchObject({ code: 'MUSTER_ILLEGAL_TRANSITION' });
      expect(await factors()).toMatchObject([{ id, state }]);
      expect(await made.events()).toEqual(before);
    }
  },
);

test('at its expiry an enrollment has expired, whoever looks first, and a right code comes too late', async () => {
  const { id, code } = await begin();
  made.nowMs += TIME_TO_LIVE_MS - 1;
  expect(await stateOf(id)).toBe('pending');
  made.nowMs += 1;
  expect(await verify(id, code())).toMatchObject({ isRight: false, reason: 'ended' });
  expect(await stateOf(id)).toBe('expired');
  expect(await made.core.expireDue()).toBe(0);
  expect(await made.events()).toEqual(['enrollment.started', 'enrollment.challenge_issued', 'enrollment.expired']);
});

test('what nobody looks at is expired by the sweeper, once, at its time', async () => {
  const { id } = await begin();
  const dueMs = made.nowMs + TIME_TO_LIVE_MS;
  made.nowMs = dueMs + 90_000;
  expect([await made.core.expireDue(), await made.core.expireDue()]).toEqual([1, 0]);
  expect(await made.eventsOf('enrollment.expired')).toMatchObject([{ attempt_id: id, time: new Date(dueMs).toISOString() }]);
});

test('a start takes the place of one that waits, of the same person and factor alone', async () => {
  const [first, other] = [await begin(), await begin('ben@example.org')];
  const recovery = await made.core.start({ user: 'ada@example.org', factor_type: 'recovery_code' }, undefined);
  const second = await begin('ada@example.org');
  // Names are opaque: these are other accounts, whatever they look like.
  const alike = [];
  for (const user of ['ADA@example.org', ' ada@example.org', 'ａda@example.org', 'ada@example.org ']) alike.push(await begin(user));
  expect(await Promise.all([first, other, second, recovery.enrollment, ...alike].map(({ id }) => stateOf(id)))).toEqual([
    'cancelled',
    ...Array(7).fill('pending'),
  ]);
  expect(await verify(first.id, first.code())).toMatchObject({ isRight: false, reason: 'ended' });
  expect(await verify(second.id, second.code())).toMatchObject({ isRight: true });
});

test('an administrator who writes an address in another case means the one account that has it, and never two', async () => {
  await begin('ada@example.org');
  await begin('bob');
  expect(await made.core.factors.reset('ADA@Example.org', {})).toMatchObject({ enrollments: 1 });
  for (const user of ['Bob', ' bob', 'ｂob']) expect(await made.core.factors.reset(user, {})).toMatchObject({ enrollments: 0 });
  await begin('Ada@example.org');
  await expect(made.core.factors.reset('ADA@example.org', {})).rejects.toMatchObject({ code: 'MUSTER_CONFLICT' });
  expect(await made.core.factors.reset('Ada@example.org', {})).toMatchObject({ enrollments: 1 });
});

test('the end of an account cancels what is open before the factors go', async () => {
  await enrolled();
  await begin();
  const end = () => made.core.factors.deprovision('Ada@example.org', { actor: 'hr@example.org', reason: 'left' });
  expect(await end()).toEqual({ enrollments: 1, factors: 1 });
  expect((await made.events()).slice(-2)).toEqual(['enrollment.cancelled', 'factor.deprovisioned']);
  expect(await end()).toEqual({ enrollments: 0, factors: 0 });
});

test.each([
  [-60, false],
  [-30, true],
  [30, true],
  [60, false],
])('a set-up takes the code of a clock that is %i s off: %s', async (seconds, isRight) => {
  const { id, code } = await begin();
  expect(await verify(id, code(made.nowMs + seconds * 1_000))).toMatchObject({ isRight });
});

test('whoever logs in with a clock that is off is told nothing of it: a guess would be known to be right later', async () => {
  const { id, code } = await begin();
  const result = await verify(id, code());
  const factor = result.isRight ? String(result.enrollment.factor_id) : '';
  made.nowMs += 60_000;
  expect(await made.core.use(factor, { code: code(made.nowMs + 240_000) })).toEqual({ isRight: false, failuresLeft: 99, fields: {} });
});

test('a factor that has ended keeps its record, and nothing that opens', async () => {
  for (const [user, end] of [
    ['a', (id: string) => made.core.factors.revoke(id)],
    ['b', () => made.core.factors.reset('b', {})],
    ['c', () => made.core.factors.deprovision('c', {})],
  ] as const)
    await end(await enrolled(user));
  const suspended = await enrolled('d');
  await made.core.factors.suspend(suspended, {});
  const rows = await made.storage.all<{ sealed: Uint8Array; identity: string }>('SELECT sealed, identity FROM factors ORDER BY user_id');
  expect(rows.map(({ sealed, identity }) => [sealed.length === 0, identity !== ''])).toEqual([
    [true, true],
    [true, true],
    [true, true],
    [false, true],
  ]);
});

test('an enrollment that has ended keeps nothing of its secret', async () => {
  const [cancelled, failed, active] = [await begin('a'), await begin('b'), await begin('c')];
  await made.core.cancel(cancelled.id, undefined);
  for (let i = 0; i < 5; i++) await verify(failed.id, 'wrong');
  await verify(active.id, active.code());
  const rows = await made.storage.all<{ id: string; sealed: Uint8Array }>('SELECT id, sealed FROM enrollments ORDER BY user_id');
  expect(rows.map(({ sealed }) => sealed.length === 0)).toEqual([true, true, false]);
  const kept = await made.vault.open(rows[2]?.sealed ?? new Uint8Array(), { kind: 'enrollment', user: 'c', id: active.id });
  expect(Object.keys(kept as object)).toEqual(['mark']);
});

test('what a proof has to wait for is done before the lock, and again when the row has moved on meanwhile', async () => {
  const { id, code } = await begin();
  const { totp } = FACTORS;
  const decided = vi.spyOn(totp, 'verify');
  let times = 0;
  totp.check = async () => {
    times += 1;
    // Another proof comes in between: this would wait for ever if a transaction were open.
    if (times === 1) await verify(id, '000000');
    return `check ${times}`;
  };
  try {
    expect(await verify(id, code())).toMatchObject({ isRight: true });
    expect(decided.mock.calls.map((parameters) => parameters[4])).toEqual(['check 2', 'check 3']);
    const used = String((await made.core.get(id, undefined)).factor_id);
    await made.core.factors.use(used, { code: '000000' });
    expect(decided.mock.calls.at(-1)?.slice(3)).toEqual(['log in', 'check 4']);
  } finally {
    delete totp.check;
    decided.mockRestore();
  }
});
