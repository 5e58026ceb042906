/** What is kept of a span: when, how long, which step of which service; of its attributes those that say what was called and how it went. */
import type { TimeBounds } from '../../events/checker.ts';
import type { SpanRow } from '../../store/span-row.ts';
import { attribute, type OtlpRecord } from './records.ts';

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
/** Attributes whose value must not stand in a name. */
const PERSONAL = [
  'muster.user',
  'muster.actor',
  'muster.destination',
  'muster.device',
  'muster.session',
  'user.id',
  'user.name',
  'user.email',
  'enduser.id',
];
const MAX_TEXT = 128;
const MAX_DURATION_US = 86_400_000_000;
const LEFT_OUT = '(left out)';
const HTTP_NAME = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)(?=\s|$)/;

/** What may be somebody's, or a secret: names of spans are written by people. Structure first, then shapes. */
const SUSPECT = [
  /@/,
  /otpauth:/i,
  /eyJ[A-Za-z0-9_-]{8,}/,
  /(?:secret|passw(?:or)?d|passwd|pwd|token|code|otp|pin|api[_-]?key)\s*[=:]/i,
  // Six digits and more, however they are grouped; addresses.
  /\d(?:[ .()/+-]?\d){5,}/,
  /\b\d{1,3}(?:\.\d{1,3}){3}\b/,
  /\b[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,}/i,
  // Seeds in base32, in one piece or in groups; recovery codes; hex and long tokens.
  /\b(?=[a-z]*[2-7])[a-z2-7]{16,}\b/i,
  /\b[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){2,}\b/i,
  /\b(?=[a-f]*\d)[0-9a-f]{16,}\b/i,
  /[A-Za-z0-9+_]{32,}/,
];

/** Text of a name or attribute, or a mark in its place. */
export function kept(text: string, personal: readonly string[] = []): string {
  const read = decoded(text);
  const isSuspect = SUSPECT.some((pattern) => pattern.test(read)) || personal.some((value) => read.includes(value));
  // A cut may halve a character, which the engine does not take.
  return isSuspect ? LEFT_OUT : text.slice(0, MAX_TEXT).toWellFormed();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a record is a span that can be kept: it has ids, and times like those of events. */
export const isSpan = ({ signal, traceId, spanId, startUs, endUs }: OtlpRecord, { fromMs, toMs }: TimeBounds): boolean =>
  signal === 'traces' &&
  traceId !== '' &&
  spanId !== '' &&
  startUs !== undefined &&
  endUs !== undefined &&
  startUs >= fromMs * 1_000 &&
  startUs <= toMs * 1_000 &&
  endUs - startUs <= MAX_DURATION_US;

/** The row of a record whose {@link isSpan} holds. */
export function spanOf(record: OtlpRecord): SpanRow {
  const { own, traceId, spanId, parentSpanId, kind, startUs = 0, endUs = 0, hasFailed } = record;
  const personal = PERSONAL.flatMap((name) => {
    const value = String(own.get(name) ?? '');
    return value.length > 2 ? [value] : [];
  });
  const told = KEPT.flatMap((name) => {
    const value = own.get(name);
    return value === undefined ? [] : [[name, kept(String(value), personal)] as const];
  });
  return {
    traceId,
    spanId,
    parentSpanId,
    service: kept(String(attribute(record, 'service.name') ?? '')),
    name: nameOf(record, personal),
    kind,
    startUs,
    durationUs: Math.max(0, endUs - startUs),
    hasFailed,
    attributes: Object.fromEntries(told),
  };
}

/** A path says whose it is: the name of a request is its method and route, as the conventions ask for, or the method alone. */
function nameOf({ own, name }: OtlpRecord, personal: readonly string[]): string {
  const method = own.get('http.request.method') ?? HTTP_NAME.exec(name)?.[1];
  if (method === undefined) return kept(name, personal);
  const route = own.get('http.route');
  return kept(route === undefined ? String(method) : `${method} ${route}`, personal);
}
