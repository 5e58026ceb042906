/** Bounds of intake: labels of metrics, refused records that are kept, and how long a large request holds the loop. */
import { type Breather, breather } from '../../system/breather.ts';
import { oneAtATime } from '../../system/one-at-a-time.ts';

const MAX_SOURCE_LABELS = 50;
/** Refused records that are kept within a minute: beyond it somebody sends nothing else, and they are only counted. */
const LETTERS_PER_MINUTE = 1_000;
/** Requests of more events are finished one after the other: all at once they would hold the loop for as long as all take. */
const SMALL_REQUEST = 20;

/** Of these, names that come with refused events only: whoever sends nothing else must not take the places of those who do. */
const MAX_REFUSED_LABELS = 20;

/** The first sources by their names, the others as `other`. */
export function sourceLabels(): (source: string, isRefused?: boolean) => string {
  const accepted = new Set<string>();
  const refused = new Set<string>();
  return (source, isRefused = false) => {
    if (accepted.has(source) || (isRefused && refused.has(source))) return source;
    const isFull = accepted.size + refused.size >= MAX_SOURCE_LABELS || (isRefused && refused.size >= MAX_REFUSED_LABELS);
    if (isFull && !refused.has(source)) return 'other';
    (isRefused ? refused : accepted).add(source);
    if (!isRefused) refused.delete(source);
    return source;
  };
}

/** Whether another refused record is kept within this minute. */
export function letterLimit(): (nowMs: number) => boolean {
  let letterMinute = 0;
  let lettersInMinute = 0;
  return (nowMs) => {
    const minute = Math.floor(nowMs / 60_000);
    lettersInMinute = minute === letterMinute ? lettersInMinute + 1 : 1;
    letterMinute = minute;
    return lettersInMinute <= LETTERS_PER_MINUTE;
  };
}

/** Hands the elements of a request on: those of a small one at once, those of a large one in turns with others. */
export function inTurns() {
  const oneLargeRequest = oneAtATime();
  /** A slice may be of several requests. */
  const pauseOfLarge = breather();
  return async <T>(all: Iterable<T>, take: (each: T) => void): Promise<void> => {
    const rest = all[Symbol.iterator]();
    /** Whether that was all; not when it is time to let others go first. */
    const takeSome = (most: number, pause: Breather): boolean => {
      for (let i = 0; i < most && !pause.isDue(); i++) {
        const next = rest.next();
        if (next.done) return true;
        take(next.value);
      }
      return false;
    };
    if (takeSome(SMALL_REQUEST, breather())) return;
    await oneLargeRequest(async () => {
      while (!takeSome(Number.POSITIVE_INFINITY, pauseOfLarge)) await pauseOfLarge.rest();
    });
  };
}
