/**
 * The live pass: counts what came in, judges the minutes that the log has passed, and writes their flags down. Learns once a day, in between
 * two passes.
 */
import { join } from 'node:path';
import { FILES } from '../../names.ts';
import type { Engine } from '../../store/engine/engine.ts';
import type { Range } from '../../store/rows/ranges.ts';
import { dropMonthsBefore } from '../../store/upkeep/retention.ts';
import { repeat } from '../../system/repeat.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { circumstancesIn, minuteOf, mutedMinutes } from './circumstances.ts';
import { flagsIn, writeFlags } from './flags.ts';
import { judgePast } from './history.ts';
import { type LiveSeries, openLiveSeries, WARM_UP_MINUTES } from './live-series.ts';
import { slotsOf } from './local-week.ts';
import { readModels, seriesKey, trainingSpan } from './model.ts';
import { KEPT_MINUTES, recount } from './recount.ts';
import { train } from './training.ts';
import type { Flag } from './watched-series.ts';

const EVERY_MS = 15_000;
/** Events of a minute may come so long after its end and still be judged with it at once. */
const GRACE_MS = 30_000;
const TRAIN_EVERY_MS = DAY_MS;
/** Where there was too little to learn from, it is tried again after this. */
const TRY_AGAIN_MS = HOUR_MS;
/** More minutes than these at once are history that comes in: learning waits until it is there. */
const LARGE_MINUTES = 1_440;

export interface AnomalyWatchDeps {
  engine: Engine;
  dataDir: string;
  timeZone: string;
  now: () => number;
  /** How far the store is behind what was acknowledged. */
  lagSeconds: () => number;
  /** Told of flags as they come, those of the past not among them. */
  onFlagged?: (flags: readonly Flag[]) => void;
  onProblem: (message: string) => void;
}

export interface AnomalyWatch {
  /** One pass now, after the one that may be going on. */
  look(): Promise<void>;
  start(): void;
  /** Ends it, after the pass that may be going on. */
  stop(): Promise<void>;
  /** Up to when minutes are judged, in milliseconds since 1970; 0 before the first pass. */
  judgedToMs(): number;
  /** How many series are watched; 0 while history is too short to learn from. */
  watched(): number;
}

/** The watch over all series of a store. */
export function createAnomalyWatch(deps: AnomalyWatchDeps): AnomalyWatch {
  const { engine, now } = deps;
  const statePath = join(deps.dataDir, FILES.detection);
  const slots = slotsOf(deps.timeZone);
  const ticking = repeat(EVERY_MS, deps.onProblem);
  let live: LiveSeries | undefined;
  let trainedAtMs: number | undefined;
  let isRestated = false;
  let judgedTo = 0;
  let triedAtMs = Number.NEGATIVE_INFINITY;

  /** Flags of a time, by the models of now. */
  async function judged(fromMinute: number, toMinute: number): Promise<Flag[]> {
    const session = engine.session('detect');
    const models = await readModels(session);
    const circumstances = await circumstancesIn(engine, slots, fromMinute, toMinute);
    const flags: Flag[] = [];
    for await (const some of judgePast({ session, models, fromMinute, toMinute, timeZone: deps.timeZone, circumstances }))
      flags.push(...some);
    return flags;
  }

  const learnWithout = async (flags: readonly Flag[], toMinute: number) => {
    const excluded = [
      ...(await mutedMinutes(engine, toMinute - KEPT_MINUTES, toMinute)),
      ...passing(flags).map(({ minute }): Range => [minute, minute]),
    ];
    return train({ engine, atMs: toMinute * MINUTE_MS, timeZone: deps.timeZone, excluded });
  };

  /** Learns from all that is kept, and judges all of it by that: there was nothing to judge it by when it came. */
  async function learnAll(toMinute: number): Promise<void> {
    const kept = toMinute - KEPT_MINUTES;
    if ((await learnWithout([], toMinute)) === 0) return;
    const fromMinute = Math.max(kept, minuteOf((await trainingSpan(engine, toMinute * MINUTE_MS))?.fromMs ?? 0));
    const first = await judged(fromMinute, toMinute);
    // Faults that were learned as usual hide others, and make what is usual look strange: learned again without them.
    if (first.length > 0) await learnWithout(first, toMinute);
    await replace(await flagsIn(engine, kept, toMinute), first.length > 0 ? await judged(fromMinute, toMinute) : first);
  }

  /** Judges the day for good, with all that came late, by what was known when it began; then learns from it. */
  async function learnDay(sinceMinute: number, toMinute: number): Promise<void> {
    const flags = await judged(sinceMinute - WARM_UP_MINUTES, toMinute);
    await replace(
      await flagsIn(engine, sinceMinute, toMinute),
      flags.filter(({ minute }) => minute >= sinceMinute),
    );
    await learnWithout(await flagsIn(engine, toMinute - KEPT_MINUTES, toMinute), toMinute);
  }

  async function replace(before: readonly Flag[], after: readonly Flag[]): Promise<Flag[]> {
    const kept = new Map(after.map((flag) => [flagKey(flag), flag]));
    const known = new Map(before.map((flag) => [flagKey(flag), JSON.stringify(flag)]));
    const flags = after.filter((flag) => known.get(flagKey(flag)) !== JSON.stringify(flag));
    await writeFlags(engine, { flags, gone: before.filter((flag) => !kept.has(flagKey(flag))) }, now());
    return flags.filter((flag) => !known.has(flagKey(flag)));
  }

  async function pass(): Promise<void> {
    const toMinute = minuteOf(now() - deps.lagSeconds() * 1_000 - GRACE_MS);
    const { version, from } = await recount(engine, statePath, toMinute, now());
    trainedAtMs ??= await lastTraining(engine);
    const isUntrained = trainedAtMs === 0 && now() - triedAtMs >= TRY_AGAIN_MS;
    if (toMinute - from > LARGE_MINUTES) isRestated = true;
    else if (isRestated || isUntrained || (trainedAtMs > 0 && toMinute * MINUTE_MS - trainedAtMs >= TRAIN_EVERY_MS)) {
      triedAtMs = now();
      if (isRestated || trainedAtMs === 0) await learnAll(toMinute);
      else await learnDay(minuteOf(trainedAtMs), toMinute);
      isRestated = false;
      await dropMonthsBefore(engine, 'series_minutes', (toMinute - KEPT_MINUTES) * MINUTE_MS);
      trainedAtMs = await lastTraining(engine);
      live = undefined;
    }
    live ??= await openLiveSeries(engine, slots, toMinute);
    const { before, after } = await live.judge(version, toMinute);
    const flagged = await replace(before, after);
    deps.onFlagged?.(flagged);
    judgedTo = toMinute;
  }

  /** After a pass that failed, what is in memory may be ahead of what is written: it is built up anew. */
  const safePass = () =>
    pass().catch((error: unknown) => {
      live = undefined;
      throw error;
    });

  return {
    look: () => ticking.once(safePass),
    start: () => ticking.start(safePass),
    stop: () => ticking.stop(),
    judgedToMs: () => judgedTo * MINUTE_MS,
    watched: () => live?.series ?? 0,
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

const flagKey = ({ minute, metric, dimension, value, detector }: Flag): string =>
  JSON.stringify([minute, metric, dimension, value, detector]);

async function lastTraining(engine: Engine): Promise<number> {
  const [row] = await engine.session('detect').rows<{ at: number }>('SELECT toUnixTimestamp(max(trained_at)) AS at FROM series_models');
  return (row?.at ?? 0) * 1_000;
}
