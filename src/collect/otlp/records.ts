/** Spans and log records of an OTLP request in one form, whichever encoding they came in. */
import type { Signal } from './schema.ts';

export type AttributeValue = string | number | boolean;
export type Attributes = Record<string, AttributeValue>;

export interface OtlpRecord {
  signal: Signal;
  /** Of the resource and of the record; the record's win. */
  attributes: Attributes;
  /** `event.name`, or a log record's `eventName`; undefined when it names none. */
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
}

type Message = Record<string, unknown>;

/** Of `Status.code` (opentelemetry-proto, trace/v1). */
const STATUS_ERROR = 2;
const NANOS_PER_US = 1_000n;
/** `Span.SpanKind` by its number. */
const KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];

const list = (value: unknown): Message[] =>
  Array.isArray(value) ? value.filter((each): each is Message => typeof each === 'object' && each !== null) : [];
const inner = (message: Message, name: string): Message => {
  const value = message[name];
  return typeof value === 'object' && value !== null ? (value as Message) : {};
};

/** All records of a request, in its order. */
export function* recordsOf(signal: Signal, request: unknown): Generator<OtlpRecord> {
  const whole = typeof request === 'object' && request !== null ? (request as Message) : {};
  const [resources, scopes, records] =
    signal === 'traces' ? ['resourceSpans', 'scopeSpans', 'spans'] : ['resourceLogs', 'scopeLogs', 'logRecords'];
  for (const resource of list(whole[resources as string])) {
    const shared = attributesOf(inner(resource, 'resource').attributes);
    for (const scope of list(resource[scopes as string])) {
      for (const record of list(scope[records as string])) yield recordOf(signal, record, shared);
    }
  }
}

function recordOf(signal: Signal, record: Message, shared: Attributes): OtlpRecord {
  const own = attributesOf(record.attributes);
  const named = record.eventName || own['event.name'];
  const endUs =
    microseconds(signal === 'traces' ? record.endTimeUnixNano : record.timeUnixNano) ?? microseconds(record.observedTimeUnixNano);
  return {
    signal,
    attributes: { ...shared, ...own },
    eventName: typeof named === 'string' ? named : undefined,
    traceId: idOf(record.traceId, 32),
    spanId: idOf(record.spanId, 16),
    parentSpanId: idOf(record.parentSpanId, 16),
    name: typeof record.name === 'string' ? record.name : '',
    kind: KINDS[Number(record.kind ?? 0)] ?? '',
    startUs: signal === 'traces' ? microseconds(record.startTimeUnixNano) : endUs,
    endUs,
    hasFailed: Number(inner(record, 'status').code ?? 0) === STATUS_ERROR,
  };
}

/** Attributes whose value is text, a number or a truth; others say nothing that the catalogue knows. */
function attributesOf(value: unknown): Attributes {
  // Keys come from outside, `__proto__` among them.
  const attributes: Attributes = Object.create(null);
  for (const { key, value: given } of list(value)) {
    const found = typeof given === 'object' && given !== null ? scalar(given as Message) : undefined;
    if (typeof key === 'string' && key !== '' && found !== undefined) attributes[key] = found;
  }
  return attributes;
}

function scalar({ stringValue, boolValue, intValue, doubleValue }: Message): AttributeValue | undefined {
  if (typeof stringValue === 'string') return stringValue;
  if (typeof boolValue === 'boolean') return boolValue;
  if (typeof doubleValue === 'number') return doubleValue;
  // 64-bit integers are text in protobuf's JSON, and numbers as the SDK for JavaScript writes them.
  if (typeof intValue === 'number' || (typeof intValue === 'string' && /^-?\d{1,19}$/.test(intValue))) return Number(intValue);
  return undefined;
}

/** An id as lower-case hex: bytes in protobuf, hex in JSON. '' for one that is missing, of another length, or all zero. */
function idOf(value: unknown, length: number): string {
  const text = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : typeof value === 'string' ? value.toLowerCase() : '';
  return text.length === length && /^[0-9a-f]+$/.test(text) && !/^0+$/.test(text) ? text : '';
}

function microseconds(nanos: unknown): number | undefined {
  const text = typeof nanos === 'number' ? String(nanos) : nanos;
  if (typeof text !== 'string' || !/^[1-9]\d{0,19}$/.test(text)) return undefined;
  return Number(BigInt(text) / NANOS_PER_US);
}
