/** How an attempt's events, spans and counts are told, in a terminal and on the page alike. */
import type { AttemptSpan, Counted } from './attempt-detail.ts';

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

/** How deep each span lies below the first of its trace that is known, parents before their children, by start. */
export function asTree(spans: readonly AttemptSpan[]): { span: AttemptSpan; depth: number }[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = Map.groupBy(spans, ({ parentSpanId }) => (ids.has(parentSpanId) ? parentSpanId : ''));
  const found: { span: AttemptSpan; depth: number }[] = [];
  const seen = new Set<string>();
  const visit = (span: AttemptSpan, depth: number) => {
    // Ids come from outside: a circle ends where it began.
    if (seen.has(span.spanId)) return;
    seen.add(span.spanId);
    found.push({ span, depth });
    for (const child of children.get(span.spanId) ?? []) visit(child, depth + 1);
  };
  for (const span of children.get('') ?? []) visit(span, 0);
  for (const span of spans) visit(span, 0);
  return found;
}
