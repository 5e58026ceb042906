/** One series under one detector: its state, which follows the minutes as they come, and goes back when the past is restated. */
import { type Comparison, type Detector, type SeriesMinute, scoreOf } from './detector.ts';
import type { SeriesModel } from './model.ts';

/** A minute that changes is judged anew when it is not older than this. */
export const REPLAY_MINUTES = 60;

export interface Flag {
  /** Since 1970. */
  minute: number;
  /** The minute in which what it is for began. */
  since: number;
  metric: string;
  dimension: string;
  value: string;
  detector: string;
  score: number;
  observed: number;
  expected: number;
  expectedLow: number;
  expectedHigh: number;
}

/** What is the same for all series in a minute. */
export type Circumstances = (minute: number) => Pick<SeriesMinute, 'slot' | 'isMuted' | 'isFeedSilent'>;

export interface WatchedSeries {
  readonly model: SeriesModel;
  /** The minute that is judged next. */
  nextMinute(): number;
  /** Takes note of what a minute counts; one that was judged already makes everything behind it be judged anew. */
  note(minute: number, trials: number, hits: number): void;
  /** Judges up to a minute, not included. Returns the flags of all minutes from `from` on. */
  advance(toMinute: number): { from: number; flags: Flag[] };
}

/** The flag of a minute. */
export function flagOf(model: SeriesModel, minute: number, found: Comparison, threshold: number): Flag {
  const { metric, dimension, value } = model;
  const { name, sum, minutesAbove, ...comparison } = found;
  return { minute, since: minute - minutesAbove, metric, dimension, value, detector: name, score: scoreOf(sum, threshold), ...comparison };
}

/** @param fromMinute the first that is judged, with nothing known of those before */
export function watchSeries(
  detector: Detector,
  model: SeriesModel,
  of: { threshold: number; fromMinute: number; circumstances: Circumstances; silentMinutes?: number },
): WatchedSeries {
  const { threshold, circumstances } = of;
  /** Counts of the minutes that may be judged anew, and of those that wait, by the minute. */
  const counts = new Map<number, readonly [trials: number, hits: number]>();
  let baseMinute = of.fromMinute;
  const base = detector.begin(of.silentMinutes);
  let next = of.fromMinute;
  let memory = base.slice();
  let isRestated = false;

  const judge = (state: typeof memory, minute: number) => {
    const [trials, hits] = counts.get(minute) ?? [0, 0];
    return detector.step(state, { ...circumstances(minute), trials, hits }, model, threshold);
  };
  return {
    model,
    nextMinute: () => next,
    note(minute, trials, hits) {
      // What is older has been judged for good; the pass of the night judges it with everything.
      if (minute < baseMinute) return;
      counts.set(minute, [trials, hits]);
      if (minute < next) isRestated = true;
    },
    advance(toMinute) {
      if (isRestated) {
        memory = base.slice();
        next = baseMinute;
        isRestated = false;
      }
      const from = next;
      const flags: Flag[] = [];
      for (; next < toMinute; next++) {
        const found = judge(memory, next);
        if (!found) continue;
        flags.push(flagOf(model, next, found, threshold));
      }
      for (; baseMinute < next - REPLAY_MINUTES; baseMinute++) {
        judge(base, baseMinute);
        counts.delete(baseMinute);
      }
      return { from, flags };
    },
  };
}
