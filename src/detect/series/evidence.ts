/**
 * How much a minute speaks for a fault and against what is usual: natural logarithms of likelihood ratios on counts, where counts and shares
 * scatter more than chance alone would have them (negative binomial, beta-binomial). Cumulative sums of them are the detectors: E. S. Page, Continuous
 * Inspection Schemes, Biometrika 41 (1954), in the form of log-likelihood ratios.
 */
import { lnGamma } from './ln-gamma.ts';

/** A share that scatters: its mean, and how alike two trials of one minute are. */
export interface Share {
  mean: number;
  correlation: number;
}

/** ln of the beta-binomial probability of `hits` of `trials`, without the binomial coefficient, which cancels in a ratio. */
function lnBetaBinomial(trials: number, hits: number, { mean, correlation }: Share): number {
  const strength = (1 - correlation) / correlation;
  const [a, b] = [mean * strength, (1 - mean) * strength];
  return lnGamma(a + hits) + lnGamma(b + trials - hits) - lnGamma(strength + trials) + lnGamma(strength) - lnGamma(a) - lnGamma(b);
}

/** The shares that a fault would make of a usual one, mild and total. The larger sum of the two counts. */
export interface Alternatives {
  mild: (usual: Share) => Share;
  total: Share;
}

/** Evidence of each alternative, see {@link Alternatives}; none where the usual share leaves no room for more. */
export function shareEvidence(trials: number, hits: number, usual: Share, { mild, total }: Alternatives): [number, number] {
  if (trials === 0) return [0, 0];
  const some = mild(usual);
  if (some.mean <= usual.mean) return [0, 0];
  const asUsual = lnBetaBinomial(trials, hits, usual);
  const ofSome = lnBetaBinomial(trials, hits, some) - asUsual;
  return [ofSome, total.mean > some.mean ? lnBetaBinomial(trials, hits, total) - asUsual : ofSome];
}

/**
 * Evidence that `trials` are of a rate that has fallen to a share `left` of the expected one; both scatter by 1/`dispersion`.
 * @param expected above 0
 */
export function lossEvidence(trials: number, expected: number, dispersion: number, left: number): number {
  const spread = Math.log((dispersion + expected) / (dispersion + left * expected));
  return dispersion * spread + trials * (Math.log(left) + spread);
}
