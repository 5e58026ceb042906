/** What a connector is: it turns one log record of a product into events of the catalogue, or says that it concerns nothing of ours. */

import { MusterError } from '../../errors.ts';
import type { EventType } from '../../events/catalogue.ts';
import { JOINED } from '../../store/rows/attempt-facts.ts';
import { canonicalJson } from '../../system/canonical-json.ts';
import type { ProductTime } from './product-time.ts';

/** An event as a connector proposes it; the catalogue's checker has the last word. */
export type Draft = { type: EventType; id: string; time: string; source: string } & Record<string, unknown>;

export type Mapped =
  | { kind: 'events'; events: unknown[] }
  /** Nothing to do with enrollment. @param type what the product calls such a record, where it has a name for it */
  | { kind: 'ignored'; type?: string }
  /** Concerns enrollment, but cannot become an event. */
  | { kind: 'rejected'; message: string; draft?: Partial<Draft> };

export interface ConnectorContext {
  /** A stable id made of any text, keyed, so that nothing can be read back from it. */
  fingerprint(text: string): string;
  /** Time of records that carry none, if the user gave one. */
  defaultTime?: string;
}

export interface Connector {
  /** The SOURCE of `muster import`. */
  readonly name: string;
  /** What it reads, for the help. */
  readonly reads: string;
  /** Types of events that its product can tell of. */
  readonly tells: readonly EventType[];
  map(record: unknown, context: ConnectorContext): Mapped;
  /** Of a product whose log is text: the record that a line stands for; undefined for one of JSON. */
  ofLine?(line: string): unknown;
}

/** Of JSON in a text. */
const MAX_JSON_TEXT = 64 * 1_024;

/** One whose answer comes later: its records are mapped by the expressions of a file. */
export interface MappedConnector extends Omit<Connector, 'map'> {
  map(record: unknown, context: ConnectorContext): Promise<Mapped>;
}
export type AnyConnector = Connector | MappedConnector;

export const IGNORED: Mapped = { kind: 'ignored' };

/** A record of a type that says nothing of enrollment. */
export const ignored = (type: string | undefined): Mapped => (type === undefined ? IGNORED : { kind: 'ignored', type });

/** A field of nested objects by its path; keys are met in any case, since log pipelines like to lower them. */
export function at(record: unknown, ...path: string[]): unknown {
  let value = record;
  for (const name of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    const object = value as Record<string, unknown>;
    const key = Object.hasOwn(object, name) ? name : Object.keys(object).find((other) => other.toLowerCase() === name.toLowerCase());
    value = key === undefined ? undefined : object[key];
  }
  return value;
}

/** The same, when it is text that is not empty; numbers are taken as text. */
export function textAt(record: unknown, ...path: string[]): string | undefined {
  const value = at(record, ...path);
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The elements of an array field, or the one value that stands in its place, or none. */
export function listAt(record: unknown, ...path: string[]): unknown[] {
  const value = at(record, ...path);
  if (Array.isArray(value)) return value;
  return typeof value === 'object' && value !== null ? [value] : [];
}

/**
 * A draft with everything a registration needs. Where the source tells of starts and ends without a common id, each record of a person gets an
 * id of its own, to be joined with others; an attempt that is only known by its end gets one of source, user, factor and time.
 */
export function registration(draft: Draft, context: ConnectorContext, joins = false): Draft {
  if (!draft.type.startsWith('enrollment.') || draft.attempt_id !== undefined) return draft;
  if (joins && draft.user !== undefined)
    return { ...draft, attempt_id: `${JOINED}${context.fingerprint([draft.source, draft.id, draft.time].join('\0'))}` };
  const parts = [draft.source, String(draft.user ?? ''), String(draft.factor_type ?? ''), draft.time];
  return { ...draft, attempt_id: `${draft.source}:${context.fingerprint(parts.join('\0'))}` };
}

/** What a product's record says, before ids and times are made good. */
export interface RecordMeaning {
  type: EventType;
  user?: string | undefined;
  actor?: string | undefined;
  fields?: Record<string, string | number | boolean | undefined>;
  /** Cut to what the catalogue takes; those without a value are left out. */
  attributes?: Record<string, string | undefined>;
}

/**
 * The event of one record. A record without an id gets one made of its content, so that a second import adds nothing.
 * @param record.content what the id is made of when the product gives none
 * @param record.joins whether starts and ends of its registrations come as records without a common id
 */
export function eventOf(
  source: string,
  finding: RecordMeaning,
  record: { id: string | undefined; time: ProductTime; content: unknown; joins?: boolean },
  context: ConnectorContext,
): Mapped {
  const time = record.time ?? context.defaultTime;
  const { user, actor, fields = {} } = finding;
  const attributes = Object.entries(finding.attributes ?? {}).flatMap(([name, value]) => (value ? [[name, value.slice(0, 1_024)]] : []));
  const draft = {
    id: record.id ?? `derived:${context.fingerprint(`${source}\0${canonicalJson(record.content)}`)}`,
    type: finding.type,
    source,
    ...(user !== undefined && { user }),
    ...(actor !== undefined && actor !== user && { actor }),
    ...Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== '')),
    ...(attributes.length > 0 && { attributes: Object.fromEntries(attributes) as Record<string, string> }),
  };
  if (time === undefined) {
    return { kind: 'rejected', message: `${finding.type}: the record has no time; name one for such records with --default-time`, draft };
  }
  if (typeof time !== 'string') {
    return { kind: 'rejected', message: `${finding.type}: ${JSON.stringify(time.unreadable)} is no time that is known here`, draft };
  }
  return { kind: 'events', events: [registration({ ...draft, time }, context, record.joins)] };
}

/**
 * The events of one record that may concern several people: one for each, whose id does not depend on their order.
 * @param users whom it concerns; undefined for somebody whom the record does not name
 */
export function eventsOf(
  source: string,
  users: readonly (string | undefined)[],
  meaning: Omit<RecordMeaning, 'user'>,
  record: { id: string | undefined; time: ProductTime; content: unknown; joins?: boolean },
  context: ConnectorContext,
): Mapped {
  const people = [...new Set(users)];
  if (people.length <= 1) return eventOf(source, { ...meaning, user: people[0] }, record, context);
  const mapped = people.map((user) => {
    const id = record.id === undefined ? undefined : `${record.id}:${context.fingerprint(user ?? '')}`;
    return eventOf(source, { ...meaning, user }, { ...record, id, content: [record.content, user ?? null] }, context);
  });
  return (
    mapped.find(({ kind }) => kind === 'rejected') ?? {
      kind: 'events',
      events: mapped.flatMap((each) => (each.kind === 'events' ? each.events : [])),
    }
  );
}

/** An object that stands there as such, or as JSON in text. */
export function objectOrJson(value: unknown): unknown {
  if (typeof value !== 'string' || !/^\s*[[{"]/.test(value) || value.length > MAX_JSON_TEXT) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** Text of a product cut to what the catalogue takes. */
export const cut = (text: string | undefined): string | undefined => text?.slice(0, 128);

/** The connector of a name. @param others names that the error lists too @throws MUSTER_UNKNOWN_SOURCE */
export function connectorNamed(connectors: readonly Connector[], name: string, others: readonly string[] = []): Connector {
  const connector = connectors.find((candidate) => candidate.name === name);
  if (connector) return connector;
  throw new MusterError(
    'MUSTER_UNKNOWN_SOURCE',
    `no connector is called ${JSON.stringify(name.slice(0, 40))}; known are ${[...connectors.map((each) => each.name), ...others].join(', ')}`,
  );
}
