/** How an attempt's events and counts are told, in a terminal and on the page alike. */
import type { Counted } from './attempt-detail.ts';

/** Fields of an event that say most, in this order. */
export const TOLD = ['provider', 'operation', 'http_status', 'outcome', 'error_class', 'error_code', 'action', 'reason'] as const;

/** Whether an SLO counted something bad. */
export const isBad = ({ good, total, isExcluded }: Counted): boolean => good < total && !isExcluded;

/** In which words an SLO counted it. */
export function countedText({ good, total, isExcluded }: Counted): string {
  if (total === 0) return 'not counted';
  if (isExcluded) return 'excluded: maintenance';
  if (total === 1) return good === 1 ? 'good' : 'bad';
  return `${total - good} of ${total} bad`;
}
