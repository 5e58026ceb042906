/** How an attempt's events, spans and counts are told, in a terminal and on the page alike. */
import type { AttemptSpan, Counted } from '../inquiry/attempt-detail.ts';

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

/** A span among those of several traces. */
export const spanKey = ({ traceId, spanId }: Pick<AttemptSpan, 'traceId' | 'spanId'>): string => `${traceId}-${spanId}`;

/** How deep each span lies below the first of its trace that is known, parents before their children, by start. */
export function asTree(spans: readonly AttemptSpan[]): { span: AttemptSpan; depth: number }[] {
  const known = new Set(spans.map(spanKey));
  const parentOf = ({ traceId, parentSpanId }: AttemptSpan) => spanKey({ traceId, spanId: parentSpanId });
  const children = Map.groupBy(spans, (span) => (known.has(parentOf(span)) ? parentOf(span) : ''));
  const found: { span: AttemptSpan; depth: number }[] = [];
  const seen = new Set<string>();
  const visit = (span: AttemptSpan, depth: number) => {
    // Ids come from outside: a circle ends where it began.
    if (seen.has(spanKey(span))) return;
    seen.add(spanKey(span));
    found.push({ span, depth });
    for (const child of children.get(spanKey(span)) ?? []) visit(child, depth + 1);
  };
  for (const span of children.get('') ?? []) visit(span, 0);
  for (const span of spans) visit(span, 0);
  return found;
}
