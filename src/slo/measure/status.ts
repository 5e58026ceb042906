/** The status of SLOs at a moment, as `muster slo status`, the API and the page show it. */
import type { Engine, Session } from '../../store/engine/engine.ts';
import type { AlertState, PairMemory } from '../arithmetic/alert-state.ts';
import { burnRate, type Counts, errorBudgetRemaining, type WindowCounts, wilsonInterval } from '../arithmetic/burn.ts';
import type { Severity } from '../arithmetic/pairs.ts';
import { windowSeconds } from '../arithmetic/windows.ts';
import { judgedOf, type Slo } from '../definition/openslo.ts';
import type { SliKind } from '../slis/sli.ts';
import { type Figures, figuresAt, toMinute, type WindowFigures, windowsOf } from './figures.ts';
import { loadCircumstances, loadHistory, walk, withoutMaintenance } from './history.ts';

export interface SloAlert {
  severity: Severity;
  pair: string;
  longWindow: string;
  shortWindow: string;
  state: AlertState;
  /** RFC 3339: since when it is in this state; null when inactive. */
  since: string | null;
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
const LOOK_BACK_MS = 7 * 86_400_000;
const Z_95 = 1.96;

/** Memory of each pair, by {@link pairKey}. */
export type Memories = Map<string, PairMemory>;
/** What a pair of an SLO is known by among all pairs. */
export const pairKey = (slo: string, pair: string): string => `${slo}/${pair}`;

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
    for (const pair of slo.pairs) {
      const memory = walk(pair, judgedOf(slo), history, { ...circumstances, slo: slo.name });
      if (memory) memories.set(pairKey(slo.name, pair.name), memory);
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
    sli: slo.sli.id,
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
    alerts: slo.pairs.map((pair) => {
      const memory = memories.get(pairKey(slo.name, pair.name));
      const state = memory?.state ?? 'inactive';
      return {
        severity: pair.severity,
        pair: pair.name,
        longWindow: pair.long,
        shortWindow: pair.short,
        state,
        since: memory && state !== 'inactive' ? new Date(memory.sinceMs).toISOString() : null,
      };
    }),
  };
}

function goodInterval({ good, total }: Counts): { lower: number; upper: number } {
  const bad = wilsonInterval(total - good, total, Z_95);
  return { lower: 1 - bad.upper, upper: 1 - bad.lower };
}
