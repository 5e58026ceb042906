/** The logarithm of the gamma function, for counts that are above 0. */

/** Stirling's series is exact to the last digits of a double from here on. */
const LARGE = 10;
const HALF_LN_2_PI = 0.5 * Math.log(2 * Math.PI);

/**
 * ln Γ(x) for x > 0, by Stirling's series (Abramowitz and Stegun 6.1.41) and the recurrence Γ(x + 1) = x Γ(x) (6.1.15) below it. No package
 * is taken for it: those that have it bring add-ons that are compiled at install.
 */
export function lnGamma(x: number): number {
  let at = x;
  let product = 1;
  while (at < LARGE) {
    product *= at;
    at += 1;
  }
  const inverse = 1 / at;
  const square = inverse * inverse;
  const series =
    inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1_260 - square * (1 / 1_680 - square * (1 / 1_188 - (square * 691) / 360_360)))));
  return (at - 0.5) * Math.log(at) - at + HALF_LN_2_PI + series - Math.log(product);
}
