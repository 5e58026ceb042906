/** What is kept of a span: when, how long, which step of which service; of its attributes those that say what was called and how it went. */

import type { TimeBounds } from '../../events/checker.ts';
import { decoded } from '../../privacy/redact.ts';
import type { SpanRow } from '../../store/rows/span-row.ts';
import { type Find, scrub } from '../intake/scrub.ts';
import type { Attributes } from './part.ts';
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
  'muster.error_code',
  'muster.provider',
  'muster.region',
  'muster.channel',
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

/** Names of spans are written by people and hold parameters: beside what is found everywhere, what only might be a number or token of somebody. */
const SUSPECT = [
  /@/,
  /\b(?:secret|passw(?:or)?d|passwd|pwd|token|code|otp|pin|api[_-]?key)\s*[=:]/i,
  // Six digits and more, however they are grouped.
  /\d(?:[ .()/+-]?\d){5,}/,
  // Seeds that could be words, codes in groups, half a token; hex and long tokens.
  /\b(?=[a-z]*[2-7])[a-z2-7]{16,}\b/i,
  /eyJ[\w-]{8,}/,
  /\b[A-Z2-7]{4}(?:[ -][A-Z2-7]{4}){2,}\b/i,
  /\b(?=[a-f]*\d)[0-9a-f]{16,}\b/i,
  /[A-Za-z0-9+_]{32,}/,
];

/** Text of a name or attribute, or a mark in its place. */
export function kept(field: string, text: string, finds: Find[] = [], personal: readonly string[] = []): string {
  const before = finds.length;
  const rest = scrub(field, text, finds);
  const read = decoded(rest);
  const isSuspect =
    finds.length > before || SUSPECT.some((pattern) => pattern.test(read)) || personal.some((value) => read.includes(value));
  // A cut may halve a character, which the engine does not take.
  return isSuspect ? LEFT_OUT : rest.slice(0, MAX_TEXT).toWellFormed();
}

/** Whether a record is a span that can be kept: it has ids, and times like those of events. */
export const isSpan = ({ signal, eventOfSpan, traceId, spanId, startUs, endUs }: OtlpRecord, { fromMs, toMs }: TimeBounds): boolean =>
  signal === 'traces' &&
  eventOfSpan === undefined &&
  traceId !== '' &&
  spanId !== '' &&
  startUs !== undefined &&
  endUs !== undefined &&
  startUs >= fromMs * 1_000 &&
  startUs <= toMs * 1_000 &&
  endUs - startUs <= MAX_DURATION_US;

/**
 * What is kept of a record whose {@link isSpan} holds.
 * @param finds is told of what was left out
 */
export function spanOf(record: OtlpRecord, finds: Find[] = []): SpanRow {
  const { own, traceId, spanId, parentSpanId, kind, startUs = 0, endUs = 0, hasFailed } = record;
  const personal = PERSONAL.flatMap((name) => {
    const value = String(own.get(name) ?? '');
    return value.length > 2 ? [value] : [];
  });
  const told = KEPT.flatMap((name) => {
    const value = own.get(name);
    return value === undefined ? [] : [[name, kept('span.attributes', String(value), finds, personal)] as const];
  });
  return {
    traceId,
    spanId,
    parentSpanId,
    service: serviceOf(record, finds),
    name: kept('span.name', nameOf(record), finds, personal),
    kind,
    startUs,
    durationUs: Math.max(0, endUs - startUs),
    hasFailed,
    attributes: Object.fromEntries(told),
  };
}

/** Names of services that resources give to thousands of spans. */
const SERVICES = new WeakMap<Attributes, { text: string; finds: Find[] }>();

function serviceOf({ own, shared }: OtlpRecord, finds: Find[]): string {
  const name = own.get('service.name');
  if (name !== undefined) return kept('span.service', String(name), finds);
  let known = SERVICES.get(shared);
  if (!known) {
    const found: Find[] = [];
    known = { text: kept('span.service', String(shared.get('service.name') ?? ''), found), finds: found };
    SERVICES.set(shared, known);
  }
  finds.push(...known.finds);
  return known.text;
}

/** A path says whose it is: the name of a request is its method and route, as the conventions ask for, or the method alone. */
function nameOf({ own, name }: OtlpRecord): string {
  const method = own.get('http.request.method') ?? HTTP_NAME.exec(name)?.[1];
  if (method === undefined) return name;
  const route = own.get('http.route');
  return route === undefined ? String(method) : `${method} ${route}`;
}
