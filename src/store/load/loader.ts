/**
 * The loader: moves sealed log segments into ClickHouse as large blocks and rolls them up.
 * Loading or rolling a segment twice changes nothing, so the cursor moves only after everything is in, and a crash repeats work.
 */
import { readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { MORE, repeat } from '../../system/repeat.ts';
import type { ReferenceTable } from '../records/reference-table.ts';
import { FoldedRecords, type Folding, PendingRoll } from '../roll/pending-roll.ts';
import { bringUpToDate } from '../roll/rebuild.ts';
import { readLoaderState, writeLoaderState } from '../roll/roll-state.ts';
import { type RollerDeps, roll } from '../roll/roller.ts';
import { dropStraySpans } from '../roll/stray-spans.ts';
import type { EventRow } from '../rows/event-row.ts';
import { type LogRecord, type SegmentSource, scanRecords } from '../rows/log-format.ts';
import { countedTypes } from '../rows/sli-counter.ts';
import { closeSeen, setAside } from '../upkeep/damage.ts';
import { closedMinute, dropOldMonths, type Retention } from '../upkeep/retention.ts';
import { Block, eachRow, lastRows, loadRecords } from './load-block.ts';

/** The loader waits for the roller when this many events are loaded but not rolled. */
const MAX_PENDING_EVENTS = 400_000;
/** Of some seconds at most: with a server that is away, what was folded would fill the memory. */
const MAX_FOLDED_EVENTS = 100_000;
/** Rows of a block that {@link LoaderDeps.onLoaded} sees. */
const NEWEST_ROWS = 40;
const LOAD_EVERY_MS = 500;
/** A load of this many events is followed by the next at once: the pause is there to let small blocks grow. */
const BUSY_EVENTS = 10_000;
const ROLL_EVERY_MS = 1_500;
const TIDY_EVERY_MS = 3_600_000;

export interface LoaderDeps extends RollerDeps {
  now: () => number;
  /** Where damaged parts of the log are kept. */
  quarantineDir: string;
  onProblem: (message: string) => void;
  references: Pick<ReferenceTable, 'save'>;
  /** How long what is kept; for good where it does not say. */
  retention?: Retention;
  archiveDir?: string | undefined;
  /** Told of each loaded block: some of its last rows, and how many it had. */
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
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
  stats(): {
    lateEvents: number;
    loadedEvents: number;
    pendingEvents: number;
    rolls: number;
    damagedSegments: number;
    unreadableRows: number;
  };
  stop(): Promise<void>;
}

/** The last rows of a block. */
function newestOf(block: Block): EventRow[] {
  const rows: EventRow[] = [];
  for (const { kind, payload } of block.records.toReversed()) {
    if (kind === 'events') rows.unshift(...lastRows(payload, NEWEST_ROWS - rows.length));
    if (rows.length >= NEWEST_ROWS) break;
  }
  return rows;
}

/** The loader of a store; `slis` says what its roller counts. */
export async function openLoader(deps: LoaderDeps): Promise<Loader> {
  let state = await readLoaderState(deps.statePath);
  state = await bringUpToDate({ ...deps, onNotice: deps.onProblem }, state);
  const counted = countedTypes(deps.slis);
  let pending = new PendingRoll(counted, state.closedMinute);
  const folded = new FoldedRecords(MAX_FOLDED_EVENTS);
  /** Segments that are in `events` whole, with their last sequence. */
  const loaded = new Map<string, number>();
  const damaged = new Set<string>();
  let loadedSequence = state.cursor;
  let loadedEvents = 0;
  let eventsInRoll = 0;
  let unreadableRows = 0;
  let lateEvents = 0;
  let loadedUntilMs = deps.now();
  let rolledUntilMs = deps.now();

  const waiting = () => pending.events + eventsInRoll;

  /** Loads segments in order until all are in, or as many events wait for their roll as may. Returns whether all are in. */
  const loadSegments = async (segments: readonly string[]): Promise<boolean> => {
    let block = new Block();
    for (const path of segments) {
      if (loaded.has(path)) continue;
      const records = await readSegment(path);
      for (const record of records) {
        if (record.sequence <= loadedSequence) continue;
        if (block.isFullWith(record)) {
          await load(block);
          block = new Block();
          if (waiting() >= MAX_PENDING_EVENTS) return false;
        }
        block.add(record);
      }
      block.finished.push({ path, lastSequence: records.at(-1)?.sequence ?? 0 });
    }
    await load(block);
    return true;
  };

  const readSegment = async (path: string): Promise<LogRecord[]> => {
    const bytes = await readFile(path);
    const { records, damages } = scanRecords(bytes);
    if (damages.length > 0 && !damaged.has(path)) {
      damaged.add(path);
      for (const { from, to } of damages)
        await keepAside(`${basename(path)}-${from}`, bytes.subarray(from, to), 'damaged bytes of the log');
    }
    return records;
  };

  /** Only once a block is in do its records count as loaded: whatever fails is tried again, and nothing behind it goes ahead. */
  const load = async (block: Block) => {
    if (block.records.length > 0) {
      let count = 0;
      const addRow = (row: EventRow) => {
        pending.add(row);
        count += 1;
      };
      await loadRecords(deps.engine, block.records, {
        onRecord: ({ sequence, payload, rows }) => {
          const known = folded.take(sequence);
          if (known === undefined) eachRow(payload, addRow);
          else {
            pending.absorb(known);
            count += rows;
          }
        },
        onRow: addRow,
        saveReferences: (rows) => deps.references.save(rows),
        setAside: async (line) => {
          unreadableRows += 1;
          await keepAside(`row-${block.lastSequence}-${unreadableRows}`, line, 'a row that the engine cannot read');
        },
      });
      pending.lastSequence = block.lastSequence;
      loadedSequence = block.lastSequence;
      folded.dropUpTo(block.lastSequence);
      loadedEvents += count;
      // A row that could not be read may be no JSON at all.
      deps.onLoaded?.(count === block.eventRows ? newestOf(block) : [], count);
    }
    for (const { path, lastSequence } of block.finished) loaded.set(path, lastSequence);
  };

  const keepAside = async (name: string, bytes: Buffer, what: string) => {
    const path = await setAside(deps.engine, deps.quarantineDir, { name, bytes, what }, deps.now());
    deps.onProblem(`${what} (${bytes.length} bytes) set aside in ${path}; everything around it is kept`);
  };

  /** Rolls what is pending; on failure it stays pending, with what came in meanwhile. */
  const rollPending = async () => {
    const begunMs = deps.now();
    const batch = pending;
    pending = new PendingRoll(counted, state.closedMinute);
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
    for (const [path, lastSequence] of loaded) {
      if (lastSequence > state.cursor) continue;
      await rm(path, { force: true });
      loaded.delete(path);
    }
  };

  const keeping = {
    engine: deps.engine,
    retention: deps.retention ?? {},
    archiveDir: deps.archiveDir,
    now: deps.now,
    onNotice: deps.onProblem,
  };
  const retain = () =>
    rolling.once(async () => {
      const closing = closedMinute(keeping);
      if (closing > state.closedMinute) {
        // What waits for its roll still counts; then the minutes are closed, and only then does anything go.
        await rollPending();
        state = { ...state, closedMinute: closing };
        await writeLoaderState(deps.statePath, state);
        const next = new PendingRoll(counted, closing);
        next.absorb(pending);
        pending = next;
      }
      await dropOldMonths(keeping);
    });

  const lagSeconds = () => Math.max(0, deps.now() - loadedUntilMs - LOAD_EVERY_MS) / 1_000;
  const loading = repeat(LOAD_EVERY_MS, deps.onProblem);
  const rolling = repeat(ROLL_EVERY_MS, deps.onProblem);
  const tidying = repeat(TIDY_EVERY_MS, deps.onProblem);
  return {
    folding: {
      begin: () => new PendingRoll(counted, state.closedMinute),
      keep: (sequence, record) => folded.keep(sequence, record),
    },
    start(source) {
      loading.start(async () => {
        if (waiting() >= MAX_PENDING_EVENTS) return;
        const sealedAtMs = deps.now();
        const before = loadedEvents;
        if (await loadSegments(await source.seal())) loadedUntilMs = sealedAtMs;
        return loadedEvents - before >= BUSY_EVENTS ? MORE : undefined;
      });
      rolling.start(rollPending);
      tidying.start(async () => {
        await dropStraySpans(deps.engine.session('tidy'), deps.now());
        await closeSeen(deps.engine, deps.now());
        await retain();
      });
    },
    async drain(source) {
      for (let isDone = false; !isDone; ) {
        await loading.once(async () => {
          isDone = await loadSegments(await source.seal());
        });
        await rolling.once(rollPending);
      }
    },
    whileIdle: <T>(source: SegmentSource, work: () => Promise<T>) =>
      loading.once(async () => {
        while (!(await loadSegments(await source.seal()))) await rolling.once(rollPending);
        return rolling.once(async () => {
          await rollPending();
          return work();
        });
      }),
    retain,
    problem: loading.problem,
    lagSeconds,
    figuresLagSeconds: () => Math.max(lagSeconds(), (deps.now() - rolledUntilMs - ROLL_EVERY_MS) / 1_000),
    stats: () => ({ lateEvents, loadedEvents, pendingEvents: waiting(), rolls: state.roll, damagedSegments: damaged.size, unreadableRows }),
    async stop() {
      await loading.stop();
      await rolling.stop();
      await tidying.stop();
    },
  };
}
