/** From a span or log record to an event of the catalogue. */
import { hash } from 'node:crypto';
import { EVENT_TYPES, type EventType, eventSchema } from '../../events/catalogue.ts';
import { type Attributes, type AttributeValue, attribute, type OtlpRecord } from './records.ts';

const PREFIX = 'muster.';
const NESTED = 'muster.attributes.';
type Field = keyof typeof eventSchema.shape;

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
/** Of these the length of the span is the duration that counts. */
const TIMED = new Set<EventType>(['api.request', 'provider.request']);
const OUTCOMES = new Set<EventType>(['api.request', 'provider.request', 'enrollment.failed']);
const TYPES = new Set<string>(EVENT_TYPES);

/** Whether a record is meant to be an event. */
export const isEvent = ({ eventName }: OtlpRecord): boolean => eventName !== undefined && TYPES.has(eventName);

/**
 * The event of a record whose {@link isEvent} holds, for the catalogue's checker. `muster.FIELD` is FIELD, whatever it holds; where it is
 * missing, the semantic conventions say it, if what they say is such a field. An event happens when its span ends, but for those that say
 * that something started.
 * @param fingerprint makes an id of any text, keyed: a log record that is sent again must have the id that it had
 */
export function eventOf(record: OtlpRecord, fingerprint: (text: string) => string): Record<string, unknown> {
  const { traceId, spanId, startUs, endUs, hasFailed } = record;
  const type = record.eventName as EventType;
  const atUs = type.endsWith('.started') ? startUs : endUs;
  const isTimed = record.signal === 'traces' && TIMED.has(type) && startUs !== undefined && endUs !== undefined;
  const { fields, nested } = namedFields(record);
  return {
    ...(isTimed && { duration_ms: Math.max(0, endUs - startUs) / 1_000 }),
    ...(hasFailed && OUTCOMES.has(type) && { outcome: 'failure' }),
    ...(atUs !== undefined && { time: new Date(Math.floor(atUs / 1_000)).toISOString() }),
    ...(traceId !== '' && { trace_id: traceId }),
    ...(spanId !== '' && { span_id: spanId }),
    id: record.signal === 'traces' && traceId !== '' && spanId !== '' ? `${traceId}-${spanId}` : `otlp:${fingerprint(contentOf(record))}`,
    ...conventional(record),
    ...fields,
    type,
    ...(Object.keys(nested).length > 0 && { attributes: nested }),
  };
}

/** What the conventions say; a status of 0 or a digest for a version is no field of ours, and costs no event. */
function conventional(record: OtlpRecord): Record<string, AttributeValue> {
  const fields: Record<string, AttributeValue> = {};
  for (const [name, field] of CONVENTIONS) {
    const value = attribute(record, name);
    if (value === undefined || value === '') continue;
    const schema = eventSchema.shape[field];
    const fitting = [value, String(value)].find((each) => schema.safeParse(each).success);
    if (fitting !== undefined) fields[field] = fitting;
  }
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
  const fields: Record<string, AttributeValue> = {};
  const nested: Record<string, string> = {};
  for (const [name, value] of attributes) {
    if (name.startsWith(NESTED)) set(nested, name.slice(NESTED.length), String(value));
    else if (name.startsWith(PREFIX)) set(fields, name.slice(PREFIX.length), value);
  }
  return { fields, nested };
}

/** As a field of its own, `__proto__` too. */
const set = <T>(of: Record<string, T>, name: string, value: T) =>
  Object.defineProperty(of, name, { value, enumerable: true, writable: true, configurable: true });

function namedFields(record: OtlpRecord) {
  const [shared, own] = [sharedOf(record).named, namedIn(record.own)];
  return { fields: { ...shared.fields, ...own.fields }, nested: { ...shared.nested, ...own.nested } };
}

/** What a log record without an id is told apart by. */
function contentOf(record: OtlpRecord): string {
  const { own, eventName, traceId, spanId, endUs } = record;
  const head = JSON.stringify([eventName, traceId, spanId, endUs]);
  return `${head.slice(0, -1)},${sharedOf(record).text},${sortedText(own)}]`;
}

const sortedText = (attributes: Attributes): string => JSON.stringify([...attributes].sort(([a], [b]) => (a < b ? -1 : 1)));
