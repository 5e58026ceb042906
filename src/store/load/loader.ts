/**
 * The loader: moves sealed log segments into ClickHouse as large blocks and rolls them up.
 * Loading or rolling a segment twice changes nothing, so the cursor moves only after everything is in, and a crash repeats work.
 */
import { MORE, repeat } from '../../system/repeat.ts';
import type { Folding } from '../roll/pending-roll.ts';
import { dropStraySpans } from '../roll/stray-spans.ts';
import type { SegmentSource } from '../rows/log-format.ts';
import { closeSeen } from '../upkeep/damage.ts';
import { closedMinute, dropOldMonths, type Retention } from '../upkeep/retention.ts';
import { openRollQueue, type RollQueueDeps } from './roll-queue.ts';
import { createSegmentLoader, type SegmentLoaderDeps } from './segment-loader.ts';

const LOAD_EVERY_MS = 500;
/** A load of this many events is followed by the next at once: the pause is there to let small blocks grow. */
const BUSY_EVENTS = 10_000;
const ROLL_EVERY_MS = 1_500;
const TIDY_EVERY_MS = 3_600_000;

export interface LoaderDeps extends RollQueueDeps, SegmentLoaderDeps {
  /** How long what is kept; for good where it does not say. */
  retention?: Retention;
  archiveDir?: string | undefined;
}

/** What a loader has done since it began, and what waits. */
export interface LoaderStats {
  lateEvents: number;
  loadedEvents: number;
  pendingEvents: number;
  rolls: number;
  damagedSegments: number;
  unreadableRows: number;
}

export interface Loader {
  readonly folding: Folding;
  /** Starts loading and rolling in the background. */
  start(source: SegmentSource): void;
  /** Resolves when everything in the log at the time of the call is loaded and rolled up. */
  drain(source: SegmentSource): Promise<void>;
  /** Does work while nothing is loaded or rolled, after everything in the log at the time of the call is. */
  whileIdle<T>(source: SegmentSource, work: () => Promise<T>): Promise<T>;
  /** Upper bound of the age of an event that is acknowledged but not yet in `events`, in seconds, beyond the usual pause. */
  lagSeconds(): number;
  /** The same until it counts in the minutes. */
  figuresLagSeconds(): number;
  /** Why nothing can be loaded at present, if so. */
  problem(): string | undefined;
  /** Drops what is no longer kept, between two rolls. */
  retain(): Promise<void>;
  stats(): LoaderStats;
  stop(): Promise<void>;
}

/** The loader of a store; `slis` says what its roller counts. */
export async function openLoader(deps: LoaderDeps): Promise<Loader> {
  const { engine, now, onProblem } = deps;
  const queue = await openRollQueue(deps);
  const segments = createSegmentLoader(deps, queue);
  let loadedUntilMs = now();

  const loading = repeat(LOAD_EVERY_MS, onProblem);
  const rolling = repeat(ROLL_EVERY_MS, onProblem);
  const tidying = repeat(TIDY_EVERY_MS, onProblem);

  const rollPending = async () => {
    await queue.rollPending();
    await segments.removeRolled();
  };
  const keeping = { engine, retention: deps.retention ?? {}, archiveDir: deps.archiveDir, now, onNotice: onProblem };
  const retain = () =>
    rolling.once(async () => {
      await queue.closeMinutes(closedMinute(keeping));
      await segments.removeRolled();
      await dropOldMonths(keeping);
    });
  /** Loads all that is in the log; rolls in between where too much waits. */
  const loadAll = async (source: SegmentSource) => {
    while (!(await segments.load(await source.seal()))) await rolling.once(rollPending);
  };
  const lagSeconds = () => Math.max(0, now() - loadedUntilMs - LOAD_EVERY_MS) / 1_000;

  return {
    folding: queue.folding,
    start(source) {
      loading.start(async () => {
        if (queue.isFull()) return;
        const sealedAtMs = now();
        const before = segments.loadedEvents();
        if (await segments.load(await source.seal())) loadedUntilMs = sealedAtMs;
        return segments.loadedEvents() - before >= BUSY_EVENTS ? MORE : undefined;
      });
      rolling.start(rollPending);
      tidying.start(async () => {
        await dropStraySpans(engine.session('tidy'), now());
        await closeSeen(engine, now());
        await retain();
      });
    },
    async drain(source) {
      await loading.once(() => loadAll(source));
      await rolling.once(rollPending);
    },
    whileIdle: <T>(source: SegmentSource, work: () => Promise<T>) =>
      loading.once(async () => {
        await loadAll(source);
        return rolling.once(async () => {
          await rollPending();
          return work();
        });
      }),
    retain,
    problem: loading.problem,
    lagSeconds,
    figuresLagSeconds: () => Math.max(lagSeconds(), (now() - queue.rolledUntilMs() - ROLL_EVERY_MS) / 1_000),
    stats: () => ({ ...queue.stats(), ...segments.stats() }),
    async stop() {
      await loading.stop();
      await rolling.stop();
      await tidying.stop();
    },
  };
}
