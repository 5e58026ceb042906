/** Multi-window burn-rate pairs: data, with the factor computed and fitted to what an error ratio can reach. */
import { windowSeconds } from './windows.ts';

export type Severity = 'page' | 'ticket';

/** A pair as it is asked for: by the share of the budget that burns in its long window, or by its factor. */
export type PairSpec = { severity: Severity; long: string; short: string } & ({ budgetShare: number } | { factor: number });

/**
 * Google, "The Site Reliability Workbook", chapter 5, table 5-8, and a second ticket pair for slow burns. For short periods the share of the budget
 * grows: below the least factor a pair would page for a few failures at night, or open a ticket for what the objective allows (docs/slos.md, "Short periods").
 */
const WORKBOOK_PAIRS: readonly (PairSpec & { budgetShare: number; leastFactor: number })[] = [
  { severity: 'page', budgetShare: 0.02, leastFactor: 13.44, long: '1h', short: '5m' },
  { severity: 'page', budgetShare: 0.05, leastFactor: 6, long: '6h', short: '30m' },
  { severity: 'ticket', budgetShare: 0.1, leastFactor: 2, long: '1d', short: '2h' },
  { severity: 'ticket', budgetShare: 0.1, leastFactor: 1, long: '3d', short: '6h' },
];

/** The same for pairs of one's own. */
const LEAST_FACTOR = { page: 6, ticket: 1 } as const satisfies Record<Severity, number>;
/** A pair must fire by the time half of its long window is lost, at any objective. */
const REACHABLE_ERROR_RATIO = 0.5;

export interface Pair {
  /** `1` to `4` for the Workbook's, as alerts name it. */
  name: string;
  severity: Severity;
  long: string;
  short: string;
  /** Share of the period's error budget that burns in the long window when the pair fires. */
  budgetShare: number;
  /** Burn rate above which the pair as asked for fires: budget share × period / long window. */
  factor: number;
  /** The factor used: min(factor, 0.5 / (1 − objective)). */
  fittedFactor: number;
  isFitted: boolean;
  /** Share of the budget that the fitted factor stands for. */
  fittedBudgetShare: number;
  /** Seconds until a total outage fires the pair, at steady traffic and no errors before. */
  outageFiresAfterSeconds: number;
}

/**
 * The pairs of an SLO: those of the Workbook for the severities that its alert policies ask for, then its own.
 * @param objective ratio, such as 0.98
 * @param periodSeconds length of the SLO's window
 */
export function pairsFor(objective: number, periodSeconds: number, severities: readonly Severity[], own: readonly PairSpec[] = []): Pair[] {
  const workbook = WORKBOOK_PAIRS.map((spec, index) => ({ spec, name: String(index + 1) })).filter(({ spec }) =>
    severities.includes(spec.severity),
  );
  const firstOwn = workbook.length > 0 ? WORKBOOK_PAIRS.length + 1 : 1;
  const ours = own.map((spec, index) => ({ spec, name: String(firstOwn + index) }));
  return [...workbook, ...ours].map(({ spec, name }) => fitted(spec, name, objective, periodSeconds));
}

function fitted(spec: PairSpec & { leastFactor?: number }, name: string, objective: number, periodSeconds: number): Pair {
  const allowed = 1 - objective;
  const longSeconds = windowSeconds(spec.long);
  const factor =
    'factor' in spec
      ? spec.factor
      : Math.max((spec.budgetShare * periodSeconds) / longSeconds, spec.leastFactor ?? LEAST_FACTOR[spec.severity]);
  const fittedFactor = Math.min(factor, REACHABLE_ERROR_RATIO / allowed);
  return {
    name,
    severity: spec.severity,
    long: spec.long,
    short: spec.short,
    budgetShare: (factor * longSeconds) / periodSeconds,
    factor,
    fittedFactor,
    isFitted: fittedFactor < factor,
    fittedBudgetShare: (fittedFactor * longSeconds) / periodSeconds,
    outageFiresAfterSeconds: fittedFactor * allowed * longSeconds,
  };
}

/** The same in whole minutes, as an evaluation each minute sees it. */
export const outageMinutes = (pair: Pair): number => Math.ceil(Number((pair.outageFiresAfterSeconds / 60).toFixed(6)));

/** Labels of a burn-rate alert, the same for whoever sends it. */
export const burnLabels = (slo: { name: string; service: string }, pair: Pair): Record<string, string> => ({
  slo: slo.name,
  service: slo.service,
  severity: pair.severity,
  pair: pair.name,
  long_window: pair.long,
  short_window: pair.short,
});
