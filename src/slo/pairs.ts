/** Multi-window burn-rate pairs: data, with the factor computed and fitted to what an error ratio can reach. */
import { WINDOWS, type WindowName } from '../names.ts';

export type Severity = 'page' | 'ticket';

interface PairSpec {
  severity: Severity;
  /** Share of the period's error budget that burns in the long window when the pair fires. */
  budgetShare: number;
  long: WindowName;
  short: WindowName;
}

/** Google, "The Site Reliability Workbook", chapter 5, table 5-8, and a second ticket pair for slow burns. */
const PAIRS: readonly PairSpec[] = [
  { severity: 'page', budgetShare: 0.02, long: '1h', short: '5m' },
  { severity: 'page', budgetShare: 0.05, long: '6h', short: '30m' },
  { severity: 'ticket', budgetShare: 0.1, long: '1d', short: '2h' },
  { severity: 'ticket', budgetShare: 0.1, long: '3d', short: '6h' },
];

/** Below these a pair would fire on what the objective allows: for short periods the share of the budget grows instead. */
const LEAST_FACTOR = { page: 6, ticket: 1 } as const satisfies Record<Severity, number>;
/** A pair must fire by the time half of its long window is lost, at any objective. */
const REACHABLE_ERROR_RATIO = 0.5;

export interface Pair extends PairSpec {
  /** `1` to `4`, as alerts name it. */
  name: string;
  /** Burn rate above which the Workbook's pair fires: budget share × period / long window. */
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
 * The pairs of an SLO.
 * @param objective ratio, such as 0.98
 * @param periodSeconds length of the SLO's window
 * @param severities which severities the SLO's alert policies ask for
 */
export function pairsFor(objective: number, periodSeconds: number, severities: readonly Severity[]): Pair[] {
  const allowed = 1 - objective;
  return PAIRS.map((spec, index) => {
    const longSeconds = WINDOWS[spec.long];
    const factor = Math.max((spec.budgetShare * periodSeconds) / longSeconds, LEAST_FACTOR[spec.severity]);
    const fittedFactor = Math.min(factor, REACHABLE_ERROR_RATIO / allowed);
    return {
      ...spec,
      name: String(index + 1),
      budgetShare: (factor * longSeconds) / periodSeconds,
      factor,
      fittedFactor,
      isFitted: fittedFactor < factor,
      fittedBudgetShare: (fittedFactor * longSeconds) / periodSeconds,
      outageFiresAfterSeconds: fittedFactor * allowed * longSeconds,
    };
  }).filter(({ severity }) => severities.includes(severity));
}

/** The same in whole minutes, as an evaluation each minute sees it. */
export const outageMinutes = (pair: Pair): number => Math.ceil(Number((pair.outageFiresAfterSeconds / 60).toFixed(6)));
