/** What of an SLI the store needs: which rows count, which of those are good, and what its slices are made of. Predicates in SQL. */
import { DIMENSIONS, type Dimension } from '../../names.ts';

interface Predicates {
  /** The SLI's id, such as `M1`; a counter that only serves an SLI is called `M8:tickets`. Counters of one id add up. */
  readonly id: string;
  readonly total: string;
  readonly good: string;
  /** Whose traffic counts. @default user */
  readonly traffic?: 'user' | 'any';
  /** Splits beside the usual ones. */
  readonly extraDimensions?: readonly Dimension[];
}

/**
 * Counts rows of one unit by the minute.
 * `attempt`, `recovery`: settled ones, by settlement, columns of `attempt_states`. `start`: attempts by their start.
 * `event`: events of the given types by their time, columns of `events`.
 */
export type Counter =
  | (Predicates & { readonly unit: 'attempt' | 'recovery' | 'start' })
  | (Predicates & { readonly unit: 'event'; readonly types: readonly string[] });

export type Unit = Counter['unit'];
export const UNITS: readonly Unit[] = ['attempt', 'recovery', 'start', 'event'];

/** An SLI of time slices: each slice is good or bad by sums over a time before its end. */
export interface Slices {
  /** Length of a slice in minutes. */
  readonly minutes: 1 | 60;
  /** Totals of counters over the span that ends with the slice, by the name under which {@link good} and {@link counted} use them. */
  readonly sums: Readonly<Record<string, { counter: string; spanMinutes: number }>>;
  /** Whether `overdue` attempts at the slice's end are there too. */
  readonly hasBacklog: boolean;
  /** Which of those attempts, as SQL over the labels of the backlog. @default all */
  readonly backlogFits?: string;
  /** Which slices count, as SQL over the sums. */
  readonly counted: string;
  readonly good: string;
}

export interface StoredSli {
  readonly id: string;
  readonly counters: readonly Counter[];
  readonly slices?: Slices;
}

/** The splits in which a counter is kept. */
export const dimensionsOf = (counter: Counter): readonly Dimension[] => [...DIMENSIONS, ...(counter.extraDimensions ?? [])];

/** Types of events that counters count: a minute in which one happens is counted anew. */
export const countedTypes = (slis: readonly StoredSli[]): ReadonlySet<string> =>
  new Set(slis.flatMap(({ counters }) => counters.flatMap((counter) => (counter.unit === 'event' ? counter.types : []))));
