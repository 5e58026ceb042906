/** What is loaded and waits for its roll, and the state that a roll moves. */
import { FoldedRecords, type Folding, PendingRoll } from '../roll/pending-roll.ts';
import { bringUpToDate } from '../roll/rebuild.ts';
import { readLoaderState, writeLoaderState } from '../roll/roll-state.ts';
import { type RollerDeps, roll } from '../roll/roller.ts';
import { countedTypes } from '../rows/sli-counter.ts';

/** The loader waits for the roller when this many events are loaded but not rolled. */
const MAX_PENDING_EVENTS = 400_000;
/** Of some seconds at most: with a server that is away, what was folded would fill the memory. */
const MAX_FOLDED_EVENTS = 100_000;

export interface RollQueueDeps extends RollerDeps {
  now: () => number;
  onProblem: (message: string) => void;
}

export type RollQueue = Awaited<ReturnType<typeof openRollQueue>>;

/** The queue of a store, with figures that are as its SLIs are defined now. */
export async function openRollQueue(deps: RollQueueDeps) {
  let state = await bringUpToDate({ ...deps, onNotice: deps.onProblem }, await readLoaderState(deps.statePath));
  const counted = countedTypes(deps.slis);
  const begin = () => new PendingRoll(counted, state.closedMinute);
  let pending = begin();
  let eventsInRoll = 0;
  let lateEvents = 0;
  let rolledUntilMs = deps.now();
  const folded = new FoldedRecords(MAX_FOLDED_EVENTS);
  const waiting = () => pending.events + eventsInRoll;

  /** Rolls what is pending; on failure it stays pending, with what came in meanwhile. */
  const rollPending = async (): Promise<void> => {
    const begunMs = deps.now();
    const batch = pending;
    pending = begin();
    eventsInRoll = batch.events;
    try {
      // What a failed roll had in work must stay known to the next one, as it would after a restart.
      state = await roll(deps, state, batch, deps.now(), (begun) => {
        state = begun;
      });
    } catch (error) {
      batch.absorb(pending);
      pending = batch;
      throw error;
    } finally {
      eventsInRoll = 0;
    }
    lateEvents += batch.late;
    rolledUntilMs = begunMs;
  };

  return {
    folded,
    folding: { begin, keep: (sequence, record) => folded.keep(sequence, record) } satisfies Folding,
    /** What is loaded now goes here. */
    pending: () => pending,
    /** Up to here all records of the log are rolled. */
    cursor: () => state.cursor,
    /** Events that are loaded and not rolled. */
    waiting,
    isFull: () => waiting() >= MAX_PENDING_EVENTS,
    rollPending,
    /** Closes the minutes before this one. What waits for its roll still counts; then the minutes are closed. */
    async closeMinutes(closing: number): Promise<void> {
      if (closing <= state.closedMinute) return;
      await rollPending();
      state = { ...state, closedMinute: closing };
      await writeLoaderState(deps.statePath, state);
      const next = begin();
      next.absorb(pending);
      pending = next;
    },
    rolledUntilMs: () => rolledUntilMs,
    stats: () => ({ lateEvents, pendingEvents: waiting(), rolls: state.roll }),
  };
}
