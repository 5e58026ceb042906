/** What is kept of a span: when, how long, which step of which service; of its attributes those that say what was called and how it went. */
import type { SpanRow } from '../../store/span-row.ts';
import type { OtlpRecord } from './records.ts';

/** Attributes of the semantic conventions that hold no person's data by their definition. */
const KEPT = [
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'rpc.system.name',
  'rpc.method',
  'rpc.response.status_code',
  'db.system.name',
  'db.operation.name',
  'db.collection.name',
  'messaging.system',
  'messaging.operation.type',
  'messaging.destination.name',
  'peer.service',
  'error.type',
] as const;
const MAX_TEXT = 128;
const LEFT_OUT = '(left out)';
/** Names of spans are written by people: an address, a number that may be somebody's, or what looks like a secret is not kept. */
const SUSPECT = [/[^\s/]@[^\s/]/, /\d[\d ()-]{5,}\d/, /eyJ[A-Za-z0-9_-]{8,}/, /[A-Fa-f0-9]{16,}/, /[A-Z2-7]{16,}/, /[A-Za-z0-9+/_-]{32,}/];

/** Text of a name or attribute, or a mark in its place. */
const kept = (text: string): string => (SUSPECT.some((pattern) => pattern.test(text)) ? LEFT_OUT : text.slice(0, MAX_TEXT));

/** Whether a record is a span that can be kept: it has ids and times. */
export const isSpan = ({ signal, traceId, spanId, startUs, endUs }: OtlpRecord): boolean =>
  signal === 'traces' && traceId !== '' && spanId !== '' && startUs !== undefined && endUs !== undefined;

/** The row of a record whose {@link isSpan} holds. */
export function spanOf({ attributes, traceId, spanId, parentSpanId, name, kind, startUs = 0, endUs = 0, hasFailed }: OtlpRecord): SpanRow {
  const told = KEPT.flatMap((key) => (attributes[key] === undefined ? [] : [[key, kept(String(attributes[key]))]]));
  return {
    traceId,
    spanId,
    parentSpanId,
    service: kept(String(attributes['service.name'] ?? '')),
    name: kept(name),
    kind,
    startUs,
    durationUs: Math.max(0, endUs - startUs),
    hasFailed,
    attributes: Object.fromEntries(told),
  };
}
