/** When and from what is learned: all of it once history has come in, and each day from what the day before was. */
import type { Engine } from '../../store/engine/engine.ts';
import { dropMonthsBefore } from '../../store/upkeep/retention.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { circumstancesIn, minuteOf, mutedMinutes } from './circumstances.ts';
import { askedFlags, flagsIn, replaceFlags } from './flags.ts';
import { judgePast } from './history.ts';
import { QUESTIONS } from './index.ts';
import { WARM_UP_MINUTES } from './live-series.ts';
import type { Slot } from './local-week.ts';
import { lastTraining, readModels, seriesKey, type Trained, trainingSpan } from './model.ts';
import { type Counts, KEPT_MINUTES, LARGE_MINUTES, type Recount } from './recount.ts';
import { type Excluded, forgetTrainings, train } from './training.ts';
import type { Flag } from './watched-series.ts';

const TRAIN_EVERY_MS = DAY_MS;
/** Where there was too little to learn from, it is tried again after this. */
const TRY_AGAIN_MS = HOUR_MS;
/** Flags are kept as long as incidents are spoken of: thirteen months. */
const FLAGS_KEPT_MS = 400 * DAY_MS;

/** Names of flags of days: each is said on its day. */
const DAILY = new Set(QUESTIONS.filter(({ every }) => every === 'day').map(({ name }) => name));

export interface LearningDeps {
  engine: Engine;
  counts: Counts;
  slots: (minute: number) => Slot;
  timeZone: string;
  now: () => number;
}

export interface Learning {
  /** Learns when it is time to, but not in the middle of history that comes in. Returns whether it did. */
  learnIfDue(counted: Recount, toMinute: number): Promise<boolean>;
}

/** What a store learns of its series. */
export function createLearning({ engine, counts, slots, timeZone, now }: LearningDeps): Learning {
  let triedAtMs = Number.NEGATIVE_INFINITY;
  let hasFailed = false;

  /** Flags of a time, by the models that were learned last up to a moment. */
  async function judged(fromMinute: number, toMinute: number, learnedToMs: number): Promise<Flag[]> {
    const session = engine.session('detect');
    const models = await readModels(session, learnedToMs);
    const circumstances = await circumstancesIn(engine, slots, fromMinute, toMinute);
    const flags: Flag[] = [];
    for await (const some of judgePast({ session, models, fromMinute, toMinute, timeZone, circumstances })) flags.push(...some);
    const trainedAtMs = models[0]?.trainedAtMs ?? 0;
    return [...flags, ...(await askedFlags({ session, fromMinute, toMinute, trainedAtMs, timeZone }, 'minute'))];
  }

  const learnWithout = async (flags: readonly Flag[], toMinute: number) => {
    const muted = await mutedMinutes(engine, toMinute - KEPT_MINUTES, toMinute);
    const excluded = [
      ...muted.map((minutes): Excluded => ({ dimension: '', value: '', minutes })),
      ...passing(flags).map(({ dimension, value, minute }): Excluded => ({ dimension, value, minutes: [minute, minute] })),
    ];
    return train({ engine, atMs: toMinute * MINUTE_MS, timeZone, excluded });
  };

  /** What only shows in days, once they are learned from. */
  const ofDays = (toMinute: number): Promise<Flag[]> =>
    askedFlags(
      { session: engine.session('detect'), fromMinute: toMinute - 1, toMinute, trainedAtMs: toMinute * MINUTE_MS, timeZone },
      'day',
    );

  /** Learns from all that is kept, and judges all of it by that: there was nothing to judge it by when it came. */
  async function learnAll(toMinute: number): Promise<void> {
    const atMs = toMinute * MINUTE_MS;
    const span = await trainingSpan(engine, atMs);
    if (!span) return;
    await counts.learnDurations(span, now());
    await learnWithout([], toMinute);
    const fromMinute = minuteOf(span.fromMs);
    const first = await judged(fromMinute, toMinute, atMs);
    // Faults that were learned as usual hide others, and make what is usual look strange: learned again without them.
    if (first.length > 0) await learnWithout(first, toMinute);
    const flags = first.length > 0 ? await judged(fromMinute, toMinute, atMs) : first;
    const before = (await flagsIn(engine, fromMinute, toMinute)).filter(({ detector }) => !DAILY.has(detector));
    await replaceFlags(engine, before, [...flags, ...(await ofDays(toMinute))], now());
  }

  /** Judges the day for good, with all that came late, by what was known when it began; then learns from it. */
  async function learnDay({ trainedAtMs }: Trained, toMinute: number): Promise<void> {
    const sinceMinute = minuteOf(trainedAtMs);
    const atMs = toMinute * MINUTE_MS;
    const flags = await judged(sinceMinute - WARM_UP_MINUTES, toMinute, trainedAtMs);
    const ofDay = flags.filter(({ minute }) => minute >= sinceMinute);
    await replaceFlags(engine, await flagsIn(engine, sinceMinute, toMinute), ofDay, now());
    const span = await trainingSpan(engine, atMs);
    if (span) await counts.learnDurations(span, now());
    await learnWithout(await flagsIn(engine, toMinute - KEPT_MINUTES, toMinute), toMinute);
    await replaceFlags(engine, [], await ofDays(toMinute), now());
  }

  return {
    async learnIfDue({ restatedMinutes, isRestated }, toMinute) {
      if (restatedMinutes > LARGE_MINUTES) return false;
      const last = await lastTraining(engine.session('detect'), toMinute * MINUTE_MS);
      const isOfAll = isRestated || last?.timeZone !== timeZone;
      const isDue = isOfAll || toMinute * MINUTE_MS - last.trainedAtMs >= TRAIN_EVERY_MS;
      // What was too little, or failed, is tried again in a while; history that has come in does not wait.
      const mayTry = (isRestated && !hasFailed) || now() - triedAtMs >= TRY_AGAIN_MS;
      if (!isDue || !mayTry) return false;
      triedAtMs = now();
      hasFailed = true;
      if (last && !isOfAll) await learnDay(last, toMinute);
      else await learnAll(toMinute);
      await counts.learned();
      hasFailed = false;
      await dropMonthsBefore(engine, 'series_minutes', (toMinute - KEPT_MINUTES) * MINUTE_MS);
      await dropMonthsBefore(engine, 'anomaly_flags_log', now() - FLAGS_KEPT_MS);
      await forgetTrainings(engine, toMinute * MINUTE_MS);
      return true;
    },
  };
}

/** What lasts for most of a day is how it is now: it is learned from, and takes nothing from what is learned of other series. */
const PASSING_MINUTES = 720;

/** Flags of series that were flagged for less than {@link PASSING_MINUTES} of their day. */
function passing(flags: readonly Flag[]): Flag[] {
  const dayOf = (flag: Flag) => `${seriesKey(flag)} ${Math.floor(flag.minute / 1_440)}`;
  const days = Map.groupBy(flags, dayOf);
  return flags.filter((flag) => (days.get(dayOf(flag))?.length ?? 0) < PASSING_MINUTES);
}
