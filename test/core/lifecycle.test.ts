/** Every step from every state: what is in the table is done with its event, everything else is refused and changes nothing. */
import { readFile } from 'node:fs/promises';
import { Secret, TOTP } from 'otpauth';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { TIME_TO_LIVE_MS } from '../../src/core/enrollments.ts';
import { after, ENROLLMENT, FACTOR } from '../../src/core/lifecycle.ts';
import { type TestCore, testCore } from '../support/core.ts';

let made: TestCore;
beforeEach(async () => {
  made = await testCore();
});
afterEach(() => made.dispose());

const events = () =>
  made.storage
    .all<{ event: string }>('SELECT event FROM outbox ORDER BY n')
    .map(({ event }) => (JSON.parse(event) as { type: string }).type);

async function begin(user = 'ada@example.org') {
  const { enrollment, challenge } = await made.core.create({ user, factor_type: 'totp' });
  const totp = new TOTP({ secret: Secret.fromBase32(challenge.secret) });
  return { id: enrollment.id, code: () => totp.generate({ timestamp: made.nowMs }) };
}

async function enrolled(user?: string): Promise<string> {
  const { id, code } = await begin(user);
  const result = made.core.verify(id, code());
  if (!result.ok) throw new Error('a right code was refused');
  return result.factorId;
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
  const docs = await readFile(new URL('../../docs/core.md', import.meta.url), 'utf8');
  for (const word of [...states(ENROLLMENT), ...states(FACTOR), ...Object.keys(FACTOR)]) expect(docs).toContain(word);
});

/** What leads a factor into each of its states. */
const INTO: Record<string, (id: string) => void> = {
  active: () => {},
  suspended: (id) => made.core.suspend(id, {}),
  revoked: (id) => made.core.revoke(id),
  deprovisioned: () => made.core.deprovision('ada@example.org', {}),
};
/** Where a step that is asked for again says that it is done, rather than that it may not be. */
const REPEATABLE = new Set(['suspend suspended', 'revoke revoked']);

test.each(Object.keys(INTO).flatMap((state) => (['suspend', 'resume', 'revoke'] as const).map((step) => [step, state] as const)))(
  '%s of a factor that is %s',
  async (step, state) => {
    const id = await enrolled();
    INTO[state]?.(id);
    const before = events();
    const take = () => (step === 'revoke' ? made.core.revoke(id) : made.core[step](id, {}));
    if (REPEATABLE.has(`${step} ${state}`)) {
      take();
      expect(events()).toEqual(before);
    } else if ((FACTOR[step].from as readonly string[]).includes(state)) {
      take();
      expect(made.core.factorsOf('ada@example.org')).toMatchObject([{ id, state: FACTOR[step].to }]);
      expect(events()).toHaveLength(before.length + 1);
    } else {
      expect(take).toThrow(expect.objectContaining({ code: 'MUSTER_ILLEGAL_TRANSITION' }));
      expect(made.core.factorsOf('ada@example.org')).toMatchObject([{ id, state }]);
      expect(events()).toEqual(before);
    }
  },
);

test('at its expiry an enrollment has expired, whoever looks first, and a right code comes too late', async () => {
  const { id, code } = await begin();
  made.nowMs += TIME_TO_LIVE_MS - 1;
  expect(made.core.get(id)).toMatchObject({ state: 'pending' });
  made.nowMs += 1;
  expect(made.core.verify(id, code())).toMatchObject({ ok: false, reason: 'ended' });
  expect(made.core.get(id)).toMatchObject({ state: 'expired' });
  expect(made.core.expireDue()).toBe(0);
  expect(events()).toEqual(['enrollment.started', 'enrollment.challenge_issued', 'enrollment.expired']);
});

test('a start takes the place of one that waits, of the same person and factor alone', async () => {
  const [first, other] = [await begin(), await begin('ben@example.org')];
  const second = await begin();
  expect([first, other, second].map(({ id }) => made.core.get(id).state)).toEqual(['cancelled', 'pending', 'pending']);
  expect(made.core.verify(first.id, first.code())).toMatchObject({ ok: false, reason: 'ended' });
  expect(made.core.verify(second.id, second.code())).toMatchObject({ ok: true });
});

test('what was shown for a set-up that never ended does not replace a factor that is there', async () => {
  const factor = await enrolled();
  await begin();
  expect(made.core.factorsOf('ada@example.org')).toMatchObject([{ id: factor, state: 'active' }]);
});

test('the end of an account cancels what is open before the factors go', async () => {
  await enrolled();
  await begin();
  expect(made.core.deprovision('ada@example.org', { actor: 'hr@example.org', reason: 'left' })).toEqual({ enrollments: 1, factors: 1 });
  expect(events().slice(-2)).toEqual(['enrollment.cancelled', 'factor.deprovisioned']);
  expect(made.core.deprovision('ada@example.org', {})).toEqual({ enrollments: 0, factors: 0 });
});

test.each([95, -95, 240, -240])('a clock that is %i s off is told; it proves nothing', async (seconds) => {
  const { enrollment, challenge } = await made.core.create({ user: 'ada@example.org', factor_type: 'totp' });
  const code = new TOTP({ secret: Secret.fromBase32(challenge.secret) }).generate({ timestamp: made.nowMs + seconds * 1_000 });
  const result = made.core.verify(enrollment.id, code);
  expect(result).toMatchObject({ ok: false, reason: 'wrong_code', attemptsLeft: 4, clockSeconds: expect.any(Number) });
  if (!result.ok) expect(Math.abs((result.clockSeconds ?? 0) - seconds)).toBeLessThanOrEqual(30);
  expect(made.core.factorsOf('ada@example.org')).toEqual([]);
});
