/** From a span or log record to an event of the catalogue. */
import { EVENT_TYPES, type EventType } from '../../events/catalogue.ts';
import type { AttributeValue, OtlpRecord } from './records.ts';

const PREFIX = 'muster.';
const NESTED = 'muster.attributes.';

/** Fields by the names that OpenTelemetry's semantic conventions have for them (opentelemetry.io/docs/specs/semconv, 1.4x). */
const CONVENTIONS: Readonly<Record<string, string>> = {
  'service.name': 'source',
  'deployment.environment.name': 'environment',
  'service.version': 'deployment',
  'deployment.name': 'deployment',
  'cloud.region': 'region',
  'user.id': 'user',
  'session.id': 'session',
  'device.id': 'device',
  'client.address': 'ip',
  'user_agent.original': 'user_agent',
  'geo.country.iso_code': 'country',
  'http.response.status_code': 'http_status',
  'error.type': 'error_code',
  'log.record.uid': 'id',
};
/** Of these the length of the span is the duration that counts. */
const TIMED = new Set<EventType>(['api.request', 'provider.request']);
const OUTCOMES = new Set<EventType>(['api.request', 'provider.request', 'enrollment.failed']);
const TYPES = new Set<string>(EVENT_TYPES);

/** Whether a record is meant to be an event. */
export const isEvent = ({ eventName }: OtlpRecord): boolean => eventName !== undefined && TYPES.has(eventName);

/**
 * The event of a record whose {@link isEvent} holds, for the catalogue's checker. `muster.FIELD` is FIELD; where it is missing, the
 * semantic conventions say it. An event happens when its span ends, but for those that say that something started.
 * @param fingerprint makes an id of any text, keyed: a log record that is sent again must have the id that it had
 */
export function eventOf(record: OtlpRecord, fingerprint: (text: string) => string): Record<string, unknown> {
  const { attributes, traceId, spanId, startUs, endUs, hasFailed } = record;
  const type = record.eventName as EventType;
  const fields: Record<string, AttributeValue> = {};
  const nested: Record<string, string> = {};
  for (const [name, field] of Object.entries(CONVENTIONS)) {
    const value = attributes[name];
    if (value !== undefined && value !== '') fields[field] = value;
  }
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith(NESTED)) nested[name.slice(NESTED.length)] = String(value);
    else if (name.startsWith(PREFIX)) fields[name.slice(PREFIX.length)] = value;
  }
  const atUs = type.endsWith('.started') ? startUs : endUs;
  const isTimed = record.signal === 'traces' && TIMED.has(type) && startUs !== undefined && endUs !== undefined;
  return {
    ...(isTimed && { duration_ms: Math.max(0, endUs - startUs) / 1_000 }),
    ...(hasFailed && OUTCOMES.has(type) && { outcome: 'failure' }),
    ...(atUs !== undefined && { time: new Date(Math.floor(atUs / 1_000)).toISOString() }),
    ...(traceId !== '' && { trace_id: traceId }),
    ...(spanId !== '' && { span_id: spanId }),
    id: record.signal === 'traces' && traceId !== '' && spanId !== '' ? `${traceId}-${spanId}` : `otlp:${fingerprint(contentOf(record))}`,
    ...fields,
    type,
    ...(Object.keys(nested).length > 0 && { attributes: nested }),
  };
}

/** What a log record without an id is told apart by. */
const contentOf = ({ attributes, eventName, traceId, spanId, endUs }: OtlpRecord): string =>
  JSON.stringify([eventName, traceId, spanId, endUs, Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1))]);
