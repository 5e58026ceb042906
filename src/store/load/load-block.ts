/** One block of log records on its way into `events`, `spans_log`, `dead_letters_log` and the table of references. */
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { type ReferenceRow, referenceRows } from '../records/reference-table.ts';
import { DEAD_LETTER_COLUMN_NAMES, DEAD_LETTER_SELECT, DEAD_LETTER_STRUCTURE } from '../rows/dead-letter-row.ts';
import { EVENT_COLUMN_NAMES, EVENT_SELECT, EVENT_STRUCTURE, type EventRow } from '../rows/event-row.ts';
import type { LogRecord, RecordKind } from '../rows/log-format.ts';
import { SPAN_COLUMN_NAMES, SPAN_SELECT, SPAN_STRUCTURE } from '../rows/span-row.ts';

/** A block handed to the engine holds at most this many rows: large blocks cost a tenth of the CPU of small ones. */
const MAX_BLOCK_ROWS = 100_000;
const MAX_BLOCK_BYTES = 48 * 1024 * 1024;
const ROWS_PER_TURN = 5_000;
const LINE_FEED = 10;

/** Records that go into one INSERT. */
export class Block {
  readonly records: LogRecord[] = [];
  /** Segments whose last record is in this block or before it. */
  readonly finished: { path: string; lastSequence: number }[] = [];
  private rows = 0;
  private bytes = 0;

  get lastSequence(): number {
    return this.records.at(-1)?.sequence ?? 0;
  }

  get eventRows(): number {
    return this.records.reduce((sum, { kind, rows }) => sum + (kind === 'events' ? rows : 0), 0);
  }

  add(record: LogRecord): void {
    this.records.push(record);
    this.rows += record.rows;
    this.bytes += record.payload.length;
  }

  isFullWith(record: LogRecord): boolean {
    return this.rows > 0 && (this.rows + record.rows > MAX_BLOCK_ROWS || this.bytes + record.payload.length > MAX_BLOCK_BYTES);
  }
}

/** What becomes of the rows of a block. */
export interface RowHandling {
  /** Called for each record of events once all its rows are in `events`. */
  onRecord: (record: LogRecord) => void;
  /** Called for each row instead, one by one, where some row of the block could not be read. */
  onRow: (row: EventRow) => void;
  /** Keeps rows of references; they are durable when it returns. */
  saveReferences: (rows: readonly ReferenceRow[]) => Promise<void>;
  /** Keeps a line that the engine cannot read. */
  setAside: (line: Buffer) => Promise<void>;
}

/** Where rows of a kind go, and how the engine reads them. */
const TARGETS = {
  events: { table: 'events', columns: EVENT_COLUMN_NAMES.join(', '), select: EVENT_SELECT, structure: EVENT_STRUCTURE },
  spans: { table: 'spans_log', columns: SPAN_COLUMN_NAMES, select: SPAN_SELECT, structure: SPAN_STRUCTURE },
  letters: { table: 'dead_letters_log', columns: DEAD_LETTER_COLUMN_NAMES, select: DEAD_LETTER_SELECT, structure: DEAD_LETTER_STRUCTURE },
} as const satisfies Partial<Record<RecordKind, unknown>>;
type TableKind = keyof typeof TARGETS;

/**
 * Inserts records. Doing it twice changes nothing.
 * A row that the engine cannot read is found by halving and set aside; it never keeps its neighbours out.
 * @throws when the engine refuses for another reason: nothing can be said of the rows then
 */
export async function loadRecords(engine: Engine, records: readonly LogRecord[], handling: RowHandling): Promise<void> {
  await handling.saveReferences(records.flatMap(({ kind, payload }) => (kind === 'references' ? referenceRows(payload) : [])));
  for (const kind of ['letters', 'spans', 'events'] as const) {
    const ofKind = records.filter((record) => record.kind === kind);
    const payloads = ofKind.map(({ payload }) => payload);
    if (!(await isInserted(engine, kind, payloads))) await loadHalves(engine, kind, Buffer.concat(payloads), handling);
    else if (kind === 'events') await eachOf(ofKind, handling.onRecord);
  }
}

/** Gives others a turn between records: a block of many is held for longer than they should wait. */
async function eachOf(records: readonly LogRecord[], onRecord: (record: LogRecord) => void): Promise<void> {
  let rows = 0;
  for (const record of records) {
    onRecord(record);
    rows += record.rows;
    if (rows < ROWS_PER_TURN) continue;
    await yieldToLoop();
    rows = 0;
  }
}

async function loadLines(engine: Engine, kind: TableKind, lines: Buffer, handling: RowHandling): Promise<void> {
  if (!(await isInserted(engine, kind, [lines]))) await loadHalves(engine, kind, lines, handling);
  else if (kind === 'events') eachRow(lines, handling.onRow);
}

/** Whether the engine could read all of the lines, which are in then. */
async function isInserted(engine: Engine, kind: TableKind, lines: readonly Buffer[]): Promise<boolean> {
  if (lines.length === 0) return true;
  try {
    await insert(engine, kind, lines);
    return true;
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    return false;
  }
}

async function loadHalves(engine: Engine, kind: TableKind, lines: Buffer, handling: RowHandling): Promise<void> {
  const middle = lineStartNear(lines, lines.length >> 1);
  if (middle === 0) {
    await handling.setAside(lines);
    return;
  }
  await loadLines(engine, kind, lines.subarray(0, middle), handling);
  await loadLines(engine, kind, lines.subarray(middle), handling);
}

async function insert(engine: Engine, kind: TableKind, data: readonly Buffer[]): Promise<void> {
  const { table, columns, select, structure } = TARGETS[kind];
  await engine.insert(
    'load',
    { data, format: 'JSONCompactEachRow', structure },
    (rows) =>
      `INSERT INTO ${table} (${columns}) SELECT ${select} FROM ${rows}
       SETTINGS max_threads = 1, max_insert_threads = 1, max_insert_block_size = ${MAX_BLOCK_ROWS},
         min_insert_block_size_rows = ${MAX_BLOCK_ROWS}, optimize_on_insert = 0, max_partitions_per_insert_block = 0, input_format_parallel_parsing = 0`,
  );
}

/** Whether the engine says that a value is wrong, rather than that it cannot work. */
function isUnreadable(error: unknown): boolean {
  const type = error instanceof Error && 'type' in error ? String(error.type) : '';
  return /^(CANNOT_PARSE|INCORRECT_DATA|TYPE_MISMATCH|ARGUMENT_OUT_OF_BOUND|VALUE_IS_OUT_OF_RANGE|DECIMAL_OVERFLOW|CANNOT_CONVERT|TOO_DEEP)/.test(
    type,
  );
}

/** Start of a line at or before `near`, but not the first; the second line's when there is none; 0 when there is but one line. */
function lineStartNear(lines: Buffer, near: number): number {
  const before = lines.lastIndexOf(LINE_FEED, near - 1);
  if (before > 0) return before + 1;
  const after = lines.indexOf(LINE_FEED, near) + 1;
  return after < lines.length ? after : 0;
}

/** The rows of a record's payload, one by one, so that they are never held together. */
export function eachRow(lines: Buffer, onRow: (row: EventRow) => void): void {
  for (let from = 0; from < lines.length; ) {
    const found = lines.indexOf(LINE_FEED, from);
    const end = found === -1 ? lines.length : found;
    onRow(JSON.parse(lines.toString('utf8', from, end)) as EventRow);
    from = end + 1;
  }
}

/** The last rows of a record's payload, at most `count` of them. */
export function lastRows(payload: Buffer, count: number): EventRow[] {
  const rows: EventRow[] = [];
  for (let end = payload.length - 1; end > 0 && rows.length < count; ) {
    const start = payload.lastIndexOf(LINE_FEED, end - 1) + 1;
    rows.unshift(JSON.parse(payload.toString('utf8', start, end)) as EventRow);
    end = start - 1;
  }
  return rows;
}
