/**
 * The roll: takes loaded events into attempts and minutes, and lets silence settle by the clock.
 * No step minds being repeated: a crash anywhere is repaired by rolling the same records again.
 */
import { attemptKey, fromRow, ROW_COLUMN_NAMES, ROW_STRUCTURE, STATE_COLUMNS, type StateRow, toRow } from './attempt-row.ts';
import { type AttemptState, absorb, attemptOf, join, settle } from './attempt-state.ts';
import type { Engine } from './engine.ts';
import { COLUMN, type EventRow } from './event-row.ts';
import { type LoaderState, writeLoaderState } from './loader-state.ts';
import { type MinuteSli, recomputeMinutes } from './minutes.ts';

/** Events that are in `events` and wait for their roll. */
export class PendingRoll {
  readonly states = new Map<string, AttemptState>();
  readonly requestMinutes = new Set<number>();
  lastSequence = 0;
  events = 0;

  add(row: EventRow): void {
    this.events += 1;
    if (row[COLUMN.type] === 'api.request') this.requestMinutes.add(Math.floor((row[COLUMN.time] as number) / 60_000));
    const name = attemptOf(row);
    if (!name) return;
    const key = `${name.source}\0${name.attemptId}`;
    const known = this.states.get(key);
    const state = absorb(known, row, name);
    if (!known) this.states.set(key, state);
  }

  /** Takes in what another still has to roll, as after a roll that failed. */
  absorb(other: PendingRoll): void {
    for (const [name, state] of other.states) {
      const known = this.states.get(name);
      this.states.set(name, known ? join(known, state) : state);
    }
    for (const minute of other.requestMinutes) this.requestMinutes.add(minute);
    this.lastSequence = Math.max(this.lastSequence, other.lastSequence);
    this.events += other.events;
  }
}

export interface RollerDeps {
  engine: Engine;
  statePath: string;
  slis: readonly MinuteSli[];
  /** Completion window of an attempt in milliseconds. */
  windowMs: number;
  /** Called between the steps of a roll; a test makes it throw to crash there. */
  atStep?: (step: string) => void;
}

const TSV_KEY = 'k UInt64';

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
  const dirty = new Set(old.dirty);
  for (const minute of pending.requestMinutes) dirty.add(minute);

  const keys = new Map<string, AttemptState>();
  for (const state of pending.states.values()) keys.set(attemptKey(state.source, state.attemptId), state);
  const stored = await storedRows(deps.engine, [...keys.keys()]);

  const alive: string[] = [];
  const dead: string[] = [];
  const homes: string[] = [];
  for (const [k, fresh] of keys) {
    const rows = stored.get(k) ?? [];
    const state = rows.reduce((joined, row) => join(joined, fromRow(row)), fresh);
    const result = settle(state, deps.windowMs);
    const counted = rows.filter((row) => Number(row.settled_at) > 0);
    for (const row of counted) addIfPast(dirty, Number(row.settled_at), Number(row.by_clock) === 1, now);
    if (result.settledAt > 0) addIfPast(dirty, result.settledAt, result.byClock, now);
    alive.push(toRow(k, state, result, version));
    homes.push(`${k}\t${result.home}`);
    for (const home of new Set(rows.map((row) => Number(row.home)))) {
      if (home !== result.home) dead.push(toRow(k, state, result, version, { deadAt: home }));
    }
  }
  for (const minute of await minutesDue(deps, old.settledUntilMs, now)) dirty.add(minute);

  const begun: LoaderState = { ...old, roll: version, settledUntilMs: now, dirty: [...dirty] };
  if (keys.size > 0 || dirty.size > 0) await writeLoaderState(deps.statePath, begun);
  onBegun(begun);
  deps.atStep?.('begun');
  if (homes.length > 0) await insertLines(deps.engine, 'homes', 'attempt_homes', 'k, home', 'k UInt64, home UInt32', homes, 'TSV');
  deps.atStep?.('homes');
  // The new row before the dead one: whatever a crash leaves, the whole state is in some row.
  for (const [step, lines] of [
    ['alive', alive],
    ['dead', dead],
  ] as const) {
    if (lines.length > 0) {
      await insertLines(deps.engine, step, 'attempt_states', ROW_COLUMN_NAMES, ROW_STRUCTURE, lines, 'JSONCompactEachRow');
    }
    deps.atStep?.(step);
  }
  await recomputeMinutes({ ...deps, session }, dirty, { roll: version, nowMs: now });
  deps.atStep?.('minutes');

  const done: LoaderState = { ...begun, cursor: Math.max(old.cursor, pending.lastSequence), dirty: [] };
  if (keys.size > 0 || dirty.size > 0 || done.cursor !== old.cursor) await writeLoaderState(deps.statePath, done);
  return done;
}

function addIfPast(dirty: Set<number>, settledAt: number, byClock: boolean, nowMs: number): void {
  if (!byClock || settledAt <= nowMs) dirty.add(Math.floor(settledAt / 60_000));
}

/** All rows that any version of these attempts has, dead ones too: their join is right whatever a crash left. */
async function storedRows(engine: Engine, keys: readonly string[]): Promise<Map<string, StateRow[]>> {
  const found = new Map<string, StateRow[]>();
  if (keys.length === 0) return found;
  const session = engine.session('roll');
  const rows = await engine.withFile('keys', keys.join('\n'), 'TSV', TSV_KEY, async (file) => {
    const homes = await session.rows<{ k: string; home: number }>(
      `SELECT DISTINCT k, home FROM attempt_homes WHERE k IN (SELECT k FROM ${file})
       SETTINGS output_format_json_quote_64bit_integers = 1`,
    );
    if (homes.length === 0) return [];
    const lines = homes.map(({ k, home }) => `${home}\t${k}`).join('\n');
    return engine.withFile('rows', lines, 'TSV', 'home UInt32, k UInt64', (known) =>
      session.rows<StateRow>(
        `SELECT ${STATE_COLUMNS.join(', ')} FROM attempt_states WHERE (home, k) IN (SELECT home, k FROM ${known})
         SETTINGS output_format_json_quote_64bit_integers = 1`,
      ),
    );
  });
  for (const row of rows) found.set(row.k, [...(found.get(row.k) ?? []), row]);
  return found;
}

/** Minutes in which waiting attempts settled by the clock since the last roll. */
async function minutesDue(deps: RollerDeps, fromMs: number, toMs: number): Promise<number[]> {
  if (toMs <= fromMs) return [];
  const firstHome = Math.floor((fromMs - deps.windowMs) / 60_000);
  const rows = await deps.engine.session('roll').rows<{ minute: number }>(
    `SELECT DISTINCT toUInt32(intDiv(settled_at, 60000)) AS minute FROM attempt_states
     WHERE home >= ${Math.max(0, firstHome)} AND home <= ${Math.floor(toMs / 60_000)}
       AND by_clock AND settled_at > ${fromMs} AND settled_at <= ${toMs}`,
  );
  return rows.map(({ minute }) => minute);
}

async function insertLines(
  engine: Engine,
  name: string,
  table: string,
  columns: string,
  structure: string,
  lines: readonly string[],
  format: string,
): Promise<void> {
  await engine.withFile(name, lines.join('\n'), format, structure, (file) =>
    engine
      .session('roll')
      .run(
        `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${file} SETTINGS max_threads = 1, max_insert_threads = 1, max_partitions_per_insert_block = 0`,
      ),
  );
}
