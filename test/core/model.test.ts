/** The state machine against a model: people start, prove, mistype, cancel, wait and are reset in any order and at the same moment; nothing else ever happens than the model says. */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { MAX_WRONG_PROOFS } from '../../src/core/enrollment/verify-enrollment.ts';
import { TIME_TO_LIVE_MS } from '../../src/core/ledger/lifecycle.ts';
import { DEFAULT_SETTINGS } from '../../src/core/settings.ts';
import { beginTotp, type TestCore, testCore } from '../support/core.ts';

const USERS = ['ada', 'ben', 'cem'] as const;
type User = (typeof USERS)[number];

interface Begun {
  id: string;
  code: () => string;
  startedMs: number;
  wrong: number;
  state: 'pending' | 'active' | 'failed' | 'expired' | 'cancelled';
}

/** What must be true, kept as simply as it can be. */
interface Model {
  nowMs: number;
  begun: Record<User, Begun[]>;
  factors: Record<User, { id: string; state: string }[]>;
  /** Of every type of event, how many there must be. */
  told: Record<string, number>;
}

interface Real {
  made: TestCore;
}

const tell = (model: Model, type: string, count = 1) => {
  if (count > 0) model.told[type] = (model.told[type] ?? 0) + count;
};
const latest = (model: Model, user: User) => model.begun[user].at(-1);
/** Whoever looks at an enrollment past its time finds it expired. */
const look = (model: Model, begun: Begun) => {
  if (begun.state !== 'pending' || model.nowMs < begun.startedMs + TIME_TO_LIVE_MS) return;
  begun.state = 'expired';
  tell(model, 'enrollment.expired');
};

abstract class Command implements fc.AsyncCommand<Model, Real> {
  readonly user: User;
  constructor(user: User) {
    this.user = user;
  }
  check(_: Readonly<Model>): boolean {
    return true;
  }
  abstract run(model: Model, real: Real): Promise<void>;
  toString(): string {
    return `${this.constructor.name}(${this.user})`;
  }
}

class Start extends Command {
  async run(model: Model, { made }: Real) {
    const { id, code } = await beginTotp(made, this.user);
    for (const before of model.begun[this.user]) {
      look(model, before);
      if (before.state !== 'pending') continue;
      before.state = 'cancelled';
      tell(model, 'enrollment.cancelled');
    }
    model.begun[this.user].push({ id, code, startedMs: model.nowMs, wrong: 0, state: 'pending' });
    tell(model, 'enrollment.started');
    tell(model, 'enrollment.challenge_issued');
  }
}

class Prove extends Command {
  override check(model: Readonly<Model>) {
    return latest(model as Model, this.user) !== undefined;
  }
  async run(model: Model, { made }: Real) {
    const begun = latest(model, this.user) as Begun;
    look(model, begun);
    const proof = { code: begun.code() };
    // Twice at once: whichever is first, it happens once.
    const results = await Promise.allSettled([0, 1].map(() => made.core.verify(begun.id, undefined, proof)));
    const right = results.flatMap((result) =>
      result.status === 'fulfilled' && result.value.isRight ? [result.value.enrollment.factor_id] : [],
    );
    if (begun.state === 'pending') {
      begun.state = 'active';
      tell(model, 'enrollment.completed');
      expect(new Set(right).size).toBe(1);
      expect(right).toHaveLength(2);
      model.factors[this.user].push({ id: String(right[0]), state: 'active' });
    } else if (begun.state === 'active') {
      // The proof of before, or another: in any case nothing new.
      for (const id of right) expect(model.factors[this.user].map((factor) => factor.id)).toContain(id);
    } else expect(right).toEqual([]);
  }
}

class Mistype extends Command {
  override check(model: Readonly<Model>) {
    return latest(model as Model, this.user) !== undefined;
  }
  async run(model: Model, { made }: Real) {
    const begun = latest(model, this.user) as Begun;
    look(model, begun);
    const result = await made.core.verify(begun.id, undefined, { code: 'wrong' }).catch((error: { code: string }) => error.code);
    if (begun.state === 'active') return expect(result).toBe('MUSTER_CONFLICT');
    if (begun.state !== 'pending') return expect(result).toMatchObject({ isRight: false, reason: 'ended' });
    begun.wrong += 1;
    tell(model, 'enrollment.verification_failed');
    if (begun.wrong === MAX_WRONG_PROOFS) {
      begun.state = 'failed';
      tell(model, 'enrollment.failed');
    }
    expect(result).toMatchObject({ isRight: false, attemptsLeft: MAX_WRONG_PROOFS - begun.wrong });
  }
}

class Cancel extends Command {
  override check(model: Readonly<Model>) {
    return latest(model as Model, this.user) !== undefined;
  }
  async run(model: Model, { made }: Real) {
    const begun = latest(model, this.user) as Begun;
    look(model, begun);
    const result = await made.core.cancel(begun.id, undefined).then(
      ({ state }) => state,
      (error: { code: string }) => error.code,
    );
    if (begun.state === 'pending') {
      begun.state = 'cancelled';
      tell(model, 'enrollment.cancelled');
    }
    expect(result).toBe(begun.state === 'cancelled' ? 'cancelled' : 'MUSTER_ILLEGAL_TRANSITION');
  }
}

class Wait implements fc.AsyncCommand<Model, Real> {
  readonly minutes: number;
  constructor(minutes: number) {
    this.minutes = minutes;
  }
  check() {
    return true;
  }
  async run(model: Model, { made }: Real) {
    model.nowMs += this.minutes * 60_000;
    made.nowMs = model.nowMs;
    await made.core.expireDue();
    for (const user of USERS) for (const begun of model.begun[user]) look(model, begun);
  }
  toString() {
    return `Wait(${this.minutes})`;
  }
}

const step = (name: 'suspend' | 'resume' | 'revoke', from: readonly string[], to: string, event: string) =>
  class extends Command {
    async run(model: Model, { made }: Real) {
      const factor = model.factors[this.user].at(-1);
      if (!factor) return;
      const taken = await (name === 'revoke' ? made.core.factors.revoke(factor.id) : made.core.factors[name](factor.id, {})).then(
        () => true,
        () => false,
      );
      const isThere = factor.state === to && name !== 'resume';
      expect(taken).toBe(from.includes(factor.state) || isThere);
      if (!taken || isThere) return;
      factor.state = to;
      tell(model, event);
    }
    override toString() {
      return `${name}(${this.user})`;
    }
  };
const Suspend = step('suspend', ['active'], 'suspended', 'factor.suspended');
const Resume = step('resume', ['suspended'], 'active', 'admin.action');
const Revoke = step('revoke', ['active', 'suspended'], 'revoked', 'factor.revoked');

class Reset extends Command {
  async run(model: Model, { made }: Real) {
    await made.core.factors.reset(this.user, {});
    for (const begun of model.begun[this.user]) {
      look(model, begun);
      if (begun.state !== 'pending') continue;
      begun.state = 'cancelled';
      tell(model, 'enrollment.cancelled');
    }
    for (const factor of model.factors[this.user].filter(({ state }) => state === 'active' || state === 'suspended')) {
      factor.state = 'revoked';
      tell(model, 'factor.reset');
    }
  }
}

// What limits do is tested elsewhere.
const unlimited = { ...DEFAULT_SETTINGS.limits, starts_per_user: 10_000, proofs_per_user: 10_000 };
const opened: TestCore[] = [];
afterAll(async () => {
  for (const made of opened) await made.dispose();
});

const commands = () => {
  const user = fc.constantFrom(...USERS);
  const of = (kind: new (user: User) => fc.AsyncCommand<Model, Real>) => user.map((each) => new kind(each));
  return fc.commands(
    [
      of(Start),
      of(Start),
      of(Prove),
      of(Prove),
      of(Mistype),
      of(Mistype),
      of(Cancel),
      of(Suspend),
      of(Resume),
      of(Revoke),
      of(Reset),
      fc.integer({ min: 1, max: 11 }).map((minutes) => new Wait(minutes)),
    ],
    { maxCommands: 40 },
  );
};

test('any order of steps leaves what the model says: states, factors, and each event as often as it happened', async () => {
  await fc.assert(
    fc.asyncProperty(commands(), async (steps) => {
      const made = await testCore({ policy: [{ max: { totp: 100 } }], limits: unlimited });
      opened.push(made);
      const model: Model = { nowMs: made.nowMs, begun: { ada: [], ben: [], cem: [] }, factors: { ada: [], ben: [], cem: [] }, told: {} };
      await fc.asyncModelRun(() => ({ model, real: { made } }), steps);
      for (const user of USERS) {
        for (const { id, state } of model.begun[user]) {
          const [row] = await made.storage.all<{ state: string }>('SELECT state FROM enrollments WHERE id = ?', id);
          expect(row?.state).toBe(state);
        }
        const factors = await made.core.factors.factorsOf(user);
        expect(Object.fromEntries(factors.map(({ id, state }) => [id, state]))).toEqual(
          Object.fromEntries(model.factors[user].map(({ id, state }) => [id, state])),
        );
      }
      const told: Record<string, number> = {};
      for (const type of await made.events()) told[type] = (told[type] ?? 0) + 1;
      expect(told).toEqual(model.told);
    }),
    { numRuns: Number(process.env.MUSTER_HISTORIES ?? 60) },
  );
});

test('two of any steps at the same moment: one enrollment at most is open, and one factor at most comes of each', async () => {
  const steps = ['start', 'prove', 'mistype', 'cancel', 'reset', 'expire'] as const;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom(...steps), fc.constantFrom(...steps)), { minLength: 1, maxLength: 8 }),
      async (pairs) => {
        const made = await testCore({ limits: unlimited });
        opened.push(made);
        let begun = await beginTotp(made, 'ada');
        const take = async (name: (typeof steps)[number]) => {
          if (name === 'start') begun = await beginTotp(made, 'ada');
          else if (name === 'prove') await made.core.verify(begun.id, undefined, { code: begun.code() });
          else if (name === 'mistype') await made.core.verify(begun.id, undefined, { code: 'wrong' });
          else if (name === 'cancel') await made.core.cancel(begun.id, undefined);
          else if (name === 'reset') await made.core.factors.reset('ada', {});
          else await made.core.expireDue();
        };
        for (const pair of pairs) {
          made.nowMs += 31_000;
          await Promise.allSettled(pair.map(take));
          const open = await made.storage.all("SELECT id FROM enrollments WHERE state = 'pending'");
          expect(open.length).toBeLessThanOrEqual(1);
        }
        const enrollments = await made.storage.all<{ id: string; state: string; factor_id: string | null }>('SELECT * FROM enrollments');
        const factors = await made.storage.all<{ id: string }>('SELECT id FROM factors');
        expect(
          enrollments
            .filter(({ state }) => state === 'active')
            .map(({ factor_id }) => factor_id)
            .sort(),
        ).toEqual(factors.map(({ id }) => id).sort());
        // Every enrollment began once and ended once, or goes on.
        for (const { id, state } of enrollments) {
          const own = (await made.storage.all<{ event: string }>('SELECT event FROM outbox'))
            .map(({ event }) => JSON.parse(event))
            .filter((event) => event.attempt_id === id);
          const ends = own.filter(({ type }) => /completed|enrollment\.failed|expired|cancelled/.test(type));
          expect([own.filter(({ type }) => type === 'enrollment.started').length, ends.length]).toEqual([1, state === 'pending' ? 0 : 1]);
        }
      },
    ),
    { numRuns: Number(process.env.MUSTER_HISTORIES ?? 60) },
  );
});
