/** Segments of the log into `events`, a block at a time; what is damaged or unreadable is set aside, and its neighbours are loaded. */
import { hash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import type { ReferenceTable } from '../records/reference-table.ts';
import type { EventRow } from '../rows/event-row.ts';
import { type LogRecord, scanRecords } from '../rows/log-format.ts';
import { setAside } from '../upkeep/damage.ts';
import { Block, eachRow, lastRows, loadRecords } from './load-block.ts';
import type { RollQueue } from './roll-queue.ts';

/** Rows of a block that {@link SegmentLoaderDeps.onLoaded} sees. */
const NEWEST_ROWS = 40;

export interface SegmentLoaderDeps {
  engine: Engine;
  now: () => number;
  /** Where damaged parts of the log are kept. */
  quarantineDir: string;
  onProblem: (message: string) => void;
  references: Pick<ReferenceTable, 'save'>;
  /** Called with each loaded block: some of its last rows, and how many it had. */
  onLoaded?: (newest: readonly EventRow[], count: number) => void;
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

/** Loads segments; what it loads goes into the queue, in the order of the log. */
export function createSegmentLoader(deps: SegmentLoaderDeps, queue: RollQueue) {
  /** Segments that are in `events` whole, with their last sequence. */
  const loaded = new Map<string, number>();
  const damaged = new Set<string>();
  let loadedSequence = queue.cursor();
  let loadedEvents = 0;
  let unreadableRows = 0;

  const keepAside = async (name: string, bytes: Buffer, what: string) => {
    const path = await setAside(deps.engine, deps.quarantineDir, { name, bytes, what }, deps.now());
    deps.onProblem(`${what} (${bytes.length} bytes) set aside in ${path}; everything around it is kept`);
  };

  const readSegment = async (path: string): Promise<LogRecord[]> => {
    const bytes = await readFile(path);
    const { records, damages } = scanRecords(bytes);
    if (damages.length > 0 && !damaged.has(path)) {
      for (const { from, to } of damages)
        await keepAside(`${basename(path)}-${from}`, bytes.subarray(from, to), 'damaged bytes of the log');
      // Only now: while the engine is away there is no finding, and the segment is read again.
      damaged.add(path);
    }
    return records;
  };

  /** Brings the rows of a block into the engine and the queue. Returns how many there were. */
  const insert = async (block: Block): Promise<number> => {
    let count = 0;
    // Asked for each row: a roll that begins meanwhile takes what waits, and leaves a new queue.
    const addRow = (row: EventRow) => {
      queue.pending().add(row);
      count += 1;
    };
    await loadRecords(deps.engine, block.records, {
      onRecord: ({ sequence, payload, rows }) => {
        const known = queue.folded.take(sequence);
        if (known === undefined) eachRow(payload, addRow);
        else {
          queue.pending().absorb(known);
          count += rows;
        }
      },
      onRow: addRow,
      saveReferences: (rows) => deps.references.save(rows),
      setAside: async (line) => {
        unreadableRows += 1;
        // The same row again, when the block is tried again, is the same file.
        await keepAside(`row-${block.lastSequence}-${hash('sha256', line).slice(0, 12)}`, line, 'a row that the engine cannot read');
      },
    });
    queue.pending().lastSequence = block.lastSequence;
    return count;
  };

  /** Only once a block is in do its records count as loaded: whatever fails is tried again, and nothing behind it goes ahead. */
  const load = async (block: Block) => {
    if (block.records.length > 0) {
      const count = await insert(block);
      loadedSequence = block.lastSequence;
      queue.folded.dropUpTo(block.lastSequence);
      loadedEvents += count;
      // A row that could not be read may be no JSON at all.
      deps.onLoaded?.(count === block.eventRows ? newestOf(block) : [], count);
    }
    for (const { path, lastSequence } of block.finished) loaded.set(path, lastSequence);
  };

  return {
    /** Loads segments in order until all are in, or as many events wait for their roll as may. Returns whether all are in. */
    async load(segments: readonly string[]): Promise<boolean> {
      let block = new Block();
      for (const path of segments) {
        if (loaded.has(path)) continue;
        const records = await readSegment(path);
        for (const record of records) {
          if (record.sequence <= loadedSequence) continue;
          if (block.isFullWith(record)) {
            await load(block);
            block = new Block();
            if (queue.isFull()) return false;
          }
          block.add(record);
        }
        block.finished.push({ path, lastSequence: records.at(-1)?.sequence ?? 0 });
      }
      await load(block);
      return true;
    },
    /** Removes the segments of which every record is rolled. */
    async removeRolled(): Promise<void> {
      for (const [path, lastSequence] of loaded) {
        if (lastSequence > queue.cursor()) continue;
        await rm(path, { force: true });
        loaded.delete(path);
      }
    },
    loadedEvents: () => loadedEvents,
    stats: () => ({ loadedEvents, damagedSegments: damaged.size, unreadableRows }),
  };
}
