/**
 * Months of made-up operations: series of attempts by the minute, with faults at known times. Written without a look at the detectors, of which it
 * shares nothing.
 */

const DAY = 1_440;

export interface Profile {
  /** Attempts a minute at the busiest time of a working day, and at night. */
  peak: number;
  night: number;
}

/** Counts by the minute. */
export interface Counts {
  attempts: Uint16Array;
  failures: Uint16Array;
  successes: Uint16Array;
  /** Of successes: those that took longer than a twentieth of them does usually. */
  slow: Uint16Array;
}

export type FaultKind = 'outage' | 'partial' | 'silence' | 'latency' | 'flapping';
/** How long each lasts, in minutes. */
export const FAULT_MINUTES: Readonly<Record<FaultKind, number>> = { outage: 45, partial: 60, silence: 60, latency: 60, flapping: 45 };

export interface Fault {
  kind: FaultKind;
  /** Minute of the series. */
  at: number;
}

/** A source of numbers that repeats itself for a seed: xoshiro128**. */
export function dice(seed: number) {
  const s = Uint32Array.from({ length: 4 }, (_, i) => Math.imul(seed + i + 1, 0x9e3779b1) ^ 0x85ebca6b);
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  const uniform = () => {
    const result = Math.imul(rotate(Math.imul(s[1] as number, 5), 7), 9) >>> 0;
    const t = (s[1] as number) << 9;
    s[2] = (s[2] as number) ^ (s[0] as number);
    s[3] = (s[3] as number) ^ (s[1] as number);
    s[1] = (s[1] as number) ^ (s[2] as number);
    s[0] = (s[0] as number) ^ (s[3] as number);
    s[2] = (s[2] as number) ^ t;
    s[3] = rotate(s[3] as number, 11);
    return (result + 0.5) / 2 ** 32;
  };
  for (let i = 0; i < 20; i++) uniform();
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  /** Marsaglia and Tsang 2000. */
  const gamma = (shape: number): number => {
    if (shape < 1) return gamma(shape + 1) * uniform() ** (1 / shape);
    const d = shape - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = normal();
      const v = (1 + c * x) ** 3;
      if (v > 0 && Math.log(uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
    }
  };
  const poisson = (mean: number): number => {
    if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
    const limit = Math.exp(-mean);
    let n = 0;
    for (let product = uniform(); product > limit; product *= uniform()) n += 1;
    return n;
  };
  const binomial = (n: number, p: number): number => {
    if (n === 0 || p <= 0) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - binomial(n, 1 - p);
    const mean = n * p;
    if (mean > 40) return Math.min(n, Math.max(0, Math.round(mean + Math.sqrt(mean * (1 - p)) * normal())));
    // From one success to the next.
    const step = Math.log(1 - p);
    let hits = -1;
    for (let at = -1; at < n; hits++) at += 1 + Math.floor(Math.log(uniform()) / step);
    return hits;
  };
  return {
    uniform,
    normal,
    negativeBinomial: (mean: number, r: number) => poisson((mean * gamma(r)) / r),
    betaBinomial: (n: number, p: number, rho: number) => {
      if (n === 0) return 0;
      const strength = (1 - rho) / rho;
      const a = gamma(p * strength);
      return binomial(n, a / (a + gamma((1 - p) * strength)));
    },
    between: (low: number, high: number) => low + (high - low) * uniform(),
    logBetween: (low: number, high: number) => low * (high / low) ** uniform(),
  };
}

/** Two humps a day, lower on week-ends. */
function shapeOf(minute: number, weekend: number): number {
  const hour = (minute % DAY) / 60;
  const hump = (at: number, width: number) => Math.exp(-(((hour - at) / width) ** 2));
  const day = Math.floor(minute / DAY) % 7;
  return Math.min(1, hump(10.5, 2.5) + 0.8 * hump(15, 2.5)) * (day >= 5 ? weekend : 1);
}

/** One series, healthy but for its faults. Its first minute is a Monday at 00:00. */
export function series(seed: number, days: number, profile?: Profile, faults: readonly Fault[] = []): Counts {
  const random = dice(seed);
  const peak = profile?.peak ?? random.logBetween(1, 200);
  const night = profile?.night ?? Math.min(peak, random.logBetween(0.1, 2));
  const weekend = random.between(0.45, 0.85);
  const r = random.between(15, 55);
  const base = random.between(0.01, 0.08);
  const rho = random.between(0.004, 0.016);
  const phase = random.between(0, 2 * Math.PI);
  const length = days * DAY;
  const counts: Counts = {
    attempts: new Uint16Array(length),
    failures: new Uint16Array(length),
    successes: new Uint16Array(length),
    slow: new Uint16Array(length),
  };
  let [level, minuteLevel, failureLevel] = [1, 0, 0];
  const byMinute = faultsByMinute(faults);
  for (let i = 0; i < length; i++) {
    if (i % DAY === 0) level = 1 + 0.06 * random.normal();
    // Autoregressive: half of it is forgotten in about twenty minutes.
    minuteLevel = 0.965 * minuteLevel + Math.sqrt(1 - 0.965 ** 2) * 0.08 * random.normal();
    failureLevel = 0.99 * failureLevel + Math.sqrt(1 - 0.99 ** 2) * 0.15 * random.normal();
    const swing = 1 + 0.15 * Math.sin((2 * Math.PI * i) / DAY + phase);
    const fault = byMinute.get(i);
    const mean = Math.max(0.01, (night + (peak - night) * shapeOf(i, weekend)) * level * (1 + minuteLevel));
    const n = fault === 'silence' ? 0 : random.negativeBinomial(mean, r);
    const healthy = Math.min(0.5, base * swing * Math.max(0.1, 1 + failureLevel));
    const share = fault === 'outage' || fault === 'flapping' ? 0.95 : fault === 'partial' ? healthy + 0.3 : healthy;
    const failures = random.betaBinomial(n, share, rho);
    counts.attempts[i] = n;
    counts.failures[i] = failures;
    counts.successes[i] = n - failures;
    counts.slow[i] = random.betaBinomial(n - failures, fault === 'latency' ? 0.5 : 0.05, rho);
  }
  return counts;
}

function faultsByMinute(faults: readonly Fault[]): Map<number, FaultKind> {
  const minutes = new Map<number, FaultKind>();
  for (const { kind, at } of faults)
    for (let i = 0; i < FAULT_MINUTES[kind]; i++) if (kind !== 'flapping' || i % 5 < 2) minutes.set(at + i, kind);
  return minutes;
}
