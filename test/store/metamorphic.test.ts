/** Figures are a pure function of the set of deliveries: shuffled, repeated, conflicting, delayed, cut anyhow and crashed anywhere. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createIntake } from '../../src/collect/intake.ts';
import { KnownIdentities } from '../../src/collect/known-identities.ts';
import { LineBuffer } from '../../src/collect/line-buffer.ts';
import { openLogWriter } from '../../src/collect/log-writer.ts';
import { mask } from '../../src/collect/mask.ts';
import { pseudonyms } from '../../src/collect/pseudonyms.ts';
import type { Event } from '../../src/events/catalogue.ts';
import { SLIS } from '../../src/slo/slis/index.ts';
import { type Engine, openEngine } from '../../src/store/engine.ts';
import { openLoader } from '../../src/store/loader.ts';
import { readLoaderState } from '../../src/store/loader-state.ts';
import { migrate } from '../../src/store/migrate.ts';
import { type Delivered, modelAttempts, modelFigures } from './contract-model.ts';

const WINDOW_MS = 600_000;
const BASE_MS = Date.UTC(2026, 9, 31, 23, 40);
const END_MS = BASE_MS + 3 * 3_600_000;
const RUNS = Number(process.env.MUSTER_PROPERTY_RUNS ?? 15);
const STEPS = ['begun', 'homes', 'alive', 'backlog', 'dead', 'minutes', 'slices'];
const HOUR_MS = 3_600_000;
const names = pseudonyms(Buffer.alloc(32, 7));

let root: string;
let engine: Engine;
let runs = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'muster-metamorphic-'));
});
afterAll(async () => {
  await rm(root, { recursive: true, force: true });
});

const seconds = (from: number, to: number) => fc.integer({ min: from, max: to }).map((s) => s * 1_000);
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 });
const labels = fc.record({
  region: optional(fc.constantFrom('eu', 'us')),
  provider: optional(fc.constantFrom('alpha', 'beta')),
  deployment: optional(fc.constantFrom('v1', 'v2')),
  traffic: fc.option(fc.constantFrom('user', 'synthetic', 'bot'), { nil: undefined, freq: 8 }),
  user: optional(fc.constantFrom('ada@example.org', 'ben@example.org')),
});
const cause = fc.record({
  error_class: optional(fc.constantFrom('provider', 'client', 'storage', 'policy', 'abandoned')),
  error_code: optional(fc.constantFrom('a', 'b')),
});
const TYPES = [
  'enrollment.started',
  'enrollment.challenge_issued',
  'enrollment.completed',
  'enrollment.failed',
  'enrollment.expired',
  'enrollment.cancelled',
  'ux.abandoned',
  'provider.request',
  'provider.fallback',
] as const;

const RECOVERY_TYPES = ['recovery.started', 'recovery.completed', 'recovery.failed', 'recovery.codes_issued'] as const;
/** Events that make no attempt: of recoveries (which may last for days), tickets, deploys, blocked requests. */
const other = fc
  .record({
    type: fc.constantFrom(...RECOVERY_TYPES, ...RECOVERY_TYPES, 'ticket.opened', 'deploy.rolled_back', 'access.blocked'),
    offset: fc.oneof(seconds(0, 600), seconds(0, 90 * 3_600)),
    labels,
    assisted: fc.option(fc.boolean(), { nil: undefined, freq: 2 }),
  })
  .map(({ type, offset, labels: some, assisted }) => ({
    type,
    // What lies ahead of the clock is refused, so a recovery that lasts for days begins days ago.
    offset: -offset,
    ...(type.startsWith('recovery.') && { isOfRecovery: true, assisted }),
    ...some,
  }));

/** One event of an attempt: starts early, ends around and past the deadline, in any order. */
const attemptEvent = fc
  .record({
    type: fc.constantFrom(...TYPES),
    offset: seconds(-30, 780),
    labels,
    cause,
    /** Seconds from the start of the story. */
    ttl: fc.option(seconds(-60, 5_000), { nil: undefined, freq: 2 }),
    risk_score: fc.option(fc.constantFrom(0.5, 0.8, 0.95), { nil: undefined, freq: 4 }),
  })
  .map(({ type, offset, labels: some, cause: why, ttl, risk_score }) => ({
    type,
    offset: type === 'enrollment.started' ? Math.abs(offset % 60_000) : offset,
    ...some,
    ...(type.startsWith('enrollment.') ? { ...why, ttl } : {}),
    ...(risk_score !== undefined && { risk_score, outcome: risk_score === 0.5 ? 'failure' : 'denied' }),
  }));
const request = fc
  .record({
    offset: seconds(0, 600),
    labels,
    operation: fc.constantFrom('start', 'verify'),
    http_status: optional(fc.constantFrom(201, 200, 422, 429, 500, 503)),
    duration_ms: optional(fc.integer({ min: 1, max: 900 })),
    hasAttempt: fc.boolean(),
  })
  .map(({ labels: some, ...rest }) => ({ type: 'api.request' as const, ...rest, ...some }));
const story = fc.record({
  start: seconds(0, 7_000),
  events: fc.array(attemptEvent, { minLength: 1, maxLength: 7 }),
  requests: fc.array(request, { maxLength: 3 }),
  others: fc.array(other, { maxLength: 3 }),
});

interface Delivery {
  event: Event;
  timeMs: number;
}

/** The deliveries of some stories: each event once, with a few conflicts (same identity, other content). */
const deliveries = fc.array(story, { minLength: 1, maxLength: 14 }).chain((stories) => {
  const all = stories.flatMap(({ start, events, requests, others }, n) =>
    [...events, ...requests, ...others].map((made, i): Delivery => {
      const { offset, hasAttempt, isOfRecovery, ttl, ...rest } = made as typeof made & {
        hasAttempt?: boolean;
        isOfRecovery?: boolean;
        ttl?: number;
      };
      const isOfAttempt = i < events.length + requests.length && hasAttempt !== false;
      const timeMs = BASE_MS + start + offset;
      const content = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
      const event = {
        ...content,
        id: `e${n}-${i}`,
        source: 'model',
        time: new Date(timeMs).toISOString(),
        ...(isOfAttempt && { attempt_id: `a${n}` }),
        ...(isOfRecovery && { recovery_id: `r${n % 3}` }),
        ...(ttl !== undefined && { expires_at: new Date(BASE_MS + start + ttl).toISOString() }),
      };
      return { event: event as unknown as Event, timeMs };
    }),
  );
  return fc
    .array(
      fc.record({
        of: fc.nat({ max: all.length - 1 }),
        region: fc.constantFrom('eu', 'us', 'ap'),
        status: fc.constantFrom(200, 503),
        type: optional(fc.constantFrom(...TYPES)),
        /** Another time or user under the same id is another event. */
        shift: fc.constantFrom(0, 0, 7_000),
        user: optional(fc.constant('cid@example.org')),
      }),
      { maxLength: 5 },
    )
    .map((conflicts) => [
      ...all,
      ...conflicts.map(({ of, region, status, type, shift, user }): Delivery => {
        const { event, timeMs } = all[of] as Delivery;
        const isStep = event.attempt_id !== undefined && event.type !== 'api.request';
        return {
          event: {
            ...event,
            region,
            time: new Date(timeMs + shift).toISOString(),
            ...(event.type === 'api.request' && { http_status: status }),
            ...(isStep && type !== undefined && { type }),
            ...(user !== undefined && { user }),
          },
          timeMs: timeMs + shift,
        };
      }),
    ]);
});

const plan = deliveries.chain((all) =>
  fc.record({
    all: fc.constant(all),
    order: fc.shuffledSubarray(
      [...all, ...all].map((_, i) => i),
      { minLength: all.length * 2, maxLength: all.length * 2 },
    ),
    repeats: fc.array(fc.nat({ max: all.length - 1 }), { maxLength: 10 }),
    batch: fc.integer({ min: 1, max: 15 }),
    /** How long after the last event the figures are asked for: recoveries, days of starts and weeks of tickets run out. */
    later: fc.constantFrom(0, 0, 26, 80, 24 * 8).map((hours) => hours * HOUR_MS),
    /** After each batch the clock goes on, and then: roll, crash at a step (and merge parts, or not), or wait for the next. */
    actions: fc.array(
      fc.record({
        advance: seconds(0, 900),
        what: fc.oneof(fc.constant('roll'), fc.constant('wait'), fc.constantFrom(...STEPS)),
        merges: fc.boolean(),
        /** Whether the process ends with the crash, or goes on and tries again. */
        reopens: fc.boolean(),
      }),
      { minLength: 1, maxLength: 30 },
    ),
  }),
);

class Crash extends Error {}

/** A store that can be crashed: whatever was in memory is gone, whatever was on disk stays. */
async function openRun(name: string) {
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  let nowMs = BASE_MS;
  let crashAt: string | undefined;
  const open = async () => {
    const loader = await openLoader({
      engine,
      statePath: join(directory, 'state.json'),
      quarantineDir: join(directory, 'quarantine'),
      slis: SLIS,
      windowMs: WINDOW_MS,
      now: () => nowMs,
      onProblem: (message) => {
        throw new Error(message);
      },
      atStep: (step) => {
        if (step === crashAt) throw new Crash(step);
      },
    });
    const log = await openLogWriter(join(directory, 'log'), { after: (await readLoaderState(join(directory, 'state.json'))).cursor });
    const intake = createIntake({
      log,
      pseudonyms: names,
      now: () => END_MS,
      known: new KnownIdentities(),
      lookUp: async (asked) => asked.map(() => undefined),
    });
    return { loader, log, intake };
  };
  let current = await open();
  return {
    accept: (events: readonly Event[]) =>
      current.intake.accept(
        events.map((value) => ({ value })),
        'import',
      ),
    async roll(atMs: number) {
      nowMs = Math.max(nowMs, atMs);
      await current.loader.drain(current.log);
    },
    async crash(step: string, atMs: number, merges: boolean, reopens: boolean) {
      crashAt = step;
      nowMs = Math.max(nowMs, atMs);
      await current.loader.drain(current.log).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      crashAt = undefined;
      // A merge forgets what a row was before: nothing may hang on reading an old version again.
      if (merges) await engine.session('roll').run('OPTIMIZE TABLE attempt_states FINAL');
      if (!reopens) return;
      await current.loader.stop();
      await current.log.close();
      current = await open();
    },
    async close() {
      await current.loader.stop();
      await current.log.close();
    },
  };
}

async function storedMinutes(): Promise<Map<string, string>> {
  const rows = await engine.session('read').rows<{ key: string; counts: string }>(
    `SELECT concat(sli, '|', toString(intDiv(toUnixTimestamp(minute), 60)), '|', dimension, '|', value) AS key, concat(toString(good), '/', toString(total)) AS counts
     FROM minutes FINAL WHERE total > 0 AND (position(sli, ':') = 0 OR sli = 'M3:starts') AND dimension IN ('', 'region', 'provider', 'deployment')`,
  );
  return new Map(rows.map(({ key, counts }) => [key, counts]));
}

async function storedUsers(): Promise<Map<string, string>> {
  const rows = await engine.session('read').rows<{ key: string; hit: string }>(
    `SELECT concat(sli, '|', toString(intDiv(toUnixTimestamp(minute), 60))) AS key, toString(length(users) + anonymous) AS hit
     FROM bad_users FINAL WHERE span = 1 AND (notEmpty(users) OR anonymous > 0)`,
  );
  return new Map(rows.map(({ key, hit }) => [key, hit]));
}

/** Hours that are not the sum, or the union, of their minutes. */
function hoursThatDiffer(): Promise<unknown[]> {
  return engine.session('read').rows(
    `SELECT sli, dimension, hour, value, sum(g) AS good_more, sum(t) AS total_more FROM (
       SELECT sli, dimension, toStartOfHour(minute) AS hour, value, toInt64(good) AS g, toInt64(total) AS t FROM minutes FINAL
       UNION ALL SELECT sli, dimension, minute, value, -toInt64(good), -toInt64(total) FROM hours FINAL
     ) GROUP BY sli, dimension, hour, value HAVING good_more != 0 OR total_more != 0
     UNION ALL
     SELECT sli, '', hour, '', toInt64(uniqExactArrayIf(users, span = 1)) - toInt64(uniqExactArrayIf(users, span = 60)) AS users_more,
       toInt64(sumIf(anonymous, span = 1)) - toInt64(sumIf(anonymous, span = 60)) AS anonymous_more
     FROM (SELECT *, toStartOfHour(minute) AS hour FROM bad_users FINAL) GROUP BY sli, hour HAVING users_more != 0 OR anonymous_more != 0`,
  );
}

/** Where two sets of figures differ: the first few, readable in a counterexample. */
function differences(stored: Map<string, string>, model: Map<string, string>): string[] {
  const keys = [...new Set([...stored.keys(), ...model.keys()])].sort();
  return keys
    .filter((key) => stored.get(key) !== model.get(key))
    .slice(0, 8)
    .map((key) => `${key}: stored ${stored.get(key) ?? '–'}, by the contract ${model.get(key) ?? '–'}`);
}

async function storedAttempts() {
  const rows = await engine.session('read').rows<Record<string, string | number | null>>(
    `SELECT concat(source, '/', attempt_id) AS key, result, observed, toUnixTimestamp64Milli(started_at) AS startedMs, toUnixTimestamp64Milli(settled_at) AS settledMs,
       duration_ms AS durationMs, error_class AS errorClass, fault, traffic, region, provider, provider_final AS providerFinal, deployment, own_error AS ownError,
       provider_requested AS providerRequested, provider_fell_back AS providerFellBack FROM attempts`,
  );
  const number = (value: unknown) => (value === null ? null : Number(value));
  return new Map(
    rows.map(({ key, ...row }) => [
      String(key),
      {
        ...row,
        startedMs: number(row.startedMs),
        settledMs: number(row.settledMs),
        durationMs: number(row.durationMs),
        ownError: row.ownError === 1,
        providerRequested: row.providerRequested === 1,
        providerFellBack: row.providerFellBack === 1,
      },
    ]),
  );
}

/** Runs `work` on a database of its own. */
async function onFreshDatabase(work: (name: string) => Promise<void>): Promise<void> {
  runs += 1;
  const name = `run_${runs}`;
  engine = await openEngine({ path: join(root, 'engine'), scratch: join(root, 'scratch'), database: name });
  try {
    await migrate(engine.session('load'));
    await work(name);
  } finally {
    await engine.session('load').run(`DROP DATABASE ${name} SYNC`);
    await engine.close();
  }
}

/** The store against the contract's model: minutes, users hit, hours, attempts. */
async function equalsContract(all: readonly Delivery[], endMs: number): Promise<void> {
  const model: Delivered[] = all.map(({ event, timeMs }) => ({
    ...(event as unknown as Delivered),
    timeMs,
    ...(event.user !== undefined && { userRef: names.of('person', event.user) }),
    contentHash: new LineBuffer().add(
      mask(event, { timeMs, expiresAtMs: event.expires_at === undefined ? undefined : Date.parse(event.expires_at) }, names).content,
      0,
    ),
  }));
  const figures = modelFigures(model, WINDOW_MS, endMs);
  expect(differences(await storedMinutes(), figures.minutes)).toEqual([]);
  expect(differences(await storedUsers(), figures.users)).toEqual([]);
  expect(await hoursThatDiffer()).toEqual([]);
  const attempts = [...modelAttempts(model, WINDOW_MS, Date.now())].map(([key, { overdue, deniedAtRisk, userRef, ...attempt }]) => [
    key,
    attempt,
  ]);
  expect(await storedAttempts()).toEqual(new Map(attempts as never));
}

for (const [step, reopens] of STEPS.flatMap((each) => [[each, true] as const, [each, false] as const])) {
  test(`a roll that ends after "${step}" and ${reopens ? 'begins again in a new process' : 'is tried again'} leaves no attempt in the minute that it has left`, async () => {
    await onFreshDatabase(async (name) => {
      const event = (type: string, offsetMs: number) =>
        ({ id: type, type, source: 'model', attempt_id: 'a', time: new Date(BASE_MS + offsetMs).toISOString() }) as Event;
      const run = await openRun(name);
      await run.accept([event('enrollment.started', 0)]);
      await run.roll(BASE_MS + 2 * WINDOW_MS);
      const silent = Math.floor((BASE_MS + WINDOW_MS) / 60_000);
      expect(await storedMinutes()).toContainEqual([`M1|${silent}||`, '0/1']);

      await run.accept([event('enrollment.completed', 30_000)]);
      await run.crash(step, BASE_MS + 2 * WINDOW_MS, true, reopens);
      await run.roll(BASE_MS + 2 * WINDOW_MS);
      await run.close();
      const minutes = await storedMinutes();
      expect(minutes.get(`M1|${silent}||`)).toBeUndefined();
      expect(minutes.get(`M1|${Math.floor((BASE_MS + 30_000) / 60_000)}||`)).toBe('1/1');
    });
  });
}

const made = (id: string, type: string, offsetMs: number, fields: object = {}): Delivery => {
  const timeMs = BASE_MS + offsetMs;
  return {
    event: { id, type, source: 'model', time: new Date(timeMs).toISOString(), attempt_id: 'a', ...fields } as unknown as Event,
    timeMs,
  };
};
const DAY_MS = 24 * HOUR_MS;
const ttl = { expires_at: new Date(BASE_MS + 600_000).toISOString() };
const recovery = { attempt_id: undefined, recovery_id: 'r' };

/** Deliveries roll by roll, each at a moment after the base. */
const STORIES: [name: string, rolls: [atMs: number, ...Delivery[]][]][] = [
  [
    'an attempt that ends in time after it was rolled is never overdue',
    [[60_000, made('s', 'enrollment.started', 0, ttl)], [120_000, made('c', 'enrollment.completed', 90_000)], [2 * DAY_MS]],
  ],
  [
    'one that ends late is overdue until then, however late that is heard',
    [[60_000, made('s', 'enrollment.started', 0, ttl)], [DAY_MS], [DAY_MS + 60_000, made('c', 'enrollment.completed', 2 * HOUR_MS)]],
  ],
  [
    'a TTL that is heard of late moves what is overdue',
    [
      [DAY_MS, made('s', 'enrollment.started', 0)],
      [2 * DAY_MS, made('i', 'enrollment.challenge_issued', 1_000, ttl)],
    ],
  ],
  [
    'a start after its end, by clocks that disagree, counts in its own minute',
    [
      [60_000, made('c', 'enrollment.completed', 0)],
      [2 * HOUR_MS, made('s', 'enrollment.started', HOUR_MS)],
      [3 * HOUR_MS, made('b', 'enrollment.started', HOUR_MS + 1_000, { attempt_id: 'b' })],
      [DAY_MS],
    ],
  ],
  [
    'an earlier start moves the day of starts',
    [
      [HOUR_MS, made('s2', 'enrollment.started', 30 * 60_000)],
      [2 * DAY_MS, made('s1', 'enrollment.started', 0)],
    ],
  ],
  [
    'a bot that shows itself late leaves every figure',
    [
      [DAY_MS, made('s', 'enrollment.started', 0, ttl)],
      [2 * DAY_MS, made('i', 'enrollment.challenge_issued', 1_000, { traffic: 'bot' })],
    ],
  ],
  [
    'a recovery that stays silent is bad once its 72 hours are over',
    [[60_000, made('rs', 'recovery.started', 0, recovery)], [80 * HOUR_MS]],
  ],
  [
    'a recovery settles by the clock, and is good after all when its completion comes late',
    [
      [60_000, made('rs', 'recovery.started', 0, recovery)],
      [80 * HOUR_MS],
      [81 * HOUR_MS, made('rc', 'recovery.completed', HOUR_MS, recovery)],
    ],
  ],
  [
    'help that is heard of late makes a recovery bad',
    [
      [HOUR_MS, made('rs', 'recovery.started', 0, recovery), made('rc', 'recovery.completed', 60_000, recovery)],
      [2 * HOUR_MS, made('t', 'recovery.codes_issued', 30_000, { ...recovery, assisted: true })],
    ],
  ],
];

/** The story as it is told, and ending after each step of its last roll in turn, in a new process. */
for (const [name, rolls] of STORIES) {
  test(name, async () => {
    const all = rolls.flatMap(([, ...deliveries]) => deliveries);
    const endMs = BASE_MS + Math.max(...rolls.map(([atMs]) => atMs));
    for (const step of [undefined, ...STEPS]) {
      await onFreshDatabase(async (database) => {
        const run = await openRun(database);
        for (const [i, [atMs, ...deliveries]] of rolls.entries()) {
          if (deliveries.length > 0) await run.accept(deliveries.map(({ event }) => JSON.parse(JSON.stringify(event)) as Event));
          const isLast = i === rolls.length - 1;
          if (step !== undefined && isLast) await run.crash(step, BASE_MS + atMs, true, true);
          await run.roll(BASE_MS + atMs);
        }
        await run.close();
        await equalsContract(all, endMs);
      });
    }
  }, 60_000);
}

for (const step of STEPS) {
  test(`what a roll that ends after "${step}" found overdue goes when more is heard before it is done`, async () => {
    const first = [
      made('s', 'enrollment.started', 0),
      made('i2', 'enrollment.challenge_issued', 2_000, { expires_at: new Date(BASE_MS + 2 * HOUR_MS).toISOString() }),
    ];
    const second = [made('i1', 'enrollment.challenge_issued', 1_000, ttl), made('c', 'enrollment.completed', HOUR_MS)];
    await onFreshDatabase(async (database) => {
      const run = await openRun(database);
      await run.accept(first.map(({ event }) => ({ ...event })));
      await run.crash(step, BASE_MS + DAY_MS, true, true);
      await run.accept(second.map(({ event }) => ({ ...event })));
      await run.roll(BASE_MS + DAY_MS);
      await run.close();
      await equalsContract([...first, ...second], BASE_MS + DAY_MS);
    });
  });
}

test(
  'any order, repetition, conflict, batching and crash gives the figures of the contract',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ all, order, repeats, batch, actions, later }) => {
        await onFreshDatabase(async (name) => {
          const run = await openRun(name);
          const sequence = [...order.map((i) => i % all.length), ...repeats].map((i) => (all[i] as Delivery).event);
          let nowMs = BASE_MS;
          for (let from = 0, n = 0; from < sequence.length; from += batch, n++) {
            await run.accept(sequence.slice(from, from + batch));
            const action = actions[n % actions.length];
            if (!action) continue;
            nowMs += action.advance;
            if (action.what === 'roll') await run.roll(nowMs);
            else if (action.what !== 'wait') await run.crash(action.what, nowMs, action.merges, action.reopens);
          }
          const endMs = Math.max(nowMs, END_MS) + later;
          await run.roll(endMs);
          await run.close();

          await equalsContract(all, endMs);
        });
      }),
      {
        numRuns: RUNS,
        // Shrinking would take the minutes of a hundred stores; the differences say enough.
        endOnFailure: true,
        ...(process.env.MUSTER_PROPERTY_SEED && { seed: Number(process.env.MUSTER_PROPERTY_SEED) }),
      },
    );
  },
  60_000 + RUNS * 10_000,
);
