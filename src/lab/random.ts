/** Seeded randomness: the same seed gives the same history on every machine. Not for secrets. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  integer(below: number): number;
  chance(probability: number): boolean;
  /** One of the values, by weight. */
  weighted<T>(values: readonly (readonly [T, number])[]): T;
  /** Log-normal with this median; sigma of the logarithm. */
  logNormal(median: number, sigma: number): number;
  /** How many events of a Poisson process with this mean. */
  poisson(mean: number): number;
  /** A UUID (version 7, RFC 9562) for a moment. */
  uuid(timeMs: number): string;
}

const POISSON_STEP = 500;

/** SplitMix32: small, and good enough for made-up traffic. */
export function seededRandom(...seeds: number[]): Random {
  let state = seeds.reduce((mixed, seed) => scramble((mixed ^ seed) + 0x9e3779b9), 0x6d757374);
  const next32 = () => {
    state = (state + 0x9e3779b9) | 0;
    return scramble(state);
  };
  const next = () => next32() / 2 ** 32;
  const gaussian = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(next() * 16).toString(16)).join('');
  return {
    next,
    integer: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    weighted(values) {
      let rest = next() * values.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [value, weight] of values) {
        rest -= weight;
        if (rest < 0) return value;
      }
      const last = values.at(-1);
      if (!last) throw new Error('nothing to choose from');
      return last[0];
    },
    logNormal: (median, sigma) => median * Math.exp(sigma * gaussian()),
    poisson(mean) {
      // Knuth's method in steps: e to the power of a large negative number is 0.
      let count = 0;
      for (let rest = mean; rest > 0; rest -= POISSON_STEP) {
        const limit = Math.exp(-Math.min(rest, POISSON_STEP));
        for (let product = next(); product > limit; product *= next()) count += 1;
      }
      return count;
    },
    uuid(timeMs) {
      const time = Math.floor(timeMs).toString(16).padStart(12, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-${(8 + Math.floor(next() * 4)).toString(16)}${hex(3)}-${hex(12)}`;
    },
  };
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
