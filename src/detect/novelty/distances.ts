/** The members of the committee: each says how far the newest points lie from the nearest like them that were seen before. */
import { DAY_MS, MINUTE_MS } from '../../system/time.ts';
import { forgetHalf, type History, pointArray } from './history.ts';

export interface Member {
  name: string;
  /** Over how many of the newest distances the mean is taken. */
  smoothing: number;
  /** Whether it measures in the unit of the values; else the unit is 1. */
  inUnitOfValues: boolean;
  /** Makes what measures the newest point of a series, by all from `first` on; undefined as long as nothing can be compared. */
  measure(history: History): (first: number, last: number) => number | undefined;
}

/** The registry. Widths and smoothing as measured on the development half of NAB. */
export const MEMBERS: readonly Member[] = [
  {
    name: 'shape',
    smoothing: 12,
    inUnitOfValues: true,
    measure: (history) => nearestByLargest(history, 4),
  },
  { name: 'value', smoothing: 12, inUnitOfValues: true, measure: (history) => () => history.nearestValue },
  { name: 'time of day', smoothing: 6, inUnitOfValues: true, measure: (history) => nearestAtTimeOfDay(history, 4) },
  {
    name: 'compressed shape',
    smoothing: 6,
    inUnitOfValues: false,
    measure: (history) => nearestBySum(history, 16),
  },
];

/** The window of `width` points with the least greatest difference, of all that do not overlap the newest. */
function nearestByLargest({ values }: History, width: number): (first: number, last: number) => number | undefined {
  let lastBest = -1;
  return (first, last) => {
    const [from, to] = [first + width - 1, last - width];
    if (to < from) return undefined;
    // What followed the last best match is most often the next: with a small bound at once, the others are given up early.
    const likely = lastBest + 1 >= from && lastBest + 1 <= to ? lastBest + 1 : to;
    let nearest = largestDifference(values, last, likely, width, Number.POSITIVE_INFINITY);
    lastBest = likely;
    for (let end = to; end >= from && nearest > 0; end--) {
      const found = largestDifference(values, last, end, width, nearest);
      if (found >= nearest) continue;
      nearest = found;
      lastBest = end;
    }
    return nearest;
  };
}

/** Between the windows that end at `a` and `b`; of one that reaches `bound`, only that it does. */
function largestDifference(array: Float64Array, a: number, b: number, width: number, bound: number): number {
  let largest = 0;
  for (let q = 0; q < width; q++) {
    const difference = Math.abs((array[a - q] as number) - (array[b - q] as number));
    if (difference >= bound) return difference;
    if (difference > largest) largest = difference;
  }
  return largest;
}

/**
 * The same by the sum of the differences. The sum between the newest window and any other follows from the one between their
 * predecessors, so a point costs one step per earlier window, however wide.
 */
function nearestBySum({ compressed }: History, width: number): (first: number, last: number) => number | undefined {
  /** Between the window that ends at the newest point and the one that ends here. */
  const sums = pointArray();
  let previousLast = -1;
  return (first, last) => {
    if (last <= previousLast) forgetHalf(sums);
    previousLast = last;
    const [newest, leaving] = [compressed[last] as number, compressed[last - width] as number];
    const [from, to] = [first + width - 1, last - width];
    let nearest = Number.POSITIVE_INFINITY;
    for (let end = last - 1; end >= first; end--) {
      let sum = (end > 0 ? (sums[end - 1] as number) : 0) + Math.abs(newest - (compressed[end] as number));
      if (end >= width) sum -= Math.abs(leaving - (compressed[end - width] as number));
      sums[end] = sum;
      if (sum < nearest && end >= from && end <= to) nearest = sum;
    }
    // Subtracting leaves less than nothing where there is no difference.
    return to < from ? undefined : Math.max(0, nearest);
  };
}

/** So far from the same time of another day is still that time. */
const SAME_TIME_MS = 30 * MINUTE_MS;
const MAX_DAYS = 400;

/** The same of windows that end at this time of an earlier day: a normal value at the wrong time is far from them, and so is a jump that is missing. */
function nearestAtTimeOfDay({ times, values }: History, width: number): (first: number, last: number) => number | undefined {
  return (first, last) => {
    const now = times[last] as number;
    let nearest: number | undefined;
    for (let day = 1; day <= MAX_DAYS; day++) {
      const sameTime = now - day * DAY_MS;
      if (sameTime + SAME_TIME_MS < (times[first] as number)) break;
      const to = Math.min(firstAfter(times, last, sameTime + SAME_TIME_MS) - 1, last - width);
      for (let end = to; end >= first + width - 1 && (times[end] as number) >= sameTime - SAME_TIME_MS; end--) {
        let sum = 0;
        for (let q = 0; q < width; q++) sum += Math.abs((values[last - q] as number) - (values[end - q] as number));
        if (nearest === undefined || sum < nearest) nearest = sum;
      }
    }
    return nearest;
  };
}

/** Index of the first time after a moment, up to `last` + 1. */
function firstAfter(times: Float64Array, last: number, moment: number): number {
  let [low, high] = [0, last + 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) <= moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
