/** What a series has shown so far, as the members of the committee read it: the newest points in order, and their values sorted. */

/** Older points are forgotten. Bounds the work per point; a series of five minutes reaches back 113 days. */
export const MAX_POINTS = 32_768;

/** An array for so many points that forgetting moves each of them once. */
export const pointArray = (): Float64Array => new Float64Array(2 * MAX_POINTS);
/** Moves the newer half to the front, as the history does when its arrays are full. */
export const forgetHalf = (array: Float64Array): unknown => array.copyWithin(0, MAX_POINTS);

export interface History {
  /** Index of the newest point in the arrays below; -1 before there is one. */
  readonly last: number;
  /** Index of the oldest point that still counts. */
  readonly first: number;
  /** Milliseconds, never falling: a point that is stamped earlier than the one before it counts as of the same moment. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  /** Values that were centred and compressed by the history of their own moment, so that spikes do not hide the small. */
  readonly compressed: Float64Array;
  /** The greatest absolute value so far. */
  readonly magnitude: number;
  /** Distance of the newest value to the nearest one before it; undefined for the first. */
  readonly nearestValue: number | undefined;
  push(timeMs: number, value: number): void;
}

/** Of one series, empty at first. */
export function createHistory(): History {
  const times = pointArray();
  const values = pointArray();
  const compressed = pointArray();
  const sorted = createSorted();
  let last = -1;
  let magnitude = 0;
  let nearestValue: number | undefined;

  return {
    times,
    values,
    compressed,
    get last() {
      return last;
    },
    get first() {
      return Math.max(0, last + 1 - MAX_POINTS);
    },
    get magnitude() {
      return magnitude;
    },
    get nearestValue() {
      return nearestValue;
    },
    push(timeMs, value) {
      if (last === times.length - 1) {
        for (const array of [times, values, compressed]) forgetHalf(array);
        last = MAX_POINTS - 1;
      }
      if (sorted.size === MAX_POINTS) sorted.remove(values[last + 1 - MAX_POINTS] as number);
      magnitude = Math.max(magnitude, Math.abs(value));
      nearestValue = sorted.nearest(value);
      sorted.add(value);
      times[last + 1] = last < 0 ? timeMs : Math.max(timeMs, times[last] as number);
      values[last + 1] = value;
      compressed[last + 1] = compress(value, sorted.quantile);
      last += 1;
    },
  };
}

/** asinh of the distance to the median, in interquartile ranges; a series that is flat in its middle is measured by its tails. */
function compress(value: number, quantile: (q: number) => number): number {
  const scale = Math.max(quantile(0.75) - quantile(0.25), 0.02 * (quantile(0.99) - quantile(0.01)));
  const distance = value - quantile(0.5);
  // In a series that has been flat until now, any step is one unit.
  return Math.asinh(scale > 0 ? distance / scale : Math.sign(distance));
}

interface Sorted {
  readonly size: number;
  add(value: number): void;
  /** Takes out one that was added. */
  remove(value: number): void;
  /** Distance to the value that is nearest; undefined when there is none. */
  nearest(value: number): number | undefined;
  /** By linear interpolation between the two that are next to it. */
  quantile(q: number): number;
}

function createSorted(): Sorted {
  const array = new Float64Array(MAX_POINTS + 1);
  let size = 0;

  /** How many are smaller. */
  function rankOf(value: number): number {
    let [low, high] = [0, size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((array[middle] as number) < value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    get size() {
      return size;
    },
    add(value) {
      const rank = rankOf(value);
      array.copyWithin(rank + 1, rank, size);
      array[rank] = value;
      size += 1;
    },
    remove(value) {
      const rank = rankOf(value);
      array.copyWithin(rank, rank + 1, size);
      size -= 1;
    },
    nearest(value) {
      if (size === 0) return undefined;
      const rank = rankOf(value);
      const above = rank < size ? (array[rank] as number) - value : Number.POSITIVE_INFINITY;
      const below = rank > 0 ? value - (array[rank - 1] as number) : Number.POSITIVE_INFINITY;
      return Math.min(above, below);
    },
    quantile(q) {
      const at = q * (size - 1);
      const below = Math.floor(at);
      const low = array[below] as number;
      const high = array[Math.min(below + 1, size - 1)] as number;
      return low + (high - low) * (at - below);
    },
  };
}
