/** A detector that asks ClickHouse about a stretch of minutes as a whole, and remembers nothing between two questions. One file each. */
import type { Session } from '../../store/engine/engine.ts';
import type { Flag } from './watched-series.ts';

export interface Stretch {
  session: Session;
  /** Minutes since 1970, the last not included. */
  fromMinute: number;
  toMinute: number;
  /** When the models were learned that say what is usual. */
  trainedAtMs: number;
  timeZone: string;
}

export interface Question {
  /** Of its flags. */
  readonly name: string;
  readonly metrics: readonly string[];
  /** Whether it is asked with each pass, of the last hour, or once a day. */
  readonly every: 'minute' | 'day';
  /** Flags of the minutes of a stretch. Of one that is asked once a day: of the last minute alone. */
  flags(stretch: Stretch): Promise<Flag[]>;
}

/** Minutes of a stretch, as SQL over `minute`. */
export const within = (fromMinute: number, toMinute: number): string =>
  `minute >= toDateTime(${fromMinute * 60}, 'UTC') AND minute < toDateTime(${toMinute * 60}, 'UTC')`;
