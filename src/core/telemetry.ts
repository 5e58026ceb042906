/** Spans of the core (OpenTelemetry): what each step did, and which step an answer that comes later belongs to. */
import { type Attributes, context, type Link, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { MusterError } from '../errors.ts';

const tracer = () => trace.getTracer('muster-core');

/** `trace_id` and `span_id` of the span that is going on, for an event. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const span = trace.getSpan(context.active())?.spanContext();
  return span && trace.isSpanContextValid(span) ? { trace_id: span.traceId, span_id: span.spanId } : {};
}

/** `traceparent` (W3C Trace Context section 3.2) of the span that is going on, or null. */
export function traceparent(): string | null {
  const span = trace.getSpan(context.active())?.spanContext();
  if (!span || !trace.isSpanContextValid(span)) return null;
  return `00-${span.traceId}-${span.spanId}-0${span.traceFlags & 1}`;
}

/** A link to the step that made a challenge: its answer comes in a request, and a trace, of its own. */
export function linkTo(parent: string | null | undefined): Link[] {
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(parent ?? '');
  if (!parts?.[1] || !parts[2]) return [];
  return [{ context: { traceId: parts[1], spanId: parts[2], traceFlags: Number.parseInt(parts[3] ?? '0', 16), isRemote: true } }];
}

export interface SpanOptions {
  kind?: 'server' | 'client';
  attributes?: Attributes;
  links?: Link[];
}

const SPAN_KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** Does work inside a span. An error that it throws is the span's, by its code alone: words of errors may name people. */
export function traced<T>(name: string, { kind, attributes, links }: SpanOptions, work: (span: Span) => Promise<T>): Promise<T> {
  const options = { kind: kind ? SPAN_KINDS[kind] : SpanKind.INTERNAL, ...(attributes && { attributes }), ...(links && { links }) };
  return tracer().startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      failed(span, error instanceof MusterError ? error.code : 'internal');
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Does work outside of any span: what sets a timer inside of one keeps the span for as long as the timer runs. */
export const untraced = <T>(work: () => T): T => context.with(ROOT_CONTEXT, work);

/** @param errorType a class of the catalogue, or a code of ours */
export function failed(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
