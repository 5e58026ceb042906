/**
 * The roll: takes loaded events into attempts, recoveries and minutes, and lets silence settle by the clock.
 * No step minds being repeated: a crash anywhere is repaired by rolling the same records again.
 */

import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { DIMENSIONS } from '../../names.ts';
import { cleanUp } from '../engine/ddl.ts';
import type { BulkRows, Engine, Session } from '../engine/engine.ts';
import { attemptKey, fromRow, ROW_COLUMN_NAMES, ROW_STRUCTURE, STATE_COLUMNS, type StateRow, toRow } from '../rows/attempt-row.ts';
import { type AttemptState, type CompletionWindows, join, longestOf, type Settlement, settle } from '../rows/attempt-state.ts';
import { mergedRanges, type Range, rangesFrom } from '../rows/ranges.ts';
import { RECOVERY_WINDOW_MS } from '../rows/rows-of.ts';
import { type StoredSli, UNITS } from '../rows/sli-counter.ts';
import { joinNear } from './joining.ts';
import { recomputeMinutes } from './minutes.ts';
import { type PendingRoll, type RecordToJoin, ROLLED_UNIT_NAMES, ROLLED_UNITS, type RolledUnit } from './pending-roll.ts';
import { type LoaderState, writeLoaderState } from './roll-state.ts';
import { longestReach, recomputeSlices } from './slices.ts';

export interface RollerDeps {
  engine: Engine;
  statePath: string;
  slis: readonly StoredSli[];
  /** Of attempts; recoveries have one of their own. */
  windows: CompletionWindows;
  /** Called between the steps of a roll; a test makes it throw to crash there. */
  atStep?: (step: string) => void;
}

const RECOVERY_WINDOWS: CompletionWindows = { otherwise: RECOVERY_WINDOW_MS, byFactor: {} };
/** After this many attempts the loop serves others. */
const ATTEMPTS_PER_TURN = 500;

/**
 * Rolls `pending` up at `nowMs` and returns the state that is now on disk.
 * @param onBegun told the state that stands on disk while the roll is in work: where to go on from if it fails
 */
export async function roll(
  deps: RollerDeps,
  old: LoaderState,
  pending: PendingRoll,
  nowMs: number,
  onBegun: (begun: LoaderState) => void = () => {},
): Promise<LoaderState> {
  const session = deps.engine.session('roll');
  const now = Math.max(nowMs, old.settledUntilMs);
  const version = old.roll + 1;
  const changes = new Changes(now, old);
  for (const minute of pending.eventMinutes) changes.minute(minute);

  const rows: Record<RolledUnit, Rows> = { attempt: new Rows(), recovery: new Rows() };
  for (const kind of ROLLED_UNIT_NAMES) {
    const windows = kind === 'attempt' ? deps.windows : RECOVERY_WINDOWS;
    const keys = new Map<string, AttemptState>();
    for (const state of pending.states[kind].values()) {
      keys.set(attemptKey(state.source, state.attemptId), state);
      if (keys.size % ATTEMPTS_PER_TURN === 0) await yieldToLoop();
    }
    const stored = await storedRows(deps.engine, kind, [...keys.keys()]);
    let done = 0;
    for (const [k, fresh] of keys) {
      if (++done % ATTEMPTS_PER_TURN === 0) await yieldToLoop();
      const known = stored.get(k) ?? [];
      const state = known.reduce((joined, row) => join(joined, fromRow(row)), fresh);
      const result = settle(state, windows);
      rows[kind].add(k, state, result, known, version);
      for (const row of known) changes.settled(Number(row.settled_at), Number(row.by_clock) === 1);
      changes.settled(result.settledAt, result.byClock);
      if (kind === 'attempt') changes.started(result, known);
    }
    if (kind === 'attempt') await rollJoined(deps, pending.toJoin, { rows: rows.attempt, changes, version });
    const due = await minutesDue(deps.engine, kind, longestOf(windows), old.settledUntilMs, now);
    for (const minute of due) changes.minute(minute);
    if (kind === 'recovery') changes.hasRecoveries = keys.size + due.length > 0;
  }
  changes.clock(old.settledUntilMs, deps.slis);

  const dirty = new Set([...changes.minutes].filter((minute) => minute >= old.closedMinute));
  const ranges = rangesFrom(old.closedMinute, mergedRanges(changes.ranges));
  const hasWork = ROLLED_UNIT_NAMES.some((kind) => !rows[kind].isEmpty) || dirty.size > 0 || ranges.some(([first, last]) => last > first);
  const begun: LoaderState = { ...old, roll: version, settledUntilMs: now, dirty: [...dirty], dirtyRanges: ranges };
  if (hasWork) await writeLoaderState(deps.statePath, begun);
  onBegun(begun);
  deps.atStep?.('begun');
  for (const kind of ROLLED_UNIT_NAMES) await rows[kind].insertHomes(deps.engine, kind);
  deps.atStep?.('homes');
  // The new row before the dead one: whatever a crash leaves, the whole state is in some row.
  for (const kind of ROLLED_UNIT_NAMES) await rows[kind].insertStates(deps.engine, kind, 'alive');
  deps.atStep?.('alive');
  await rows.attempt.insertBacklog(deps.engine, 'waiting');
  deps.atStep?.('backlog');
  for (const kind of ROLLED_UNIT_NAMES) await rows[kind].insertStates(deps.engine, kind, 'dead');
  deps.atStep?.('dead');
  // What a roll that failed left half done may be of any unit.
  const units = old.dirty.length > 0 ? UNITS : UNITS.filter((unit) => unit !== 'recovery' || changes.hasRecoveries);
  await recomputeMinutes({ ...deps, role: 'roll' }, dirty, { roll: version, nowMs: now }, units);
  deps.atStep?.('minutes');
  await recomputeSlices({ ...deps, role: 'roll' }, { minutes: dirty, ranges }, { roll: version, nowMs: now });
  deps.atStep?.('slices');
  if (isNewHour(old.settledUntilMs, now)) await dropDeadBacklog(session);

  const done: LoaderState = { ...begun, cursor: Math.max(old.cursor, pending.lastSequence), dirty: [], dirtyRanges: [] };
  if (hasWork || done.cursor !== old.cursor) await writeLoaderState(deps.statePath, done);
  return done;
}

/** Attempts of records without a common id: made anew of all records near the new ones, in the place of what was made of fewer. */
async function rollJoined(
  { engine, windows }: RollerDeps,
  records: readonly RecordToJoin[],
  { rows, changes, version }: { rows: Rows; changes: Changes; version: number },
): Promise<void> {
  for await (const { states, absorbed } of joinNear(engine, records, windows)) {
    const stored = await storedRows(engine, 'attempt', [...states.keys(), ...absorbed]);
    for (const [k, state] of states) {
      const known = stored.get(k) ?? [];
      const result = settle(state, windows);
      rows.add(k, state, result, known, version);
      changes.settled(result.settledAt, result.byClock);
      changes.started(result, known);
    }
    for (const known of stored.values()) for (const row of known) changes.settled(Number(row.settled_at), Number(row.by_clock) === 1);
    for (const k of absorbed) {
      const known = stored.get(k) ?? [];
      rows.leave(k, known, windows, version);
      changes.started(undefined, known);
    }
  }
}

const isNewHour = (beforeMs: number, nowMs: number) => beforeMs > 0 && Math.floor(beforeMs / 3_600_000) < Math.floor(nowMs / 3_600_000);

/** Most attempts wait only for a moment: what they leave behind in the backlog is dropped once an hour, or it would be read for a week. */
const dropDeadBacklog = (session: Session): Promise<void> => cleanUp(session, 'backlog');

/** What a roll has to compute anew. */
class Changes {
  readonly minutes: Set<number>;
  /** Recoveries are rare, and looking for them in minutes without any takes time. */
  hasRecoveries = false;
  /** Minutes in which the backlog changed, or that have ended since. */
  readonly ranges: Range[] = [];
  private readonly now: number;

  constructor(now: number, old: LoaderState) {
    this.now = now;
    this.minutes = new Set(old.dirty);
    for (const range of old.dirtyRanges) this.ranges.push(range);
  }

  minute(minute: number): void {
    this.minutes.add(minute);
  }

  settled(settledAt: number, byClock: boolean): void {
    if (settledAt > 0 && (!byClock || settledAt <= this.now)) this.minutes.add(Math.floor(settledAt / 60_000));
  }

  /** Starts that came, went or moved, and times of being overdue that did. */
  started(result: Settlement | undefined, known: readonly StateRow[]): void {
    const versions = [
      ...(result ? [result] : []),
      ...known.map((row) => ({
        startedAt: Number(row.started_at),
        overdueFrom: Number(row.overdue_from),
        overdueUntil: Number(row.overdue_until),
      })),
    ];
    for (const { startedAt, overdueFrom, overdueUntil } of versions) {
      if (startedAt > 0) this.minutes.add(Math.floor(startedAt / 60_000));
      if (overdueUntil > overdueFrom && overdueFrom * 60_000 < this.now) this.ranges.push([overdueFrom, overdueUntil - 1]);
    }
  }

  /** Slices that end as time goes by; where nothing happens for longer than they reach back, none counts. */
  clock(settledUntilMs: number, slis: readonly StoredSli[]): void {
    if (settledUntilMs === 0) return;
    const first = Math.floor(settledUntilMs / 60_000);
    this.ranges.push([first, Math.min(Math.floor(this.now / 60_000), first + longestReach(slis))]);
  }
}

/** All rows that any version of these attempts has, dead ones too: their join is right whatever a crash left. */
async function storedRows(engine: Engine, kind: RolledUnit, keys: readonly string[]): Promise<Map<string, StateRow[]>> {
  const found = new Map<string, StateRow[]>();
  if (keys.length === 0) return found;
  const session = engine.session('roll');
  const rows = await engine.withRows('roll', { data: keys.join('\n'), format: 'TSV', structure: 'k UInt64' }, async (asked) => {
    const homes = await session.rows<{ k: string; home: number }>(
      `SELECT DISTINCT k, home FROM ${ROLLED_UNITS[kind].homes} WHERE k IN (SELECT k FROM ${asked})
       SETTINGS output_format_json_quote_64bit_integers = 1`,
    );
    if (homes.length === 0) return [];
    const lines = homes.map(({ k, home }) => `${home}\t${k}`).join('\n');
    return engine.withRows('roll', { data: lines, format: 'TSV', structure: 'home UInt32, k UInt64' }, (known) =>
      session.rows<StateRow>(
        `SELECT ${STATE_COLUMNS} FROM ${ROLLED_UNITS[kind].table} WHERE (home, k) IN (SELECT home, k FROM ${known})
         SETTINGS output_format_json_quote_64bit_integers = 1`,
      ),
    );
  });
  for (const row of rows) found.set(row.k, [...(found.get(row.k) ?? []), row]);
  return found;
}

/** Minutes in which waiting attempts settled by the clock since the last roll. */
async function minutesDue(engine: Engine, kind: RolledUnit, windowMs: number, fromMs: number, toMs: number): Promise<number[]> {
  if (toMs <= fromMs) return [];
  const firstHome = Math.floor((fromMs - windowMs) / 60_000);
  const rows = await engine.session('roll').rows<{ minute: number }>(
    `SELECT DISTINCT toUInt32(intDiv(settled_at, 60000)) AS minute FROM ${ROLLED_UNITS[kind].table}
     WHERE home >= ${Math.max(0, firstHome)} AND home <= ${Math.floor(toMs / 60_000)}
       AND by_clock AND settled_at > ${fromMs} AND settled_at <= ${toMs}`,
  );
  return rows.map(({ minute }) => minute);
}

const BACKLOG_COLUMNS = ['overdue_from', 'k', 'overdue_until', ...DIMENSIONS, 'roll', 'dead'] as const;
const BACKLOG_STRUCTURE = BACKLOG_COLUMNS.map(
  (name) =>
    `${name} ${{ overdue_from: 'UInt32', k: 'UInt64', overdue_until: 'UInt32', roll: 'UInt64', dead: 'UInt8' }[name as string] ?? 'String'}`,
).join(', ');

/** Where the backlog may hold entries of an attempt. */
const overdueSince = (known: readonly StateRow[]): Set<number> =>
  new Set(known.filter((row) => Number(row.overdue_from) < Number(row.overdue_until)).map((row) => Number(row.overdue_from)));

/** Rows of one kind that a roll writes. */
class Rows {
  private readonly homes: string[] = [];
  private readonly skewed: string[] = [];
  private readonly alive: string[] = [];
  private readonly dead: string[] = [];
  private readonly backlog = { gone: [] as string[], waiting: [] as string[] };

  get isEmpty(): boolean {
    return this.alive.length === 0 && this.dead.length === 0;
  }

  add(k: string, state: AttemptState, result: Settlement, known: readonly StateRow[], roll: number): void {
    this.alive.push(toRow(k, state, result, roll));
    this.homes.push(`${k}\t${result.home}`);
    const startMinute = Math.floor(result.startedAt / 60_000);
    if (result.startedAt > 0 && startMinute !== result.home) this.skewed.push(`${startMinute}\t${result.home}`);
    for (const home of new Set(known.map((row) => Number(row.home)))) {
      if (home !== result.home) this.dead.push(toRow(k, state, result, roll, { deadAt: home }));
    }
    const waits = state.traffic === '' && result.overdueFrom < result.overdueUntil;
    const labels = DIMENSIONS.map((name) => state.earliest[name]?.[1] ?? '');
    const entry = (from: number, until: number, dead: 0 | 1) => JSON.stringify([from, k, until, ...labels, roll, dead]);
    if (waits) this.backlog.waiting.push(entry(result.overdueFrom, result.overdueUntil, 0));
    for (const from of overdueSince(known)) {
      if (!waits || from !== result.overdueFrom) this.backlog.gone.push(entry(from, from, 1));
    }
  }

  /** An attempt that is none any more, as its records belong to another. */
  leave(k: string, known: readonly StateRow[], windows: CompletionWindows, roll: number): void {
    for (const row of known) {
      const state = fromRow(row);
      this.dead.push(toRow(k, state, settle(state, windows), roll, { deadAt: Number(row.home) }));
    }
    for (const from of overdueSince(known)) this.backlog.gone.push(JSON.stringify([from, k, from, ...DIMENSIONS.map(() => ''), roll, 1]));
  }

  /** Where rows may be is known before they are there, and entries that have to leave the backlog are gone before. */
  async insertHomes(engine: Engine, kind: RolledUnit): Promise<void> {
    await insertLines(engine, ROLLED_UNITS[kind].homes, 'k, home', {
      structure: 'k UInt64, home UInt32',
      lines: this.homes,
      format: 'TSV',
    });
    if (kind !== 'attempt') return;
    await insertLines(engine, 'skewed_starts', 'minute, home', {
      structure: 'minute UInt32, home UInt32',
      lines: this.skewed,
      format: 'TSV',
    });
    await this.insertBacklog(engine, 'gone');
  }

  /**
   * Entries leave before the states are written and come after: an entry stands only where a state says so, or it could outlive a
   * roll that crashed and that found another time when it was repeated with more events.
   */
  async insertBacklog(engine: Engine, which: 'gone' | 'waiting'): Promise<void> {
    await insertLines(engine, 'backlog', BACKLOG_COLUMNS.join(', '), {
      structure: BACKLOG_STRUCTURE,
      lines: this.backlog[which],
      format: 'JSONCompactEachRow',
    });
  }

  async insertStates(engine: Engine, kind: RolledUnit, step: 'alive' | 'dead'): Promise<void> {
    await insertLines(engine, ROLLED_UNITS[kind].table, ROW_COLUMN_NAMES, {
      structure: ROW_STRUCTURE,
      lines: this[step],
      format: 'JSONCompactEachRow',
    });
  }
}

async function insertLines(
  engine: Engine,
  table: string,
  columns: string,
  rows: { structure: string; lines: readonly string[]; format: BulkRows['format'] },
): Promise<void> {
  const { structure, lines, format } = rows;
  if (lines.length === 0) return;
  await engine.insert(
    'roll',
    { data: lines.join('\n'), format, structure },
    (source) =>
      `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${source}
        SETTINGS max_threads = 1, max_insert_threads = 1, max_partitions_per_insert_block = 0`,
  );
}
