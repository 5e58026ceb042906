/** Figures are a pure function of the set of deliveries: shuffled, repeated, conflicting, delayed, cut anyhow and crashed anywhere. */
import fc from 'fast-check';
import { test } from 'vitest';
import type { Event } from '../../../src/events/catalogue.ts';
import { scaled } from '../../support/scale.ts';
import {
  BASE_MS,
  type Delivery,
  END_MS,
  equalsContract,
  HOUR_MS,
  onFreshDatabase,
  openRun,
  playOut,
  prepareStores,
  STEPS,
} from './crashing-store.ts';

const RUNS = Number(process.env.MUSTER_PROPERTY_RUNS ?? scaled(4, 2));
const RUN_MS = 120_000;

prepareStores();

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

test(
  'any order, repetition, conflict, batching and crash gives the figures of the contract',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ all, order, repeats, batch, actions, later }) => {
        await onFreshDatabase(async (name) => {
          const run = await openRun(name);
          const sequence = [...order.map((i) => i % all.length), ...repeats].map((i) => (all[i] as Delivery).event);
          const nowMs = await playOut(run, sequence, batch, actions);
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
  RUNS * RUN_MS,
);
