/**
 * The error-budget policy as a gate for deploys: closed while an SLO pages, has no budget left, or cannot be judged.
 * Google, "The Site Reliability Workbook", appendix B, "Example Error Budget Policy".
 */

import { budgetState } from '../arithmetic/burn.ts';
import { burnTimes } from '../measure/alert-words.ts';
import type { SloStatus } from '../measure/status.ts';

export interface GateVerdict {
  slo: string;
  isOpen: boolean;
  /** Why, in words. */
  reason: string;
}

/** Whether the error budget of an SLO lets a deploy go. */
export function gateOf(status: SloStatus): GateVerdict {
  const verdict = (isOpen: boolean, reason: string): GateVerdict => ({ slo: status.slo, isOpen, reason });
  if (status.objective === null) return verdict(true, 'it is only counted, without an objective');
  const page = status.alerts.find(({ severity, state }) => severity === 'page' && state === 'firing');
  if (page) return verdict(false, `it pages (pair ${page.pair}): ${burnTimes(page)}`);
  const left = status.errorBudgetRemaining;
  const bad = status.total - (status.good ?? 0);
  const budget = budgetState({ good: status.good ?? 0, total: status.total }, status.objective);
  if (left !== null && left <= 0 && budget !== 'too_few')
    return verdict(false, `no error budget is left over ${status.window}: only fixes and rollbacks go out`);
  const frozen = status.alerts.find(({ state }) => state === 'frozen');
  if (frozen) return verdict(false, 'the collector saw too little to judge by; a deploy would go out blind');
  if (budget === 'too_few')
    return verdict(true, `too few events to judge the error budget over ${status.window} by: ${bad} bad of ${status.total}`);
  if (left === null) return verdict(true, `nothing was counted over ${status.window}, so no budget was spent`);
  const ticket = status.alerts.find(({ severity, state }) => severity === 'ticket' && state === 'firing');
  const rest = `${Math.floor(left * 100)} % of the error budget is left`;
  return verdict(true, ticket ? `${rest}, though a ticket is open: ${burnTimes(ticket)}` : rest);
}
