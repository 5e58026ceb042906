/**
 * The loader: moves sealed log segments into ClickHouse as large blocks and rolls them up.
 * Loading or rolling a segment twice changes nothing, so the cursor moves only after everything is in, and a crash repeats work.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EVENT_COLUMN_NAMES, EVENT_SELECT, EVENT_STRUCTURE, type EventRow } from './event-row.ts';
import { type LoaderState, readLoaderState, writeLoaderState } from './loader-state.ts';
import { type LogRecord, scanRecords } from './log-format.ts';
import { recomputeMinutes } from './minutes.ts';
import { PendingRoll, type RollerDeps, roll } from './roller.ts';

/** A block handed to the engine holds at most this many rows: large blocks cost a tenth of the CPU of small ones. */
const MAX_BLOCK_ROWS = 100_000;
const MAX_BLOCK_BYTES = 48 * 1024 * 1024;
/** The loader waits for the roller when this many events are loaded but not rolled. */
const MAX_PENDING_EVENTS = 400_000;
const LOAD_EVERY_MS = 500;
const ROLL_EVERY_MS = 1_500;

/** Who writes the log: closes the segment in work, so that every file it returns is complete. Oldest first. */
export interface SegmentSource {
  seal(): Promise<string[]>;
}

export interface LoaderDeps extends RollerDeps {
  now: () => number;
  /** Where damaged parts of the log are kept. */
  quarantineDir: string;
  onProblem: (message: string) => void;
  /** Called with the rows of each loaded block, after they are in `events`. */
  onLoaded?: (rows: readonly EventRow[]) => void;
}

export interface Loader {
  /** Starts loading and rolling in the background. */
  start(source: SegmentSource): void;
  /** Resolves when everything in the log at the time of the call is loaded and rolled up. */
  drain(source: SegmentSource): Promise<void>;
  /** Upper bound of the age of an event that is acknowledged but not yet in `events`, in seconds, beyond the usual pause. */
  lagSeconds(): number;
  stats(): { loadedEvents: number; pendingEvents: number; rolls: number; damagedRanges: number };
  stop(): Promise<void>;
}

/** The loader of a store; `slis` says what its roller counts. */
export async function openLoader(deps: LoaderDeps): Promise<Loader> {
  let state = await readLoaderState(deps.statePath);
  state = await recomputeIfRedefined(deps, state);
  let pending = new PendingRoll();
  const loaded = new Map<string, number>();
  let loadedEvents = 0;
  let eventsInRoll = 0;
  let damagedRanges = 0;
  let loadedUntilMs = deps.now();

  const loadSegments = async (segments: readonly string[]) => {
    const fresh = segments.filter((path) => !loaded.has(path));
    let block = new Block();
    for (const path of fresh) {
      const bytes = await readFile(path);
      const { records, damages } = scanRecords(bytes);
      for (const { from, to } of damages) {
        damagedRanges += 1;
        await quarantine(deps, path, from, bytes.subarray(from, to));
      }
      for (const record of records) {
        if (record.sequence <= state.cursor) continue;
        if (block.isFullWith(record)) {
          await load(block);
          block = new Block();
        }
        block.add(record);
      }
      loaded.set(path, records.at(-1)?.sequence ?? 0);
    }
    await load(block);
  };

  const load = async (block: Block) => {
    if (block.rows === 0) return;
    const bytes = Buffer.concat(block.payloads);
    await deps.engine.withFile('load', bytes, 'JSONCompactEachRow', EVENT_STRUCTURE, (file) =>
      deps.engine.session('load').run(
        `INSERT INTO events (${EVENT_COLUMN_NAMES.join(', ')}) SELECT ${EVENT_SELECT} FROM ${file}
           SETTINGS max_threads = 1, max_insert_threads = 1, max_insert_block_size = ${MAX_BLOCK_ROWS},
             min_insert_block_size_rows = ${MAX_BLOCK_ROWS}, max_partitions_per_insert_block = 0, input_format_parallel_parsing = 0`,
      ),
    );
    const rows = parseLines(bytes);
    for (const row of rows) pending.add(row);
    pending.lastSequence = block.lastSequence;
    loadedEvents += rows.length;
    deps.onLoaded?.(rows);
  };

  /** Rolls what is pending; on failure it stays pending, with what came in meanwhile. */
  const rollPending = async () => {
    const batch = pending;
    pending = new PendingRoll();
    eventsInRoll = batch.events;
    try {
      state = await roll(deps, state, batch, deps.now());
    } catch (error) {
      batch.absorb(pending);
      pending = batch;
      throw error;
    } finally {
      eventsInRoll = 0;
    }
    for (const [path, lastSequence] of loaded) {
      if (lastSequence > state.cursor) continue;
      await rm(path, { force: true });
      loaded.delete(path);
    }
  };

  const loading = repeat(LOAD_EVERY_MS, deps.onProblem);
  const rolling = repeat(ROLL_EVERY_MS, deps.onProblem);
  return {
    start(source) {
      loading.start(async () => {
        if (pending.events + eventsInRoll >= MAX_PENDING_EVENTS) return;
        const sealedAtMs = deps.now();
        await loadSegments(await source.seal());
        loadedUntilMs = sealedAtMs;
      });
      rolling.start(rollPending);
    },
    async drain(source) {
      await loading.once(async () => loadSegments(await source.seal()));
      await rolling.once(rollPending);
    },
    lagSeconds: () => Math.max(0, deps.now() - loadedUntilMs - LOAD_EVERY_MS) / 1_000,
    stats: () => ({ loadedEvents, pendingEvents: pending.events + eventsInRoll, rolls: state.roll, damagedRanges }),
    async stop() {
      await loading.stop();
      await rolling.stop();
    },
  };
}

/** Records on their way into one INSERT. */
class Block {
  readonly payloads: Buffer[] = [];
  rows = 0;
  bytes = 0;
  lastSequence = 0;

  add(record: LogRecord): void {
    this.payloads.push(record.payload);
    this.rows += record.rows;
    this.bytes += record.payload.length;
    this.lastSequence = record.sequence;
  }

  isFullWith(record: LogRecord): boolean {
    return this.rows > 0 && (this.rows + record.rows > MAX_BLOCK_ROWS || this.bytes + record.payload.length > MAX_BLOCK_BYTES);
  }
}

function parseLines(bytes: Buffer): EventRow[] {
  const rows: EventRow[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from);
    rows.push(JSON.parse(bytes.toString('utf8', from, end === -1 ? bytes.length : end)) as EventRow);
    if (end === -1) break;
    from = end + 1;
  }
  return rows;
}

async function quarantine(deps: LoaderDeps, path: string, from: number, bytes: Buffer): Promise<void> {
  await mkdir(deps.quarantineDir, { recursive: true, mode: 0o700 });
  const copy = join(deps.quarantineDir, `${basename(path)}-${from}`);
  await writeFile(copy, bytes, { mode: 0o600 });
  deps.onProblem(
    `the log is damaged: ${bytes.length} bytes of ${basename(path)} at ${from} were set aside in ${copy}; the records around them are kept`,
  );
}

/** New or changed SLI definitions, or another completion window, count for the past too: all minutes are computed anew. */
async function recomputeIfRedefined(deps: LoaderDeps, state: LoaderState): Promise<LoaderState> {
  const definitions = JSON.stringify([
    deps.windowMs,
    deps.slis.map(({ id, unit, total, good, dimensions }) => [id, unit, total, good, dimensions]),
  ]);
  if (state.definitions === definitions) return state;
  const session = deps.engine.session('roll');
  const minutes = await session.rows<{ minute: number }>(
    `SELECT DISTINCT toUInt32(intDiv(settled_at, 60000)) AS minute FROM attempt_states WHERE settled_at > 0
     UNION DISTINCT SELECT DISTINCT toUInt32(intDiv(toUnixTimestamp(time), 60)) FROM events WHERE type = 'api.request'`,
  );
  const byDay = Map.groupBy(minutes, ({ minute }) => Math.floor(minute / 1_440));
  const next = { ...state, roll: state.roll + 1, definitions };
  for (const day of byDay.values()) {
    await recomputeMinutes(
      { ...deps, session },
      day.map(({ minute }) => minute),
      { roll: next.roll, nowMs: state.settledUntilMs },
    );
  }
  await writeLoaderState(deps.statePath, next);
  return next;
}

/** Runs one piece of work again and again, never twice at once, and on demand in between. */
function repeat(everyMs: number, onProblem: (message: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const once = (work: () => Promise<void>) => {
    const result = running.then(work);
    running = result.catch(() => {});
    return result;
  };
  return {
    once,
    start(work: () => Promise<void>) {
      const tick = async () => {
        await once(work).catch((error: unknown) => onProblem(error instanceof Error ? error.message : String(error)));
        if (!isStopped) timer = setTimeout(tick, everyMs);
      };
      timer = setTimeout(tick, 0);
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
