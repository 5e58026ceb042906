/** Scores and flags the points of one series of any scale, looking backwards only, with one setting for all series. */
import { MEMBERS } from './distances.ts';
import { createHabit } from './habit.ts';
import { createHistory } from './history.ts';

export interface Scored {
  /** 0 to 1; at least 0.5 exactly when the point is flagged. */
  anomalyScore: number;
  isFlagged: boolean;
}

/** Squares of greater values would leave the numbers that there are. */
export const MAX_MAGNITUDE = 1e100;

export interface Committee {
  /** Takes in the next point. @param value finite, and at most {@link MAX_MAGNITUDE} away from 0 */
  push(timeMs: number, value: number): Scored;
}

/** A mean of the members' novelties from here on may be flagged. */
const THRESHOLD = 0.62;
/** A flag also needs to be among so many highest scores of its series: long series have more that is novel by chance. */
const HIGHEST_KEPT = 50;
/** After a flag comes rest: a share of the points so far, and so many at most. */
const REST_SHARE = 0.05;
const MAX_REST_POINTS = 200;

/** Equal weights of all members: measured to be best within 0.2 points of NAB. */
export function createCommittee(): Committee {
  const history = createHistory();
  const members = MEMBERS.map((member) => ({ ...member, distanceNow: member.measure(history), habit: createHabit(member.smoothing) }));
  const highest = createHighest(HIGHEST_KEPT);
  let index = -1;
  let lastFlag = Number.NEGATIVE_INFINITY;
  return {
    push(timeMs, value) {
      index += 1;
      history.push(timeMs, value);
      let sum = 0;
      for (const { distanceNow, habit, inUnitOfValues } of members) {
        const distance = distanceNow(history.first, history.last);
        if (distance !== undefined) sum += habit.push(distance, inUnitOfValues ? history.magnitude : 1);
      }
      const score = sum / members.length;
      const isHigh = score >= THRESHOLD && score >= highest.least();
      highest.add(score);
      const isFlagged = isHigh && index - lastFlag > Math.min(MAX_REST_POINTS, REST_SHARE * index);
      if (isFlagged) lastFlag = index;
      return { isFlagged, anomalyScore: anomalyScore(score, isFlagged) };
    },
  };
}

const anomalyScore = (score: number, isFlagged: boolean): number =>
  isFlagged ? 0.5 + 0.5 * (1 - Math.exp(THRESHOLD - score)) : 0.25 * Math.min(1, score / THRESHOLD);

/** The `size` greatest numbers so far, in order. */
function createHighest(size: number) {
  const kept: number[] = [];
  return {
    /** The least of them; nothing is too low while there are fewer. */
    least: () => (kept.length < size ? Number.NEGATIVE_INFINITY : (kept[0] as number)),
    add(score: number): void {
      if (kept.length === size) {
        if (score <= (kept[0] as number)) return;
        kept.shift();
      }
      const at = kept.findIndex((each) => each > score);
      kept.splice(at === -1 ? kept.length : at, 0, score);
    },
  };
}
