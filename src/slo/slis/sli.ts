/** What an SLI is. One file each; everything else (minutes, burn rates, metrics, rules, panels) is derived from it. */
import type { EventType } from '../../events/catalogue.ts';
import type { StoredSli } from '../../store/rows/sli-counter.ts';

/**
 * `ratio`: good of all. `time_slices`, `rate`: good slices of all slices, the latter of a rate over a longer time.
 * `count`: how many, without an objective.
 */
export type SliKind = 'ratio' | 'time_slices' | 'rate' | 'count';

/**
 * A sentence about what is counted beside an SLI.
 * @param total of the SLI itself
 */
export type Companion = (counts: { good: number; total: number }, total: number) => string | undefined;

export interface Sli extends StoredSli {
  /** Name in words. */
  readonly title: string;
  /** What is counted, as a reader of the page would say it: "settled and completed". */
  readonly meaning: string;
  readonly kind: SliKind;
  /** Types of events that a source has to tell of for its figure to say anything: with fewer it would read 0 or 100 %. */
  readonly needs: readonly EventType[];
  /** Whether open security findings that began in the period count too. */
  readonly hasFindings?: true;
  /** Whether its rows have a duration of which half, 95 % and 99 % are worth knowing. */
  readonly hasDurations?: true;
  /** Whether it fails when a provider does: who is told of the provider need not be told of it as well. */
  readonly failsWithProvider?: true;
  /** What its other counters say, by what stands behind the colon of their id; nothing where there is nothing to say. */
  readonly companions?: Readonly<Record<string, Companion>>;
  /** Of slices: which share of what a slice counts must be good for the slice to be good, as OpenSLO's `timeSliceTarget` says it. */
  readonly sliceTarget?: number;
  /** Of durations: the limit in milliseconds that an SLO may replace, and what follows from another one. */
  readonly threshold?: { readonly ms: number; readonly good: (ms: number) => string; readonly meaning: (ms: number) => string };
  /** Of one that is narrowed: the SLI that it is one of. */
  readonly base?: string;
  /** Of a count: the companion whose number it is divided by, and what one of those is called. */
  readonly countedPer?: { readonly companion: string; readonly one: string };
}

/** The id of the SLI that people know: of a narrowed one that which it is one of. */
export const knownId = ({ id, base }: Pick<Sli, 'id' | 'base'>): string => base ?? id;

/** A limit as an SLI's words have it: `60 s`, `500 ms`. */
export const limitWords = (ms: number): string => (ms % 1_000 === 0 ? `${ms / 1_000} s` : `${ms} ms`);
