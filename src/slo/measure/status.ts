/** The status of SLOs at a moment, as `muster slo status`, the API and the page show it. */
import type { Engine, Session } from '../../store/engine/engine.ts';
import { burnRate, type Counts, errorBudgetRemaining, type WindowCounts, wilsonInterval } from '../arithmetic/burn.ts';
import { type AlertState, calmSince, type Episode, endsAtMost, type PairMemory } from '../arithmetic/episode.ts';
import type { Pair, Severity } from '../arithmetic/pairs.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import { judgedOf, type Slo } from '../definition/openslo.ts';
import { knownId, type SliKind } from '../slis/sli.ts';
import { type Figures, figuresAt, toMinute, type WindowFigures, windowsOf } from './figures.ts';
import { loadCircumstances, loadHistory, walk, withoutMaintenance } from './history.ts';

export interface SloAlert {
  severity: Severity;
  pair: string;
  longWindow: string;
  shortWindow: string;
  state: AlertState;
  /** RFC 3339: when it began to burn, of one that fires or has joined; else since when it is in this state; null when inactive. */
  since: string | null;
  /** When it fired. */
  firedAt: string | null;
  /** Failures of the long window that count as evidence: those that no episode before has used up. */
  evidence: { bad: number; usersBad: number };
  /** What an episode waits for that no longer burns; null while it does, or in none. */
  ends: AlertEnd | null;
}

/** Why an alert still fires though the short window no longer burns. */
export interface AlertEnd {
  /** Since when its short window is calm, or sees nothing. */
  since: string;
  /** Attempts that a calm run needs, and those that it has seen; null while nothing is seen. */
  needed: number | null;
  seen: number | null;
  /** It ends by then, if nothing fails any more. */
  atMost: string;
}

export interface SloStatus {
  slo: string;
  sli: string;
  title: string;
  kind: SliKind;
  objective: number | null;
  window: string;
  good: number | null;
  total: number;
  sliValue: number | null;
  /** Wilson 95 % interval of `sliValue`, of a ratio. */
  interval: { lower: number; upper: number } | null;
  errorBudgetRemaining: number | null;
  burnRates: Record<string, number | null>;
  /** Counts behind the burn rates. */
  windows: Record<string, WindowCounts>;
  coverage: Record<string, number>;
  /** Counted beside over the period: `all` traffic of M1, `provider` errors of M5. */
  beside: Record<string, Counts>;
  excludedMinutes: number;
  alerts: SloAlert[];
}

/** States are followed back so far, to know what fired before and held. */
const LOOK_BACK_MS = 14 * 86_400_000;
const Z_95 = 1.96;

/** The episodes of SLOs, by {@link episodeKey}. */
export type Memories = Map<string, Episode>;
/** What the pairs of one severity of an SLO are known by. */
export const episodeKey = (slo: string, severity: Severity): string => `${slo}/${severity}`;

/** The pairs of an SLO, by severity: those of each decide together. */
export const bySeverity = (slo: Slo): Map<Severity, Pair[]> => Map.groupBy(slo.pairs, ({ severity }) => severity);

/** Status of each SLO at `atMs`, cut to the minute: by event time, with all that is known today. */
export async function sloStatus(engine: Engine, slos: readonly Slo[], atMs: number): Promise<SloStatus[]> {
  const at = toMinute(atMs);
  return statusesOf(slos, await figuresAt(engine, slos, at, 'panels'), await statesAt(engine.session('panels'), slos, at));
}

/** The states that the evaluator would be in at `atMs` (a full minute), had it known all along what is known today. */
export async function statesAt(session: Session, slos: readonly Slo[], atMs: number): Promise<Memories> {
  const withPairs = slos.filter(({ pairs }) => pairs.length > 0);
  const longest = Math.max(0, ...withPairs.flatMap(({ pairs }) => pairs.map(({ long }) => windowSeconds(long))));
  const fromMs = atMs - LOOK_BACK_MS - longest * 1_000;
  const histories = await loadHistory(session, [...new Set(withPairs.map(({ sli }) => sli.id))], fromMs, atMs);
  const circumstances = await loadCircumstances(session, fromMs, atMs);
  const memories: Memories = new Map();
  for (const slo of withPairs) {
    const stored = histories.get(slo.sli.id);
    if (!stored) continue;
    const history = withoutMaintenance(stored, circumstances.maintenance, slo.name);
    for (const [severity, pairs] of bySeverity(slo)) {
      const episode = walk(pairs, judgedOf(slo), history, { ...circumstances, slo: slo.name });
      if (episode) memories.set(episodeKey(slo.name, severity), episode);
    }
  }
  return memories;
}

/** Statuses from figures and states that are at hand. */
export function statusesOf(slos: readonly Slo[], figures: Figures, memories: Memories): SloStatus[] {
  return slos.flatMap((slo) => {
    const figure = figures.bySlo.get(slo.name);
    return figure ? [statusOf(slo, figure, figures, memories)] : [];
  });
}

function statusOf(slo: Slo, figure: WindowFigures, figures: Figures, memories: Memories): SloStatus {
  const { whole, windows } = figure;
  const { objective } = slo;
  const isCount = slo.sli.kind === 'count';
  const names = windowsOf(slo);
  const counts = (name: string): WindowCounts => windows.get(name) ?? { good: 0, total: 0, usersBad: 0 };
  const isMeaningful = (name: string) => objective !== null && windowSeconds(name) >= (slo.sli.slices?.minutes ?? 0) * 60;
  return {
    slo: slo.name,
    sli: knownId(slo.sli),
    title: slo.title,
    kind: slo.sli.kind,
    objective,
    window: slo.period.text,
    good: isCount ? null : whole.good,
    total: whole.total,
    sliValue: isCount ? whole.total : whole.total === 0 ? null : whole.good / whole.total,
    interval: slo.sli.kind === 'ratio' && whole.total > 0 ? goodInterval(whole) : null,
    errorBudgetRemaining: objective === null ? null : errorBudgetRemaining(whole, objective),
    burnRates: Object.fromEntries(
      names.map((name) => [name, objective !== null && isMeaningful(name) ? burnRate(counts(name), objective) : null]),
    ),
    windows: Object.fromEntries(names.map((name) => [name, counts(name)])),
    coverage: Object.fromEntries(names.map((name) => [name, figures.coverage.get(name) ?? 1])),
    beside: figure.beside,
    excludedMinutes: figure.excludedMinutes,
    alerts: slo.pairs.map((pair) => alertOf(pair, memories.get(episodeKey(slo.name, pair.severity)))),
  };
}

function alertOf(pair: Pair, episode: Episode | undefined): SloAlert {
  const memory = episode?.pairs.get(pair.name);
  const state = memory?.state ?? 'inactive';
  const sinceMs = memory?.member ? (episode?.onsetMs ?? memory.sinceMs) : memory?.sinceMs;
  return {
    severity: pair.severity,
    pair: pair.name,
    longWindow: pair.long,
    shortWindow: pair.short,
    state,
    since: sinceMs === undefined || state === 'inactive' ? null : iso(sinceMs),
    firedAt: memory?.member ? iso(memory.member.openedAtMs) : null,
    evidence: memory?.evidence ?? { bad: 0, usersBad: 0 },
    ends: memory ? endOf(pair, memory) : null,
  };
}

function endOf(pair: Pair, memory: PairMemory): AlertEnd | null {
  const atMost = endsAtMost(pair, memory);
  const sinceMs = calmSince(memory);
  if (atMost === null || sinceMs === null) return null;
  const { calm, quietSinceMs } = memory.member ?? { calm: null, quietSinceMs: null };
  const counts = quietSinceMs === null && calm ? { needed: calm.needed, seen: calm.seen } : { needed: null, seen: null };
  return { since: iso(sinceMs), ...counts, atMost: iso(atMost) };
}

/** When an alert that fires began to burn, and since when it no longer does. */
export const burning = ({ since, ends }: SloAlert, atMs: number): { onsetMs: number; calmMs: number | null } => ({
  onsetMs: since === null ? atMs : Date.parse(since),
  calmMs: ends === null ? null : Date.parse(ends.since),
});

const iso = (ms: number) => new Date(ms).toISOString();

function goodInterval({ good, total }: Counts): { lower: number; upper: number } {
  const bad = wilsonInterval(total - good, total, Z_95);
  return { lower: 1 - bad.upper, upper: 1 - bad.lower };
}
