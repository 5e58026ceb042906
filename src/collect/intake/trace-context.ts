/** W3C Trace Context, as far as an event needs it. */

/** Ids of a `traceparent` header (https://www.w3.org/TR/trace-context/, 3.2); nothing when it is not valid. */
export function parseTraceparent(value: unknown): { trace_id?: string; span_id?: string } {
  const match =
    typeof value === 'string'
      ? /^(?:00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}|(?!00|ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?)$/.exec(
          value,
        )
      : null;
  const [traceId, spanId] = match ? [match[1] ?? match[3], match[2] ?? match[4]] : [];
  if (traceId === undefined || spanId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return {};
  return { trace_id: traceId, span_id: spanId };
}
