/** What an SLI is. One file each; everything else (minutes, burn rates, metrics, rules, panels) is derived from it. */
import type { StoredSli } from '../../store/roll/sli-counter.ts';

/**
 * `ratio`: good of all. `time_slices`, `rate`: good slices of all slices, the latter of a rate over a longer time.
 * `count`: how many, without an objective.
 */
export type SliKind = 'ratio' | 'time_slices' | 'rate' | 'count';

export interface Sli extends StoredSli {
  /** Name in words. */
  readonly title: string;
  /** What is counted, as a reader of the page would say it: "settled and completed". */
  readonly meaning: string;
  readonly kind: SliKind;
  /** Whether open security findings that began in the period count too. */
  readonly hasFindings?: true;
}
