/** From a span or log record to an event of the catalogue. */
import { hash } from 'node:crypto';
import { type EventType, eventSchema } from '../../events/catalogue.ts';
import { fieldName } from '../../events/checker.ts';
import { parseTraceparent } from '../intake/trace-context.ts';
import type { Attributes } from './part.ts';
import { attribute, isMap, type OtlpRecord } from './records.ts';

const PREFIX = 'muster.';
const NESTED = 'muster.attributes.';
type Field = keyof typeof eventSchema.shape;
type Fields = Record<string, unknown>;

/** Fields by the names that OpenTelemetry's semantic conventions have for them (opentelemetry.io/docs/specs/semconv, 1.4x); the later wins. */
const CONVENTIONS: readonly (readonly [attribute: string, field: Field])[] = [
  ['service.name', 'source'],
  ['deployment.environment', 'environment'],
  ['deployment.environment.name', 'environment'],
  ['service.version', 'deployment'],
  ['deployment.name', 'deployment'],
  ['cloud.region', 'region'],
  ['user.id', 'user'],
  ['session.id', 'session'],
  ['device.id', 'device'],
  ['client.address', 'ip'],
  ['user_agent.original', 'user_agent'],
  ['geo.country.iso_code', 'country'],
  ['http.response.status_code', 'http_status'],
  ['error.type', 'error_code'],
  ['log.record.uid', 'id'],
];
/** Without these there is no event: what stands in their place is said to be wrong by the checker, in its own words. */
const NEEDED = new Set<Field>(['source', 'id', 'user']);
/** Of these the length of the span is the duration that counts. */
const TIMED = new Set<EventType>(['api.request', 'provider.request']);
const OUTCOMES = new Set<EventType>(['api.request', 'provider.request', 'enrollment.failed']);

/** An event for the catalogue's checker, or why there is none; and what of the record is not in it. */
export interface FromRecord {
  candidate: { value: unknown } | { unreadable: string; value?: unknown };
  notes: readonly string[];
}

/** Whether a record is meant to be an event. */
export const isEvent = ({ meaning }: OtlpRecord): boolean => meaning !== undefined;

/**
 * Makes events of the records of one request whose {@link isEvent} holds. `muster.FIELD` is FIELD, whatever it holds; where it is missing, the
 * body says it, then the semantic conventions, if what they say is such a field. An event happens when its span ends, but for those that say
 * that something started.
 * @param fingerprint makes an id of any text, keyed: a log record that is sent again must have the id that it had
 */
export function eventsOfRequest(fingerprint: (text: string) => string): (record: OtlpRecord) => FromRecord {
  const equal = new Map<string, number>();
  /** Of equal records of a request, each is the one of its number: sent again, they are the same. */
  const derivedId = (record: OtlpRecord): string => {
    const made = fingerprint(contentOf(record));
    const before = equal.get(made) ?? 0;
    equal.set(made, before + 1);
    return before === 0 ? `otlp:${made}` : `otlp:${fingerprint(`${made}\0${before}`)}`;
  };
  return (record) => {
    const notes: string[] = [...record.notes];
    const { meaning } = record;
    if (!meaning || 'nearest' in meaning) {
      const name = JSON.stringify(fieldName(record.eventName ?? ''));
      const why = `event.name: ${name} is no event of the catalogue; ${meaning ? `${meaning.nearest} is close` : 'none is close'}`;
      return { candidate: { unreadable: why, value: fieldsOf(record, 'other', () => '', notes) }, notes: [] };
    }
    const value = fieldsOf(record, meaning.type, derivedId, notes);
    const [first] = record.unreadable;
    return { candidate: first === undefined ? { value } : { unreadable: first, value }, notes };
  };
}

function fieldsOf(record: OtlpRecord, type: EventType | 'other', derivedId: (record: OtlpRecord) => string, notes: string[]): Fields {
  const { traceId, spanId, startUs, endUs, hasFailed, eventOfSpan } = record;
  const atUs = type.endsWith('.started') ? startUs : endUs;
  const isSpan = record.signal === 'traces';
  const isTimed = isSpan && eventOfSpan === undefined && TIMED.has(type as EventType) && startUs !== undefined && endUs !== undefined;
  const { fields, nested } = namedFields(record);
  const hasIds = isSpan && traceId !== '' && spanId !== '';
  return {
    ...(isTimed && { duration_ms: Math.max(0, endUs - startUs) / 1_000 }),
    ...(hasFailed && OUTCOMES.has(type as EventType) && { outcome: 'failure' }),
    ...(atUs !== undefined && { time: timeText(atUs) }),
    ...(traceId !== '' && { trace_id: traceId }),
    ...(spanId !== '' && { span_id: spanId }),
    id: hasIds ? `${traceId}-${spanId}${eventOfSpan === undefined ? '' : `-${eventOfSpan}`}` : derivedId(record),
    ...conventional(record, notes),
    ...ofBody(record, notes),
    ...fields,
    ...(type !== 'other' && { type }),
    ...(Object.keys(nested).length > 0 && { attributes: nested }),
  };
}

/** A time beyond what a date can be is text that the checker refuses. */
function timeText(us: number): string {
  const date = new Date(Math.floor(us / 1_000));
  return Number.isNaN(date.getTime()) ? 'not a time' : date.toISOString();
}

/** What the conventions say; a status of 0 or a digest for a version is no field of ours, costs no event, and is said. */
function conventional(record: OtlpRecord, notes: string[]): Fields {
  const fields: Fields = {};
  for (const [name, field] of CONVENTIONS) {
    const value = attribute(record, name);
    if (value === undefined || value === null || value === '') continue;
    const schema = eventSchema.shape[field];
    const forms = [value, String(value), ...(typeof value === 'string' && /^\d{1,9}$/.test(value) ? [Number(value)] : [])];
    const fitting = forms.find((each) => schema.safeParse(each).success);
    if (fitting !== undefined) fields[field] = fitting;
    else if (NEEDED.has(field) && fields[field] === undefined) fields[field] = value;
    else notes.push(`${name} does not fit ${field}, and was left out`);
  }
  return fields;
}

/** Fields of the catalogue in a body; of a body that names the event itself nothing is left out, so that the checker sees it all. */
function ofBody({ body, eventName }: OtlpRecord, notes: string[]): Fields {
  if (!isMap(body)) return {};
  const { traceparent, ...rest } = body;
  const isWhole = body.type === eventName;
  const fields: Fields = typeof traceparent === 'string' ? { ...parseTraceparent(traceparent) } : {};
  const left: string[] = [];
  for (const [name, value] of Object.entries(rest)) {
    if (value === null) continue;
    if (isWhole || Object.hasOwn(eventSchema.shape, name)) set(fields, name, value);
    else left.push(name);
  }
  if (left.length > 0) notes.push(`${left.length} fields of the body are none of the catalogue, and were left out`);
  return fields;
}

/** Of a resource, which thousands of records share. */
interface Shared {
  named: ReturnType<typeof namedIn>;
  /** As JSON, by name, or a digest of it. */
  text: string;
}
/** Each record has this in its id; of what is longer a digest is. */
const MAX_TEXT = 4_096;
const SHARED = new WeakMap<Attributes, Shared>();

function sharedOf({ shared }: OtlpRecord): Shared {
  const known = SHARED.get(shared);
  if (known) return known;
  const text = sortedText(shared);
  const made = { named: namedIn(shared), text: text.length > MAX_TEXT ? hash('sha256', text) : text };
  SHARED.set(shared, made);
  return made;
}

function namedIn(attributes: Attributes) {
  const fields: Fields = {};
  const nested: Record<string, string> = {};
  for (const [name, value] of attributes) {
    // A list or a map is its JSON.
    if (name.startsWith(NESTED)) set(nested, name.slice(NESTED.length), typeof value === 'object' ? JSON.stringify(value) : String(value));
    else if (name.startsWith(PREFIX)) set(fields, name.slice(PREFIX.length), value);
  }
  return { fields, nested };
}

/** As a field of its own, `__proto__` too. */
const set = (of: Record<string, unknown>, name: string, value: unknown) =>
  Object.defineProperty(of, name, { value, enumerable: true, writable: true, configurable: true });

function namedFields(record: OtlpRecord) {
  const [shared, own] = [sharedOf(record).named, namedIn(record.own)];
  return { fields: { ...shared.fields, ...own.fields }, nested: { ...shared.nested, ...own.nested } };
}

/** What a log record without an id is told apart by: the whole of it. */
function contentOf(record: OtlpRecord): string {
  const { own, eventName, traceId, spanId, startUs, endUs, stamp, body } = record;
  const head = JSON.stringify([eventName, traceId, spanId, startUs, endUs, stamp, body ?? null]);
  return `${head.slice(0, -1)},${sharedOf(record).text},${sortedText(own)}]`;
}

const sortedText = (attributes: Attributes): string => JSON.stringify([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
