/** What an SLI is. One file each; everything else (minutes, burn rates, metrics, rules, panels) is derived from it. */
import type { MinuteSli } from '../../store/minutes.ts';

export interface Sli extends MinuteSli {
  /** Name in words. */
  readonly title: string;
  /** What is counted, as a reader of the page would say it: "settled and completed". */
  readonly meaning: string;
  readonly kind: 'ratio';
}
