/** Events on their way into figures, folded: states of attempts and recoveries, and the minutes that they count in. */
import { isToJoin, type Lifecycle } from '../rows/attempt-facts.ts';
import { ATTEMPT, type AttemptState, absorb, join, RECOVERY } from '../rows/attempt-state.ts';
import { COLUMN, type EventRow } from '../rows/event-row.ts';

/** What settles, and the tables that hold it. */
export const ROLLED_UNITS = {
  attempt: { lifecycle: ATTEMPT, table: 'attempt_states', homes: 'attempt_homes' },
  recovery: { lifecycle: RECOVERY, table: 'recovery_states', homes: 'recovery_homes' },
} as const satisfies Record<string, { lifecycle: Lifecycle; table: string; homes: string }>;
export type RolledUnit = keyof typeof ROLLED_UNITS;
export const ROLLED_UNIT_NAMES = Object.keys(ROLLED_UNITS) as RolledUnit[];

/** Where a record lies that has to be joined with others. */
export interface RecordToJoin {
  source: string;
  userRef: string;
  timeMs: number;
}

/** What events say of attempts, recoveries and minutes, until it is rolled up: a semilattice, so parts may be made anywhere and joined in any order. */
export class PendingRoll {
  readonly states: Record<RolledUnit, Map<string, AttemptState>> = { attempt: new Map(), recovery: new Map() };
  readonly eventMinutes = new Set<number>();
  /** Records whose attempt is found beside other records of their person, see `joining.ts`. */
  readonly toJoin: RecordToJoin[] = [];
  lastSequence = 0;
  events = 0;
  /** Events of minutes that are closed: they are stored, and no figure changes by them. */
  late = 0;
  private readonly countedTypes: ReadonlySet<string>;
  private readonly closedMinute: number;

  /**
   * @param countedTypes types of events that count in minutes by themselves
   * @param closedMinute events before this minute are late
   */
  constructor(countedTypes: ReadonlySet<string>, closedMinute = 0) {
    this.countedTypes = countedTypes;
    this.closedMinute = closedMinute;
  }

  add(row: EventRow): void {
    this.events += 1;
    const timeMs = row[COLUMN.time] as number;
    const isLate = timeMs < this.closedMinute * 60_000;
    if (isLate) this.late += 1;
    if (this.countedTypes.has(row[COLUMN.type] as string)) this.eventMinutes.add(Math.floor(timeMs / 60_000));
    // What lies beside a late one may be deleted already: joined without it, an attempt would say something else.
    if (isToJoin(row) && !isLate)
      this.toJoin.push({ source: row[COLUMN.source] as string, userRef: row[COLUMN.user_ref] as string, timeMs });
    for (const kind of ROLLED_UNIT_NAMES) {
      const { lifecycle } = ROLLED_UNITS[kind];
      const name = lifecycle.nameOf(row);
      if (!name) continue;
      const key = `${name.source}\0${name.attemptId}`;
      const known = this.states[kind].get(key);
      const state = absorb(known, row, name, lifecycle);
      if (!known) this.states[kind].set(key, state);
    }
  }

  /** Takes in what another has, which is not used afterwards. */
  absorb(other: PendingRoll): void {
    for (const kind of ROLLED_UNIT_NAMES) {
      const mine = this.states[kind];
      for (const [name, state] of other.states[kind]) {
        const known = mine.get(name);
        mine.set(name, known ? join(known, state) : state);
      }
    }
    for (const minute of other.eventMinutes) this.eventMinutes.add(minute);
    for (const record of other.toJoin) this.toJoin.push(record);
    this.lastSequence = Math.max(this.lastSequence, other.lastSequence);
    this.events += other.events;
    this.late += other.late;
  }
}

/** Where events are folded as they are taken in. */
export interface Folding {
  begin(): PendingRoll;
  /** Keeps what was folded of a record until that is loaded. */
  keep(sequence: number, folded: PendingRoll): void;
}

/** What was folded of records that are not loaded yet; of those beyond a bound, and after a restart, the loader reads the rows instead. */
export class FoldedRecords {
  private readonly bySequence = new Map<number, PendingRoll>();
  private events = 0;
  private readonly maxEvents: number;

  constructor(maxEvents: number) {
    this.maxEvents = maxEvents;
  }

  keep(sequence: number, folded: PendingRoll): void {
    if (this.events + folded.events > this.maxEvents) return;
    this.bySequence.set(sequence, folded);
    this.events += folded.events;
  }

  take(sequence: number): PendingRoll | undefined {
    const folded = this.bySequence.get(sequence);
    if (folded && this.bySequence.delete(sequence)) this.events -= folded.events;
    return folded;
  }

  /** Lets go of records that were not loaded: damaged ones, say. */
  dropUpTo(sequence: number): void {
    for (const known of this.bySequence.keys()) {
      if (known > sequence) return;
      this.take(known);
    }
  }
}
