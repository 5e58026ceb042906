/** Detects that a share has risen, to a little more than usual or to most of all: two sums, of which the larger counts. */

import { bandOf, type Detector, type Memory, nextSum, STALE_MINUTES } from './detector.ts';
import { type Alternatives, type Share, shareEvidence } from './evidence.ts';
import { usualShare } from './model.ts';

/** A fault makes a share rise by 15 points or to three times of itself, whichever is more. */
export const MILD = { more: 0.15, times: 3, most: 0.9, correlation: 0.02 } as const;

const mild = ({ mean, correlation }: Share): Share => ({
  mean: Math.min(MILD.most, Math.max(mean + MILD.more, MILD.times * mean)),
  correlation: Math.max(correlation, MILD.correlation),
});

/** Of a total fault it is not known how total: shares scatter widely. */
const TOTAL_CORRELATION = 0.15;

/** Where in the memory is what: the two sums, the minutes since the last flag of them (0: none), and since when each is above 0. */
const SOME = 0;
const MOST = 1;
const CALM = 2;
const ABOVE = 3;
const greatest = (memory: Memory): number => Math.max(memory[SOME] as number, memory[MOST] as number);

export interface ShareDetector extends Detector {
  readonly kind: 'share';
  readonly total: { readonly share: number; readonly correlation: number };
}

/** @param totalShare what is left when nothing works any more */
export function shareDetector(of: { name: string; metrics: readonly string[]; threshold: number; totalShare: number }): ShareDetector {
  const alternatives: Alternatives = { mild, total: { mean: of.totalShare, correlation: TOTAL_CORRELATION } };
  return {
    kind: 'share',
    total: { share: of.totalShare, correlation: TOTAL_CORRELATION },
    name: of.name,
    names: [of.name],
    metrics: of.metrics,
    threshold: of.threshold,
    begin: () => new Float64Array(5),
    step(memory, { slot, trials, hits, isMuted }, model, threshold) {
      const usual = usualShare(model, slot);
      if (greatest(memory) === 0) memory[CALM] = 0;
      if ((memory[CALM] as number) > 0) memory[CALM] = (memory[CALM] as number) + 1;
      for (const which of [SOME, MOST]) memory[ABOVE + which] = (memory[which] as number) > 0 ? (memory[ABOVE + which] as number) + 1 : 0;
      if (isMuted || trials === 0 || usual === undefined) return undefined;
      // What was over is not flagged again for what is left of its sum: in a quiet series that stands for hours.
      if ((memory[CALM] as number) > STALE_MINUTES) memory.fill(0);
      const [some, most] = shareEvidence(trials, hits, usual, alternatives);
      memory[SOME] = nextSum(memory[SOME] as number, some, threshold);
      memory[MOST] = nextSum(memory[MOST] as number, most, threshold);
      const sum = greatest(memory);
      if (sum < threshold || (some <= 0 && most <= 0)) return undefined;
      memory[CALM] = 1;
      const minutesAbove = memory[ABOVE + (sum === memory[SOME] ? SOME : MOST)] as number;
      const { mean, correlation } = usual;
      const deviation = Math.sqrt((mean * (1 - mean) * (1 + (trials - 1) * correlation)) / trials);
      return { name: of.name, sum, minutesAbove, observed: hits / trials, expected: mean, ...bandOf(mean, deviation, 1) };
    },
  };
}
