import { bandOf, type CountDetector, nextSum } from './detector.ts';
import { lossEvidence } from './evidence.ts';
import { usualRate } from './model.ts';

/** What is left of the traffic when its way is cut. A milder loss would be told from the days' own ups and downs too late. */
const LEFT = 0.02;
/** The level of the last hours: a quiet or busy day is compared with itself. Counts are forgotten by this factor a minute. */
const REMEMBERED = 1 - 1 / 360;
/** Attempts that stand for the usual level beside those of the last hours. */
const LEVEL_PRIOR = 30;
const [LEAST_LEVEL, MOST_LEVEL] = [0.5, 2];
/** Fewer a minute would take hours to be missed. */
const LEAST_RATE = 0.02;
/** Whoever is silent for longer has gone, and somebody knows: nobody is told of it again each minute. */
const LONGEST_MINUTES = 1_440;
/** What may fall silent alone, and is named by it. */
const CAN_BE_ABSENT: readonly string[] = ['source', 'provider', 'factor_type', 'region', 'tenant'];

/** Values that come and go by themselves: one that is no longer there has been replaced. */
const REPLACED: readonly string[] = ['deployment', 'client_version'];

/** Where in the memory is what. */
const SUM = 0;
const ACTUAL = 1;
const EXPECTED = 2;
/** Trials since the sum was 0. */
const CAME = 3;
/** Minutes since then. */
const ABOVE = 4;

/**
 * Hardly any attempts start, by the rate of this time of the week. Of one source, provider, factor, region or tenant of which none came it is an
 * `absence`; when nothing at all came in, it is one `feed_silence`, and no slice is flagged for it.
 * Example: 10 attempts a minute usually; none in three minutes: flagged.
 */
export const volume: CountDetector = {
  kind: 'count',
  name: 'volume',
  names: ['volume', 'absence', 'feed_silence'],
  metrics: ['starts'],
  threshold: 21,
  begin(silentMinutes = 0) {
    const memory = new Float64Array(5);
    if (silentMinutes > 0) {
      // How long it is silent already is known, not how much that says.
      memory[SUM] = Number.MIN_VALUE;
      memory[ABOVE] = silentMinutes;
    }
    return memory;
  },
  step(memory, { slot, trials, isMuted, isFeedSilent }, model, threshold) {
    const usual = usualRate(model, slot);
    if (isMuted || usual === undefined || REPLACED.includes(model.dimension)) return undefined;
    const level = ((memory[ACTUAL] as number) + LEVEL_PRIOR) / ((memory[EXPECTED] as number) + LEVEL_PRIOR);
    const rate = usual.rate * Math.min(MOST_LEVEL, Math.max(LEAST_LEVEL, level));
    memory[ACTUAL] = (memory[ACTUAL] as number) * REMEMBERED + trials;
    memory[EXPECTED] = (memory[EXPECTED] as number) * REMEMBERED + usual.rate;
    const isWhole = model.dimension === '';
    if (rate < LEAST_RATE || (isFeedSilent && !isWhole)) return undefined;
    memory[ABOVE] = (memory[SUM] as number) > 0 ? (memory[ABOVE] as number) + 1 : 0;
    const evidence = lossEvidence(trials, rate, usual.dispersion, LEFT);
    const sum = nextSum(memory[SUM] as number, evidence, threshold);
    memory[SUM] = sum;
    memory[CAME] = sum === 0 ? 0 : (memory[CAME] as number) + trials;
    if (sum < threshold || evidence <= 0 || memory[ABOVE] > LONGEST_MINUTES) return undefined;
    const deviation = Math.sqrt(rate + rate ** 2 / usual.dispersion);
    const cameNone = memory[CAME] === 0;
    const nearer = isWhole && isFeedSilent ? 'feed_silence' : cameNone && CAN_BE_ABSENT.includes(model.dimension) ? 'absence' : 'volume';
    return {
      name: nearer,
      sum,
      minutesAbove: memory[ABOVE],
      observed: trials,
      expected: rate,
      ...bandOf(rate, deviation, Number.POSITIVE_INFINITY),
    };
  },
};
