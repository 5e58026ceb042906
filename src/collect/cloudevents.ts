/**
 * CloudEvents 1.0 as events of the catalogue: the envelope gives `id`, `source`, `type` and `time`, its data the other fields.
 * Formats: CNCF CloudEvents 1.0.2, "JSON Event Format" and "HTTP Protocol Binding".
 */
import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { idProblem, mustNotCarry } from '../events/catalogue.ts';
import { meaningOfName } from '../events/event-name.ts';
import { redact, decoded as withoutEscapes } from '../privacy/redact.ts';
import { parseTraceparent } from './intake/trace-context.ts';

/** Context attributes of a CloudEvent, extensions among them. */
type Attributes = Record<string, unknown>;

/** An event in the catalogue's form for its checker, or why there is none. */
export type FromCloudEvent = { value: unknown } | { unreadable: string };

/** `application/json`, `text/json`, and what is JSON by its suffix (RFC 6839 section 3.1). */
const JSON_TYPE = /^[\w.+-]+\/(?:[\w.+-]+\+)?json(?:\s*;|$)/i;
const HEADER = /^ce-([a-z0-9]{1,64})$/;
const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;

/** Whether headers carry an event in binary mode. */
export const isBinaryMode = (headers: NodeJS.Dict<string | string[]>): boolean =>
  REQUIRED.every((name) => headers[`ce-${name}`] !== undefined);

/** An event in structured mode, or an element of a batch. */
export function fromStructured(value: unknown): FromCloudEvent {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { unreadable: 'expected a CloudEvent as a JSON object' };
  // An attribute that is null is one that is not there (JSON event format, 2.2).
  const present = Object.entries(value).filter(([, each]) => each !== null);
  const { data, data_base64: encoded, ...attributes } = Object.fromEntries(present) as Attributes;
  if (data !== undefined && encoded !== undefined) return { unreadable: 'data and data_base64: expected only one of them' };
  if (encoded === undefined) return eventOf(attributes, data);
  if (typeof encoded !== 'string') return { unreadable: 'data_base64: expected text' };
  return eventOf(attributes, parsed(Buffer.from(encoded, 'base64')));
}

/** The event of a request in binary mode: attributes in its headers, data in its body. */
export function fromBinary(headers: NodeJS.Dict<string | string[]>, body: Buffer): FromCloudEvent {
  if (headers['ce-datacontenttype'] !== undefined) return { unreadable: 'ce-datacontenttype: Content-Type says what the data is' };
  const attributes: Attributes = { datacontenttype: headers['content-type'] };
  for (const [header, value] of Object.entries(headers)) {
    const name = HEADER.exec(header)?.[1];
    if (name === undefined) continue;
    const text = typeof value === 'string' ? decoded(value) : undefined;
    if (text === undefined) return { unreadable: `ce-${name}: not a valid header value` };
    attributes[name] = text;
  }
  return eventOf(attributes, body.length === 0 ? undefined : parsed(body));
}

/** What could not be parsed is no object, and is refused as such. */
function parsed(bytes: Buffer): unknown {
  try {
    return isUtf8(bytes) ? JSON.parse(bytes.toString('utf8')) : '';
  } catch {
    return '';
  }
}

/** A header's value: without quotes, and percent-decoded once (HTTP binding, 3.1.3.2); undefined when that is not UTF-8. */
function decoded(value: string): string | undefined {
  const text = /^".*"$/s.test(value) ? value.slice(1, -1).replace(/\\(.)/gs, '$1') : value;
  try {
    return decodeURIComponent(text.replace(/%(?![0-9a-fA-F]{2})/g, '%25'));
  } catch {
    return undefined;
  }
}

function eventOf({ specversion, datacontenttype, id, source, type, time, traceparent }: Attributes, data: unknown): FromCloudEvent {
  if (specversion !== '1.0') return { unreadable: 'specversion: expected "1.0"' };
  if (datacontenttype !== undefined && !JSON_TYPE.test(String(datacontenttype))) return { unreadable: 'datacontenttype: expected JSON' };
  if (data !== undefined && data !== null && (typeof data !== 'object' || Array.isArray(data)))
    return { unreadable: 'data: expected a JSON object' };
  const problem = typeof source === 'string' ? sourceProblem(source) : undefined;
  if (problem !== undefined) return { unreadable: `source: ${problem}` };
  return {
    value: {
      ...parseTraceparent(traceparent),
      ...data,
      id,
      source: typeof source === 'string' ? sourceOf(source) : source,
      type: typeof type === 'string' ? catalogueType(type) : type,
      ...(time !== undefined && { time }),
    },
  };
}

/** Looked at as it was written, as an id and as the text that it may be: in what is left of it nothing would be known any more. */
function sourceProblem(source: string): string | undefined {
  if (SOURCE.test(source)) return idProblem(source);
  const [found] = redact(source).found;
  return idProblem(source) ?? idProblem(withoutEscapes(source)) ?? (found && mustNotCarry(found));
}

const SOURCE = /^[A-Za-z0-9._:/-]{1,64}$/;
const SOURCE_LETTERS = 51;
const DIGEST_DIGITS = 12;

/** A source is any URI reference (CloudEvents 1.0.2, "source"): one that is longer, or has other signs, is shortened with a digest of the whole. */
function sourceOf(source: string): string {
  if (SOURCE.test(source) || source === '') return source;
  const plain = source.replace(/[^A-Za-z0-9._:/-]+/g, '-').slice(0, SOURCE_LETTERS);
  return `${plain}-${hash('sha256', source).slice(0, DIGEST_DIGITS)}`;
}

/** Types of CloudEvents should begin with a name in reverse DNS order: `org.example.enrollment.started` is `enrollment.started`. */
export function catalogueType(type: string): string {
  const meaning = meaningOfName(type);
  return meaning && 'type' in meaning ? meaning.type : type;
}
