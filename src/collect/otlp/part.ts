/** A span or log record as both encodings give it, and what a request may hold. */
import { MusterError } from '../../errors.ts';

/** What is sent: spans to `/v1/traces`, log records to `/v1/logs`. */
export type Signal = 'traces' | 'logs';

/** 64-bit integers beyond 2^53 are their digits as text; bytes are base64, as ProtoJSON writes them; an empty value is null. */
export type AttributeValue = string | number | boolean | null | readonly AttributeValue[] | { readonly [key: string]: AttributeValue };
export type Attributes = ReadonlyMap<string, AttributeValue>;

export interface Part {
  own: Attributes;
  shared: Attributes;
  eventName: string;
  /** Lower-case hex, or ''. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  name: string;
  kind: number;
  statusCode: number;
  startNanos: bigint | undefined;
  endNanos: bigint | undefined;
  timeNanos: bigint | undefined;
  observedNanos: bigint | undefined;
  /** Number and text. */
  severity: readonly [number, string];
  /** Read only where it is needed. */
  body: (() => AttributeValue | undefined) | undefined;
  /** Events of a span whose names mean something here. */
  events: readonly { index: number; name: string; nanos: bigint | undefined; own: Attributes; unreadable: readonly string[] }[];
  /** Those whose names mean nothing here among them. */
  eventsSeen: number;
  /** Fields whose value is none of theirs: an event would say something else without them. */
  unreadable: string[];
  /** Ids of traces that are none: an event goes without. */
  notes: string[];
}

/** A request of more records is refused: an SDK sends 512, a Collector by default 8,192. */
const MAX_RECORDS = 100_000;
/** Resources and scopes of a request: an SDK sends one, a Collector one of each service. */
const MAX_CONTAINERS = 20_000;
/** Attributes, those of a resource that become part of an event counted for each of its records. */
const MAX_ATTRIBUTES_IN_ALL = 1_000_000;
/**
 * Letters of the same, of what becomes part of each event: redacted, checked and stored for each. An SDK's batch of 512 may have eight thousand
 * of them in its resource.
 */
const MAX_SHARED_LETTERS_IN_ALL = 4 * 1024 * 1024;
/** Of one attribute of a resource: what is longer names nothing that records share. */
const MAX_SHARED_LETTERS = 8_192;
/** Of one record; the SDKs' own limit is 128. */
export const MAX_ATTRIBUTES = 1_000;
/** Of values in values. */
export const MAX_DEPTH = 32;
/** Items of a record, empty ones too: each costs as much as one that says something. */
export const MAX_ITEMS = 10_000;

/** Counts what a request holds. Each method throws MUSTER_BODY_TOO_LARGE when it is too much. */
export class Budget {
  private records = 0;
  private containers = 0;
  private attributes = 0;
  private sharedLetters = 0;

  container(): void {
    this.containers += 1;
    if (this.containers > MAX_CONTAINERS) throw tooMuch(`${MAX_CONTAINERS} resources and scopes`);
  }

  record(): void {
    this.records += 1;
    if (this.records > MAX_RECORDS) throw tooMuch(`${MAX_RECORDS} records`);
  }

  /** Of a record with what it shares. */
  attributesOf(own: number, shared: { named: number; letters: number }): void {
    this.attributes += own + shared.named;
    this.sharedLetters += shared.letters;
    if (this.attributes > MAX_ATTRIBUTES_IN_ALL || this.sharedLetters > MAX_SHARED_LETTERS_IN_ALL)
      throw tooMuch(
        `${MAX_ATTRIBUTES_IN_ALL} attributes, or ${MAX_SHARED_LETTERS_IN_ALL} letters of muster.* in those of a resource, which count for each of its records`,
      );
  }
}

const tooMuch = (what: string) => new MusterError('MUSTER_BODY_TOO_LARGE', `more than ${what} in one request; send it in parts`);

/** Attributes of a resource and a scope that are no longer than such an attribute may be. */
export const sharedOf = (resource: Attributes, scope: Attributes): Attributes =>
  new Map([...resource, ...scope].filter(([name, value]) => name.length + lengthOf(value) <= MAX_SHARED_LETTERS));

/** How much of what is shared becomes part of each event. */
export function weightOf(shared: Attributes): { named: number; letters: number } {
  const named = [...shared].filter(([name]) => name.startsWith('muster.'));
  return { named: named.length, letters: named.reduce((sum, [name, value]) => sum + name.length + lengthOf(value), 0) };
}

const lengthOf = (value: AttributeValue): number => (typeof value === 'string' ? value.length : (JSON.stringify(value)?.length ?? 0));
