/** Spans and log records of an OTLP request in one form, whichever encoding they came in. */
import { MusterError } from '../../errors.ts';
import type { Signal } from './schema.ts';

export type AttributeValue = string | number | boolean;
export type Attributes = ReadonlyMap<string, AttributeValue>;

export interface OtlpRecord {
  signal: Signal;
  own: Attributes;
  /** Of the resource, shared by its records: what a record says itself wins. */
  shared: Attributes;
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

/** An attribute of a record, or of its resource. */
export const attribute = ({ own, shared }: OtlpRecord, name: string): AttributeValue | undefined => own.get(name) ?? shared.get(name);

type Message = Record<string, unknown>;

/** A request of more records is refused: an SDK sends 512. */
const MAX_RECORDS = 50_000;
/** The same of attributes, those of a resource counted for each of its records: each record is made with all of them. */
const MAX_ATTRIBUTES_IN_ALL = 1_000_000;
/**
 * Letters of the same, of what becomes part of each event: redacted, checked and stored for each. An SDK's batch of 512 may have eight thousand
 * of them in its resource.
 */
const MAX_SHARED_LETTERS_IN_ALL = 4 * 1024 * 1024;
/** Of one attribute of a resource: what is longer names nothing that records share. */
const MAX_SHARED_LETTERS = 8_192;
/** More attributes than these are passed over; the SDKs' own limit is 128. */
const MAX_ATTRIBUTES = 128;
/** Of `Status.code` (opentelemetry-proto, trace/v1). */
const STATUS_ERROR = 2;
const NANOS_PER_US = 1_000n;
/** `Span.SpanKind` by its number. */
const SPAN_KINDS = ['', 'internal', 'server', 'client', 'producer', 'consumer'];
const NAMES = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
} as const satisfies Record<Signal, readonly string[]>;

const isMessage = (value: unknown): value is Message => typeof value === 'object' && value !== null;
const list = (value: unknown): Message[] => (Array.isArray(value) ? value.filter(isMessage) : []);
const inner = (message: Message, name: string): Message => (isMessage(message[name]) ? message[name] : {});

/**
 * All records of a request, in its order.
 * @throws MUSTER_BAD_JSON for what is no request, MUSTER_BODY_TOO_LARGE
 */
export function* recordsOf(signal: Signal, request: unknown): Generator<OtlpRecord> {
  if (!isMessage(request) || Array.isArray(request))
    throw new MusterError('MUSTER_BAD_JSON', `the body is not an OTLP request of ${signal}`);
  const [resources, scopes, records] = NAMES[signal];
  let count = 0;
  let attributes = 0;
  let sharedLetters = 0;
  for (const resource of list(request[resources])) {
    const shared = withoutLong(attributesOf(inner(resource, 'resource').attributes));
    const letters = lettersOfEvents(shared);
    for (const scope of list(resource[scopes])) {
      for (const record of list(scope[records])) {
        count += 1;
        if (count > MAX_RECORDS)
          throw new MusterError('MUSTER_BODY_TOO_LARGE', `more than ${MAX_RECORDS} records in one request; send them in parts`);
        const made = recordOf(signal, record, shared);
        attributes += shared.size + made.own.size;
        sharedLetters += letters;
        if (attributes > MAX_ATTRIBUTES_IN_ALL || sharedLetters > MAX_SHARED_LETTERS_IN_ALL)
          throw new MusterError(
            'MUSTER_BODY_TOO_LARGE',
            `more than ${MAX_ATTRIBUTES_IN_ALL} attributes in one request, or ${MAX_SHARED_LETTERS_IN_ALL} letters of muster.* in those of a resource, which count for each of its records; send it in parts`,
          );
        yield made;
      }
    }
  }
}

/** Attributes of a resource that are no longer than such an attribute may be. */
const withoutLong = (attributes: Attributes): Attributes =>
  new Map([...attributes].filter(([name, value]) => name.length + String(value).length <= MAX_SHARED_LETTERS));

/** Letters of what a resource says of each event. */
const lettersOfEvents = (shared: Attributes): number =>
  [...shared].reduce((sum, [name, value]) => (name.startsWith('muster.') ? sum + name.length + String(value).length : sum), 0);

function recordOf(signal: Signal, record: Message, shared: Attributes): OtlpRecord {
  const own = attributesOf(record.attributes);
  const named = record.eventName || own.get('event.name');
  const endUs =
    microseconds(signal === 'traces' ? record.endTimeUnixNano : record.timeUnixNano) ?? microseconds(record.observedTimeUnixNano);
  return {
    signal,
    own,
    shared,
    eventName: typeof named === 'string' ? named : undefined,
    traceId: idOf(record.traceId, 32),
    spanId: idOf(record.spanId, 16),
    parentSpanId: idOf(record.parentSpanId, 16),
    name: typeof record.name === 'string' ? record.name : '',
    kind: SPAN_KINDS[Number(record.kind ?? 0)] ?? '',
    startUs: signal === 'traces' ? microseconds(record.startTimeUnixNano) : endUs,
    endUs,
    hasFailed: Number(inner(record, 'status').code ?? 0) === STATUS_ERROR,
  };
}

/** Attributes whose value is text, a number or a truth; others say nothing that the catalogue knows. */
function attributesOf(value: unknown): Attributes {
  const attributes = new Map<string, AttributeValue>();
  for (const { key, value: given } of list(value).slice(0, MAX_ATTRIBUTES)) {
    const found = isMessage(given) ? scalar(given) : undefined;
    if (typeof key === 'string' && key !== '' && found !== undefined) attributes.set(key, found);
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
