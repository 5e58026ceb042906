/** What a detector is: it turns each minute of a series into evidence, and sums of evidence into flags. One file each. */
import type { Slot } from './local-week.ts';
import type { SeriesModel } from './model.ts';

/** One minute of one series. */
export interface SeriesMinute {
  slot: Slot;
  trials: number;
  hits: number;
  /** Whether the minute says nothing: maintenance, or nobody collected. */
  isMuted: boolean;
  /** Whether nothing at all has come in this minute, of whatever series. */
  isFeedSilent: boolean;
}

/** What a detector remembers of a series, as numbers: it is copied often. */
export type Memory = Float64Array<ArrayBuffer>;

/** What was, and what would have been usual: a share or a count per minute. */
export interface Comparison {
  /** Greatest sum of evidence. */
  sum: number;
  /** Minutes before this one since which that sum has been above 0: when it began. */
  minutesAbove: number;
  observed: number;
  expected: number;
  /** 99.9 % of such minutes lie between these, by the normal approximation. */
  expectedLow: number;
  expectedHigh: number;
  /** Of flags: the detector's own, or a nearer name. */
  name: string;
}

export interface Detector {
  readonly name: string;
  /** What its flags may be called: its own name, or a nearer one. */
  readonly names: readonly string[];
  /** Of the metrics that it watches. */
  readonly metrics: readonly string[];
  /** A sum of evidence from which on a minute is flagged, where 300 series are watched. */
  readonly threshold: number;
  /** @param silentMinutes for so long nothing had come before, as far as is known. @default 0 */
  begin(silentMinutes?: number): Memory;
  /**
   * Takes a minute into the memory. Returns what a flag says when the sum has reached `threshold` and the minute itself speaks for it.
   * @param threshold of this many series
   */
  step(memory: Memory, minute: SeriesMinute, model: SeriesModel, threshold: number): Comparison | undefined;
}

/** Watches counts, in which silence says something too. */
export interface CountDetector extends Detector {
  readonly kind: 'count';
}

/** No single minute can raise an alarm: one in which late data comes together must not. */
export const MOST_OF_A_MINUTE = 12;
/** A sum ends so far above its threshold, so that a flag ends soon after what it was for. */
const OVERSHOOT = 10;

/** What was flagged, and was not for so many minutes, is over: its sum begins anew. */
export const STALE_MINUTES = 30;

/** The next cumulative sum. */
export const nextSum = (sum: number, evidence: number, threshold: number): number =>
  Math.min(threshold + OVERSHOOT, Math.max(0, sum + Math.min(MOST_OF_A_MINUTE, evidence)));

/** For 300 series each; one more e-fold of series takes one more unit of evidence for as few false flags. */
const SERIES_OF_THRESHOLDS = 300;

/** The threshold of a detector that watches so many series. */
export const thresholdFor = ({ threshold }: Detector, series: number): number =>
  threshold + Math.max(0, Math.log(series / SERIES_OF_THRESHOLDS));

/** 0 to 1: half at the threshold. */
export const scoreOf = (sum: number, threshold: number): number => 1 - 2 ** (-sum / threshold);

/** Standard deviations on either side that hold 99.9 % of a normal distribution. */
const BAND = 3.29;

/** The band of what is usual, within bounds. */
export const bandOf = (mean: number, deviation: number, most: number): { expectedLow: number; expectedHigh: number } => ({
  expectedLow: Math.max(0, mean - BAND * deviation),
  expectedHigh: Math.min(most, mean + BAND * deviation),
});
