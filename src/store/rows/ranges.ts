/** Ranges of minutes. */

/** Minutes since 1970, both ends included. */
export type Range = readonly [first: number, last: number];

/** Overlapping and touching ranges made one, in order. */
export function mergedRanges(ranges: Iterable<Range>): Range[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1);
    if (previous && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else if (first <= last) merged.push([first, last]);
  }
  return merged;
}

/** What of the ranges lies at or behind a minute. */
export const rangesFrom = (minute: number, ranges: readonly Range[]): Range[] =>
  ranges.flatMap(([first, last]) => (last < minute ? [] : [[Math.max(first, minute), last] as const]));
