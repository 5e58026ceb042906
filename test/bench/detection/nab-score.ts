/** Scores flags as the Numenta Anomaly Benchmark does, in its standard profile (Lavin and Ahmad 2015; NAB 1.1, `nab/sweeper.py` and `nab/scorer.py`). */

const FALSE_POSITIVE = 0.11;
/** The first part of each file is never scored. */
const PROBATION_SHARE = 0.15;
const PROBATION_FROM_POINTS = 5_000;

export interface ScoredFile {
  times: readonly string[];
  scores: readonly number[];
  /** Labelled windows: first and last moment. */
  windows: readonly (readonly [string, string])[];
}

/** 1 at the start of a window, 0 at its end, down to −1 well after it. */
const weight = (position: number): number => (position > 3 ? -1 : 2 / (1 + Math.exp(5 * position)) - 1);

interface Candidate {
  score: number;
  gain: number;
  /** Which window it lies in: of each, the earliest flag counts. */
  window?: string;
}

/**
 * 0 is a detector that never flags, 100 one that flags the first point of each window and nothing else. The threshold is the best over all
 * files.
 */
export function nabScore(files: readonly ScoredFile[]): number {
  const windows = files.reduce((sum, file) => sum + file.windows.length, 0);
  const all = files.flatMap(candidates).sort((a, b) => b.score - a.score);
  const found = new Map<string, number>();
  let [current, best] = [-windows, -windows];
  for (const [i, { score, gain, window }] of all.entries()) {
    if (window === undefined) current += FALSE_POSITIVE * gain;
    else {
      const before = found.get(window) ?? -1;
      if (gain > before) {
        current += gain - before;
        found.set(window, gain);
      }
    }
    if (all[i + 1]?.score !== score) best = Math.max(best, current);
  }
  return (100 * (best + windows)) / (2 * windows);
}

function candidates(file: ScoredFile, number: number): Candidate[] {
  const { times, scores } = file;
  const probation = Math.floor(PROBATION_SHARE * Math.min(times.length, PROBATION_FROM_POINTS));
  const limits = file.windows.map(([from, to]): [number, number] => [
    times.findIndex((time) => time >= from),
    times.findLastIndex((time) => time <= to),
  ]);
  return scores.flatMap((score, i) => {
    if (i < probation) return [];
    const inside = limits.findIndex(([first, last]) => first <= i && i <= last);
    const [first, last] = limits[inside] ?? [0, 0];
    if (inside >= 0) return [{ score, gain: weight(-(last - i + 1) / (last - first + 1)) / weight(-1), window: `${number} ${inside}` }];
    const before = limits.findLast(([, end]) => end < i);
    return [{ score, gain: before ? weight((i - before[1]) / Math.max(1, before[1] - before[0])) : -1 }];
  });
}
