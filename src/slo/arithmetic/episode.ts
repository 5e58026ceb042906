/**
 * Episodes: one per SLO and severity, in which one pair tells and the others join. Pure: what was, and the counts of now, give what is.
 * An episode opens on evidence that is new since the last one ended, and ends after a calm run that was long enough for as many attempts as
 * would have held eight more failures, had the outage gone on. Rule and constants were found by simulation: see docs/slos.md, "Episodes".
 */
import { MINUTE_MS } from '../../system/time.ts';
import { burnRate, type Counts, hasEvidence, isBurning, type WindowCounts } from './burn.ts';
import type { Pair, Severity } from './pairs.ts';
import { windowSeconds } from './windows.ts';

/**
 * `firing`: the pair that tells of an episode. `joined`: another one that has opened in the same episode. `too_few`: burning, but not enough new
 * evidence. `no_traffic`: nothing to judge by. `frozen`: the collector saw too little of the window, so nothing opens and nothing ends.
 * `maintenance`: announced work.
 */
export type AlertState = 'inactive' | 'firing' | 'joined' | 'too_few' | 'no_traffic' | 'frozen' | 'maintenance';

/** A window that was covered by less than this cannot be judged by. */
export const MIN_COVERAGE = 0.9;
/** Without traffic an episode holds for so long. */
export const MAX_SILENCE_MS = 6 * 60 * MINUTE_MS;

interface CalmRule {
  /** The short window is calm while it burns below this share of the pair's fitted factor. */
  calmFactor: number;
  /** It must be calm for at least so long… */
  holdMs: number;
  /** …and over so many attempts that this many would have failed, had the episode gone on as it began… */
  expectedBad: number;
  /** …unless it has been calm for so long. */
  capMs: number;
}

export const CALM_RULES = {
  page: { calmFactor: 0.5, holdMs: 15 * MINUTE_MS, expectedBad: 8, capMs: 720 * MINUTE_MS },
  ticket: { calmFactor: 1, holdMs: 360 * MINUTE_MS, expectedBad: 6, capMs: 2_880 * MINUTE_MS },
} as const satisfies Record<Severity, CalmRule>;

/** What an episode knows of a pair that has opened in it; times in milliseconds since 1970. */
export interface Member {
  openedAtMs: number;
  /** Since when its short window is calm, how many attempts that run needs, and how many it has seen. */
  calm: { sinceMs: number; needed: number; seen: number } | null;
  /** Since when its short window has seen nothing. */
  quietSinceMs: number | null;
}

export interface PairMemory {
  state: AlertState;
  /** Since when it is in this state. */
  sinceMs: number;
  /** What counted as evidence: failures of the long window that are new since the last episode, and their different users. */
  evidence: { bad: number; usersBad: number };
  member: Member | null;
}

/** The memory of one SLO and severity. */
export interface Episode {
  /** Failures before this belong to an episode that has ended; null when none has. */
  evidenceFromMs: number | null;
  /** When it began to burn, of an episode that runs: {@link onsetOf}. */
  onsetMs: number | null;
  /** By the name of the pair. */
  pairs: ReadonlyMap<string, PairMemory>;
}

export interface EpisodeInputs {
  /** Counts of [fromMs, now). */
  countsSince: (fromMs: number) => WindowCounts;
  /** Share of the minutes of a pair's windows in which the collector worked, the lesser of both. */
  coverageOf: (pair: Pair) => number;
  isMaintenance: boolean;
}

/** What a pair is judged against. */
export interface Judged {
  objective: number;
  isSliced: boolean;
}

const startOf = (window: string, atMs: number): number => atMs - windowSeconds(window) * 1_000;
/** From when on failures are evidence for a pair: its long window, without what an episode before has used up. */
export const evidenceStart = (pair: Pair, before: Episode | undefined, atMs: number): number =>
  Math.max(startOf(pair.long, atMs), before?.evidenceFromMs ?? Number.NEGATIVE_INFINITY);
const calmStart = (calm: { sinceMs: number }): number => calm.sinceMs - MINUTE_MS;
const episodeStart = (pair: Pair, { openedAtMs }: Member): number => startOf(pair.short, openedAtMs);

/** From when on counts are needed to decide at `atMs`: those that {@link nextEpisode} will ask for, beside none that it will not. */
export function countedSince(pairs: readonly Pair[], before: Episode | undefined, atMs: number): number[] {
  const starts = pairs.flatMap((pair) => {
    const member = before?.pairs.get(pair.name)?.member;
    return [
      startOf(pair.long, atMs),
      startOf(pair.short, atMs),
      evidenceStart(pair, before, atMs),
      ...(member ? [member.calm ? calmStart(member.calm) : episodeStart(pair, member)] : []),
    ];
  });
  return [...new Set(starts)];
}

/**
 * The episode of the pairs of one severity at `atMs`, a full minute; the same again within the minute.
 * @param before that of the evaluation before, if there was one
 */
export function nextEpisode(
  pairs: readonly Pair[],
  before: Episode | undefined,
  inputs: EpisodeInputs,
  judged: Judged,
  atMs: number,
): Episode {
  const looks = pairs.map((pair) => lookAt(pair, before, inputs, judged, atMs));
  const members = looks.filter(({ member }) => member !== null);
  const isOver = members.length > 0 && members.every(({ isDone }) => isDone);
  const ended = inputs.isMaintenance || isOver;
  // The one that tells goes on to tell; of several that open at once, the first.
  const leader = ended ? undefined : (members.find(({ pair }) => before?.pairs.get(pair.name)?.state === 'firing') ?? members[0]);
  const ran = [...(before?.pairs.values() ?? [])].some(({ member }) => member !== null);
  return {
    evidenceFromMs: ended && (ran || isOver) ? atMs : (before?.evidenceFromMs ?? null),
    onsetMs: leader === undefined ? null : (before?.onsetMs ?? null),
    pairs: new Map(
      looks.map((look) => {
        const { pair, evidence, member } = look;
        const old = before?.pairs.get(pair.name);
        const state = ended || member === null ? outside(look, old, inputs, judged, atMs) : look === leader ? 'firing' : 'joined';
        const sinceMs = old?.state === state ? old.sinceMs : atMs;
        return [pair.name, { state, sinceMs, evidence, member: ended ? null : member }];
      }),
    ),
  };
}

/**
 * Whether an evaluation would find the pairs as they were: none is in an episode or has evidence, and nothing came that could change it.
 * @param isSilent whether no long window has traffic; without it all have some, and nothing bad
 */
export const staysAsItWas = (episode: Episode, isSilent: boolean): boolean =>
  [...episode.pairs.values()].every(
    ({ state, member, evidence }) =>
      member === null && evidence.bad === 0 && evidence.usersBad === 0 && state === (isSilent ? 'no_traffic' : 'inactive'),
  );

interface Look {
  pair: Pair;
  long: WindowCounts;
  short: WindowCounts;
  evidence: PairMemory['evidence'];
  isCovered: boolean;
  member: Member | null;
  /** Whether the episode may end for this one. */
  isDone: boolean;
}

function lookAt(pair: Pair, before: Episode | undefined, inputs: EpisodeInputs, judged: Judged, atMs: number): Look {
  const long = inputs.countsSince(startOf(pair.long, atMs));
  const short = inputs.countsSince(startOf(pair.short, atMs));
  const fresh = inputs.countsSince(evidenceStart(pair, before, atMs));
  const evidence = { bad: fresh.total - fresh.good, usersBad: fresh.usersBad };
  const isCovered = inputs.coverageOf(pair) >= MIN_COVERAGE;
  const look = { pair, long, short, evidence, isCovered };
  const old = before?.pairs.get(pair.name)?.member ?? null;
  const fired = { good: long.total - evidence.bad, total: long.total, usersBad: evidence.usersBad };
  const opens =
    isCovered &&
    !inputs.isMaintenance &&
    isBurning(pair, fired, short, judged.objective) &&
    hasEvidence(fired, judged.objective, judged.isSliced);
  if (opens) return { ...look, member: { openedAtMs: old?.openedAtMs ?? atMs, calm: null, quietSinceMs: null }, isDone: false };
  if (!old) return { ...look, member: null, isDone: false };
  if (!isCovered) return { ...look, member: { ...old, calm: null }, isDone: false };
  return { ...look, ...goneOn(pair, old, short, inputs, judged, atMs) };
}

/** A pair that has opened, and does not burn now as it must to open. */
function goneOn(
  pair: Pair,
  old: Member,
  short: Counts,
  { countsSince }: EpisodeInputs,
  { objective }: Judged,
  atMs: number,
): Pick<Look, 'member' | 'isDone'> {
  const { calmFactor, holdMs, expectedBad, capMs } = CALM_RULES[pair.severity];
  const burn = burnRate(short, objective);
  if (burn === null) {
    const quietSinceMs = old.quietSinceMs ?? atMs - MINUTE_MS;
    return { member: { ...old, quietSinceMs }, isDone: atMs - quietSinceMs >= MAX_SILENCE_MS };
  }
  if (burn >= calmFactor * pair.fittedFactor) return { member: { ...old, calm: null, quietSinceMs: null }, isDone: false };
  const calm = old.calm
    ? { ...old.calm, seen: countsSince(calmStart(old.calm)).total }
    : { sinceMs: atMs, needed: attemptsNeeded(expectedBad, countsSince(episodeStart(pair, old))), seen: 0 };
  const ageMs = atMs - calm.sinceMs;
  const isDone = ageMs >= holdMs && (ageMs >= capMs || calm.seen >= calm.needed);
  return { member: { ...old, calm, quietSinceMs: null }, isDone };
}

/** So many attempts that `expectedBad` of them would fail at the episode's own error ratio. */
function attemptsNeeded(expectedBad: number, { good, total }: Counts): number {
  const bad = total - good;
  // The ratio of whole numbers may come out a hair above a whole one.
  return bad === 0 ? 0 : Math.ceil((expectedBad * total) / bad - 1e-9);
}

/** The state of a pair that is in no episode. */
function outside(look: Look, old: PairMemory | undefined, inputs: EpisodeInputs, { objective }: Judged, atMs: number): AlertState {
  const { pair, long, short, isCovered } = look;
  if (inputs.isMaintenance) return 'maintenance';
  if (!isCovered) return 'frozen';
  // Silence that outlasted an episode stays what it is until there is traffic again.
  const isStillSilent = short.total === 0 && (old?.state === 'no_traffic' || (old?.member?.quietSinceMs ?? atMs) < atMs);
  if (long.total === 0 || isStillSilent) return 'no_traffic';
  return isBurning(pair, long, short, objective) ? 'too_few' : 'inactive';
}

/** The pair that tells of an episode that runs. */
export const leaderOf = (pairs: readonly Pair[], episode: Episode | undefined): Pair | undefined =>
  pairs.find(({ name }) => episode?.pairs.get(name)?.state === 'firing');

/** The pair by which an episode has just opened, whose onset is yet to be found. */
export const openedPair = (pairs: readonly Pair[], episode: Episode): Pair | undefined =>
  episode.onsetMs === null ? leaderOf(pairs, episode) : undefined;

/** Since when a pair in an episode no longer burns: its short window is calm, or sees nothing; null while it burns. */
export const calmSince = (memory: PairMemory | undefined): number | null =>
  memory?.member?.quietSinceMs ?? memory?.member?.calm?.sinceMs ?? null;

/** Until when a pair holds at most if nothing fails any more; null while it burns, or is in no episode. */
export function endsAtMost(pair: Pair, { member }: PairMemory): number | null {
  if (member === null) return null;
  if (member.quietSinceMs !== null) return member.quietSinceMs + MAX_SILENCE_MS;
  return member.calm === null ? null : member.calm.sinceMs + CALM_RULES[pair.severity].capMs;
}

/**
 * When it began to burn: the minute from which on most failed beyond what is half-way between what the objective allows and what the pair fires at
 * (Page, E. S. (1954), "Continuous inspection schemes", Biometrika 41: the start of the segment with the greatest sum).
 * @param minutes good and total by the minute up to the moment at which the pair opened, from {@link evidenceStart} on
 * @returns milliseconds since 1970
 */
export function onsetOf(
  { good, total, fromMs }: { good: ArrayLike<number>; total: ArrayLike<number>; fromMs: number },
  pair: Pair,
  objective: number,
): number {
  const reference = ((1 + pair.fittedFactor) / 2) * (1 - objective);
  let first = Math.max(0, total.length - 1);
  let greatest = 0;
  let excess = 0;
  for (let i = total.length - 1; i >= 0; i--) {
    const all = total[i] as number;
    excess += all - (good[i] as number) - reference * all;
    if (excess <= greatest) continue;
    greatest = excess;
    first = i;
  }
  return fromMs + first * MINUTE_MS;
}
