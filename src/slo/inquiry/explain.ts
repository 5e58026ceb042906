/** Explain: which dimension values account for failures beyond what a baseline makes expect, and which attempts show it. */
import { MusterError } from '../../errors.ts';
import { DIMENSIONS } from '../../names.ts';
import type { Engine, Role, Session } from '../../store/engine/engine.ts';
import { rowsOf } from '../../store/rows/rows-of.ts';
import type { Counter } from '../../store/rows/sli-counter.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import type { Interval } from '../arithmetic/windows.ts';
import { knownId, type Sli } from '../slis/sli.ts';

/** Labels that only failures have: they say how it fails, and not where. What is expected of them follows from all attempts. */
const SYMPTOMS: readonly string[] = ['error_class', 'error_code'];
const MAX_COMBINATIONS = 200_000;
const MAX_SECONDS = 30;
const EXAMPLES = 3;
/** Two values account for about as much when the lesser has so much of the greater's excess. */
const ALIKE = 0.8;
/** What is usual is known from at least so long, since minutes hold too few attempts. */
const LEAST_BASELINE_MS = 6 * HOUR_MS;
/** Below this many in the baseline, a value's own rate says less than that of all. */
const MIN_BASELINE = 30;
/** One-sided 99 %. */
const SIGNIFICANT_Z = 2.33;

export interface Explanation {
  /** A dimension, or two with a comma between. */
  dimension: string;
  /** Its value, or two likewise, for whoever reads it: a value may hold commas of its own. */
  value: string;
  /** The same one by one. */
  values: readonly string[];
  bad: number;
  total: number;
  /** Failures beyond what the baseline makes expect. */
  excess: number;
  /** Of the excess of all. */
  excessShare: number;
  /** Standard errors above what was expected. */
  z: number;
  isSignificant: boolean;
  /** Ids of attempts (or events) that failed, as `source/id`. */
  examples: string[];
}

interface Combination {
  labels: string[];
  isNow: boolean;
  total: number;
  bad: number;
  examples: string[];
}

/** The time to explain, the one to hold it against, and the moment of asking: an attempt that waits for its deadline then has not failed. */
export interface Times {
  when: Interval;
  baseline: Interval;
  nowMs: number;
}

/**
 * Ranks dimension values, and pairs of them, by their excess failures over the baseline, largest first.
 * @param role whose connection is used: what alerts say must not wait for what people look at
 * @throws MUSTER_BAD_ARGUMENT for an SLI that has no failures of its own
 */
export async function explain(engine: Engine, sli: Sli, times: Times, role: Role = 'panels'): Promise<Explanation[]> {
  const counter = sli.counters.find(({ id }) => id === sli.id);
  if (!counter || sli.kind !== 'ratio') {
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `${knownId(sli)} is not a ratio of attempts or requests; explain ranks what failed in one`,
    );
  }
  const names = [...DIMENSIONS, ...SYMPTOMS];
  const combinations = await combinationsOf(engine.session(role), counter, names, times);
  const whole = { now: sumOf(combinations, true), before: sumOf(combinations, false) };
  const rate = whole.before.total === 0 ? 0 : whole.before.bad / whole.before.total;
  const wholeExcess = whole.now.bad - whole.now.total * rate;
  // How it fails at one place says no more of the place.
  const pairs = DIMENSIONS.flatMap((_, i) => DIMENSIONS.slice(i + 1).map((__, j) => [i, i + 1 + j]));
  const subsets = [...names.map((_, i) => [i]), ...pairs];
  const all = subsets.flatMap((subset) => explainSubset(combinations, names, subset, whole, wholeExcess));
  const singles = new Map(all.filter(({ dimension }) => !dimension.includes(',')).map((each) => [`${each.dimension}=${each.value}`, each]));
  return ranked(all.filter((each) => each.excess > 0 && saysMore(each, singles)));
}

const isSymptom = ({ dimension }: Explanation): boolean => SYMPTOMS.includes(dimension);

/** Significant ones first, and of those what says where it fails before how; then by their excess. */
function ranked(all: readonly Explanation[]): Explanation[] {
  const groups = Map.groupBy(all, (each) => (each.isSignificant ? 0 : 2) + Number(isSymptom(each)));
  return [0, 1, 2, 3].flatMap((group) => byExcess(groups.get(group) ?? []));
}

/**
 * Largest excess first; of those that account for about as much (a fifth less), that of which most failed: the provider before the factor that it
 * carries, and a provider in its region before either.
 */
function byExcess(all: readonly Explanation[]): Explanation[] {
  const rest = all.toSorted((a, b) => b.excess - a.excess || (a.dimension < b.dimension ? -1 : 1));
  const sorted: Explanation[] = [];
  while (rest.length > 0) {
    const least = ALIKE * (rest[0]?.excess ?? 0);
    const end = rest.findIndex(({ excess }) => excess < least);
    const alike = rest.splice(0, end === -1 ? rest.length : end);
    sorted.push(...alike.sort((a, b) => b.bad / b.total - a.bad / a.total || b.excess - a.excess));
  }
  return sorted;
}

/** A pair says more than its two values where it holds most of their excess on clearly fewer attempts. */
function saysMore(each: Explanation, singles: ReadonlyMap<string, Explanation>): boolean {
  const names = each.dimension.split(',');
  if (names.length === 1) return true;
  return names.every((name, i) => {
    const single = singles.get(`${name}=${each.values[i]}`);
    return single !== undefined && each.excess >= ALIKE * single.excess && each.total <= 0.8 * single.total;
  });
}

interface Sums {
  total: number;
  bad: number;
  examples: string[];
}

function sumOf(combinations: readonly Combination[], isNow: boolean): Sums {
  const sums: Sums = { total: 0, bad: 0, examples: [] };
  for (const combination of combinations) {
    if (combination.isNow !== isNow) continue;
    sums.total += combination.total;
    sums.bad += combination.bad;
    if (sums.examples.length < EXAMPLES) sums.examples.push(...combination.examples.slice(0, EXAMPLES - sums.examples.length));
  }
  return sums;
}

function explainSubset(
  combinations: readonly Combination[],
  names: readonly string[],
  subset: readonly number[],
  whole: { now: Sums; before: Sums },
  wholeExcess: number,
): Explanation[] {
  const saysHow = subset.some((index) => SYMPTOMS.includes(names[index] ?? ''));
  const groups = Map.groupBy(combinations, ({ labels }) => subset.map((index) => labels[index]).join('\0'));
  return [...groups].flatMap(([key, of]) => {
    const values = key.split('\0');
    // What has no value points nowhere.
    if (values.some((value) => value === '')) return [];
    const now = sumOf(of, true);
    const before = sumOf(of, false);
    // A symptom has no attempts of its own that did not fail: it is held against all of them.
    const total = saysHow ? whole.now.total : now.total;
    const beforeTotal = saysHow ? whole.before.total : before.total;
    const own =
      beforeTotal >= MIN_BASELINE ? before.bad / beforeTotal : whole.before.total === 0 ? 0 : whole.before.bad / whole.before.total;
    const rate = saysHow && beforeTotal < MIN_BASELINE ? 0 : own;
    const excess = now.bad - total * rate;
    // At a rate of 0 every failure is beyond it; a small floor keeps one failure from being proof.
    const floor = Math.max(rate, 1 / Math.max(beforeTotal, MIN_BASELINE));
    const z = excess / Math.sqrt(Math.max(total, 1) * floor * (1 - Math.min(floor, 0.5)));
    return [
      {
        dimension: subset.map((index) => names[index]).join(','),
        value: values.join(','),
        values,
        bad: now.bad,
        total,
        excess,
        excessShare: wholeExcess > 0 ? excess / wholeExcess : 0,
        z,
        isSignificant: z > SIGNIFICANT_Z && now.bad >= EXAMPLES,
        examples: now.examples,
      },
    ];
  });
}

/** Good and bad of both times by all labels at once. */
async function combinationsOf(
  session: Session,
  counter: Counter,
  names: readonly string[],
  { when, baseline, nowMs }: Times,
): Promise<Combination[]> {
  const { from, moment, id } = rowsOf(counter.unit, [when, baseline], { nowMs, types: counter.unit === 'event' ? counter.types : [] });
  const found = await session.rows<{ labels: string[]; is_now: number; n: number; failed: number; examples: string[] }>(
    `SELECT [${names.map((name) => `toString(${name})`).join(', ')}] AS labels,
      (${moment} >= ${when.fromMs} AND ${moment} < ${when.toMs}) AS is_now, toUInt32(count()) AS n,
       toUInt32(countIf(NOT ifNull(${counter.good}, 0))) AS failed, groupArrayIf(${EXAMPLES})(concat(source, '/', ${id}), NOT ifNull(${counter.good}, 0)) AS examples
     FROM ${from} AND traffic IN ('', 'user') AND (${counter.total})
     GROUP BY labels, is_now LIMIT ${MAX_COMBINATIONS + 1} SETTINGS max_execution_time = ${MAX_SECONDS}`,
  );
  if (found.length > MAX_COMBINATIONS)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `more than ${MAX_COMBINATIONS} combinations of labels in that time; choose a shorter one`);
  return found.map(({ labels, is_now, n, failed, examples }) => ({ labels, isNow: is_now === 1, total: n, bad: failed, examples }));
}

/**
 * The times that explain an alert: since it began to burn until it was calm again (or now), held against what was before it began.
 * @param alert when it began to burn; since when it no longer does, if so
 */
export function timesToExplain(alert: { onsetMs: number; calmMs: number | null }, nowMs: number): Times {
  const toMs = Math.max(alert.onsetMs + MINUTE_MS, Math.min(alert.calmMs ?? nowMs, nowMs));
  // Of what has burned for days, the last day says what leads now.
  const fromMs = Math.max(alert.onsetMs, toMs - DAY_MS);
  const baselineMs = Math.min(Math.max(toMs - fromMs, LEAST_BASELINE_MS), DAY_MS);
  return { when: { fromMs, toMs }, baseline: { fromMs: alert.onsetMs - baselineMs, toMs: alert.onsetMs }, nowMs };
}

/** What accounts for most of what failed beyond the usual. */
export interface Cause {
  /** A dimension, or two with a comma between. */
  dimension: string;
  values: readonly string[];
  /** Of the excess failures, at most 1. */
  share: number;
  bad: number;
  total: number;
}

/** The first form of an explanation; undefined when nothing stands out. */
export function leadingCause(explanations: readonly Explanation[]): Cause | undefined {
  const first = explanations.find((each) => each.isSignificant && !isSymptom(each));
  if (!first) return undefined;
  const { dimension, values, bad, total } = first;
  return { dimension, values, share: Math.min(1, first.excessShare), bad, total };
}

/** What leads, in words: `provider sms-aurora and region eu-west`. */
export const causeName = ({ dimension, values }: Cause): string =>
  dimension
    .split(',')
    .map((name, i) => `${name.replaceAll('_', ' ')} ${values[i]}`)
    .join(' and ');

/** A cause as a sentence, for an alert's description. */
export function causeText(cause: Cause): string {
  const { share, bad, total } = cause;
  return `${causeName(cause)} accounts for ${Math.round(share * 100)} % of the excess failures (${bad} of ${total} failed).`;
}
