/** Spans and log records of an OTLP request in one form, whichever encoding they came in. */
import { meaningOfName, type NameMeaning } from '../../events/event-name.ts';
import { jsonRecords } from './json-records.ts';
import type { Attributes, AttributeValue, Part, Signal } from './part.ts';
import { wireRecords } from './wire-records.ts';

export interface OtlpRecord {
  signal: Signal;
  own: Attributes;
  /** Of the resource and the scope, shared by their records: what a record says itself wins. */
  shared: Attributes;
  /** What it is meant to be. */
  meaning: NameMeaning;
  /** As it names itself. */
  eventName: string | undefined;
  /** Lower-case hex, or '' where there is none. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  /** Of a span, as its service named it. */
  name: string;
  /** `server`, `client`, … of a span. */
  kind: string;
  /** Microseconds since 1970, or undefined where the record has no time. A log record starts when it ends. */
  startUs: number | undefined;
  endUs: number | undefined;
  hasFailed: boolean;
  /** Of a log record; fields of the catalogue, when it is an event. */
  body: AttributeValue | undefined;
  /** Of an event on a span, which one it is; undefined of spans and log records. */
  eventOfSpan: number | undefined;
  /** What tells a log record from others beside its attributes and body. */
  stamp: string;
  /** Fields whose value is none of theirs. */
  unreadable: readonly string[];
  /** Ids of its trace that are none. */
  notes: readonly string[];
}

/** A record that could not be read, or a field of the request. */
export interface Unreadable {
  problem: string;
}

/** An attribute of a record, or of its resource. */
export const attribute = ({ own, shared }: Pick<OtlpRecord, 'own' | 'shared'>, name: string): AttributeValue | undefined =>
  own.get(name) ?? shared.get(name);

/** Of `Status.code` (opentelemetry-proto, trace/v1). */
const STATUS_ERROR = 2;
/** `Span.SpanKind` by its number. */
const SPAN_KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const MAX_BODY_TEXT = 64 * 1024;
/** Brackets of one event: the catalogue has no values deeper than a map. */
const MAX_BODY_BRACKETS = 100;

/**
 * All records of a request, in its order: each span, then its events that are events of the catalogue.
 * @param request bytes of protobuf, or a parsed body of JSON
 * @throws MUSTER_BAD_JSON, MUSTER_BAD_ARGUMENT for what is no request, MUSTER_BODY_TOO_LARGE
 */
export function* recordsOf(signal: Signal, request: unknown): Generator<OtlpRecord | Unreadable> {
  const parts = Buffer.isBuffer(request) ? wireRecords(signal, request) : jsonRecords(signal, request);
  for (const part of parts) {
    if ('problem' in part) yield part;
    else {
      yield recordOf(signal, part);
      for (const event of part.events) yield eventOfSpan(part, event);
    }
  }
}

function recordOf(signal: Signal, part: Part): OtlpRecord {
  const isSpan = signal === 'traces';
  const { own, shared, unreadable } = part;
  const body = isSpan ? undefined : bodyOf(part);
  const named = part.eventName || own.get('event.name') || typeIn(body) || shared.get('event.name');
  const eventName = typeof named === 'string' ? named : undefined;
  const meaning = eventName === undefined ? undefined : meaningOfName(eventName);
  const endUs = microseconds(isSpan ? part.endNanos : part.timeNanos) ?? (isSpan ? undefined : microseconds(part.observedNanos));
  return {
    signal,
    own,
    shared,
    meaning,
    eventName,
    traceId: part.traceId,
    spanId: part.spanId,
    parentSpanId: part.parentSpanId,
    name: part.name,
    kind: SPAN_KINDS[part.kind] ?? '',
    startUs: isSpan ? microseconds(part.startNanos) : endUs,
    endUs,
    hasFailed: part.statusCode === STATUS_ERROR,
    body: meaning ? body : undefined,
    eventOfSpan: undefined,
    stamp: isSpan || !meaning ? '' : JSON.stringify([String(part.timeNanos || part.observedNanos || ''), ...part.severity]),
    unreadable,
    notes: part.notes,
  };
}

/** What happened within a span is told of with what the span says of itself. */
function eventOfSpan(span: Part, event: Part['events'][number]): OtlpRecord {
  const atUs = microseconds(event.nanos);
  return {
    ...recordOf('traces', { ...span, own: new Map([...span.own, ...event.own]), eventName: event.name, statusCode: 0 }),
    startUs: atUs,
    endUs: atUs,
    eventOfSpan: event.index,
    unreadable: event.unreadable,
  };
}

/** A body that may hold fields: a map, or JSON of one. */
function bodyOf(part: Part): AttributeValue | undefined {
  const body = part.body?.();
  if (typeof body !== 'string' || body.length > MAX_BODY_TEXT || !/^\s*\{/.test(body)) return body;
  if ((body.match(/[[{]/g)?.length ?? 0) > MAX_BODY_BRACKETS) return body;
  try {
    return JSON.parse(body) as AttributeValue;
  } catch {
    return body;
  }
}

const typeIn = (body: AttributeValue | undefined): unknown => (isMap(body) ? body.type : undefined);

/** Whether a value is a map of values. */
export const isMap = (value: unknown): value is Record<string, AttributeValue> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const microseconds = (nanos: bigint | undefined): number | undefined =>
  nanos === undefined || nanos === 0n ? undefined : Number(nanos / 1_000n);
