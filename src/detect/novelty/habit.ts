/** How unusual a distance is, by the distances that the same member has measured of the same series before. This is what makes unlike series comparable. */

/** A member says nothing before it has measured so often. */
const WARM_UP = 30;
const ROUNDING = 1e-9;

export interface Habit {
  /**
   * Takes in the newest distance. Returns ln(1 + z) of the recent mean, where z is in standard deviations of all before it; 0 when it is below the mean.
   * @param magnitude of what is measured: spread that is nothing beside it is rounding
   */
  push(distance: number, magnitude: number): number;
}

/** @param smoothing how many of the newest distances the recent mean is of */
export function createHabit(smoothing: number): Habit {
  const recent: number[] = [];
  let count = 0;
  let mean = 0;
  let squares = 0;
  return {
    push(distance, magnitude) {
      recent.push(distance);
      if (recent.length > smoothing) recent.shift();
      const recentMean = recent.reduce((sum, each) => sum + each, 0) / recent.length;
      // A habit of little spread is not held to be exact: a twentieth of the mean counts as spread at least.
      const spread = Math.max(Math.sqrt(squares / Math.max(1, count)), 0.05 * mean, ROUNDING * magnitude);
      const z = count < WARM_UP || spread === 0 ? 0 : (recentMean - mean) / spread;
      // Welford's update, after the judgement: a distance is no part of what it is measured by.
      count += 1;
      const before = distance - mean;
      mean += before / count;
      squares += before * (distance - mean);
      return Math.log1p(Math.max(z, 0));
    },
  };
}
