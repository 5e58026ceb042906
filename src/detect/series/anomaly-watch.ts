/**
 * The live pass: counts what came in, judges the minutes that the log has passed, and writes their flags down. Learns once a day, in between
 * two passes.
 */
import { join } from 'node:path';
import { FILES } from '../../names.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { repeat } from '../../system/repeat.ts';
import { MINUTE_MS } from '../../system/time.ts';
import { minuteOf } from './circumstances.ts';
import { askedFlags, flagsIn, replaceFlags, writeFlags } from './flags.ts';
import { QUESTIONS } from './index.ts';
import { createLearning } from './learning.ts';
import { type LiveSeries, openLiveSeries } from './live-series.ts';
import { slotsOf } from './local-week.ts';
import { openCounts } from './recount.ts';
import { type Flag, REPLAY_MINUTES } from './watched-series.ts';

const EVERY_MS = 15_000;
/** Events of a minute may come so long after its end and still be judged with it at once. */
const GRACE_MS = 30_000;
/** Names of flags that are asked for with each pass. */
const ASKED = new Set(QUESTIONS.filter(({ every }) => every === 'minute').map(({ name }) => name));
/** A clock may go back by so much. */
const TOLERATED_MINUTES = 2;

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
  const counts = openCounts(engine, join(deps.dataDir, FILES.detection));
  const slots = slotsOf(deps.timeZone);
  const ticking = repeat(EVERY_MS, deps.onProblem);
  let live: LiveSeries | undefined;
  const learning = createLearning({ engine, counts, slots, timeZone: deps.timeZone, now });
  let judgedTo = 0;

  async function pass(): Promise<void> {
    const toMinute = minuteOf(now() - deps.lagSeconds() * 1_000 - GRACE_MS);
    // A clock that was ahead: what was judged of times that are still to come is judged when they come.
    if (minuteOf(now()) < judgedTo - TOLERATED_MINUTES) live = undefined;
    const counted = await counts.recount(toMinute, now());
    try {
      if (await learning.learnIfDue(counted, toMinute)) live = undefined;
    } catch (error) {
      // What was learned before goes on to judge.
      deps.onProblem(`learning: ${error instanceof Error ? error.message : String(error)}`);
      live = undefined;
    }
    if (!live) {
      await writeFlags(engine, { flags: [], gone: await flagsIn(engine, minuteOf(now()) + 1) }, now());
      live = await openLiveSeries(engine, slots, toMinute);
    }
    const { before, after } = await live.judge(counted.version, toMinute);
    const stretch = { fromMinute: Math.max(toMinute - REPLAY_MINUTES, minuteOf(live.trainedAtMs)), toMinute };
    const asked = await askedFlags(
      { session: engine.session('detect'), ...stretch, trainedAtMs: live.trainedAtMs, timeZone: deps.timeZone },
      'minute',
    );
    const askedBefore = (await flagsIn(engine, stretch.fromMinute)).filter(({ detector }) => ASKED.has(detector));
    const flagged = await replaceFlags(engine, [...before, ...askedBefore], [...after, ...asked], now());
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
