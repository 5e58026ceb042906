/** Checks events fast: a compiled checker made from the schemas, and the schemas themselves for the words of an error. */
import { validator } from '@exodus/schemasafe';
import { closest, distance } from 'fastest-levenshtein';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { kindsInId } from '../privacy/ids.ts';
import { redact } from '../privacy/redact.ts';
import { EVENT_TYPES, type Event, type EventType, eventSchema, eventSchemaOf, requiredFields } from './catalogue.ts';
import { parseTime } from './time.ts';

export type Checked = { ok: true; event: Event; timeMs: number; expiresAtMs: number | undefined } | { ok: false; message: string };

export interface TimeBounds {
  /** Milliseconds since 1970; an event at or after `fromMs` and at or before `toMs` is accepted. */
  fromMs: number;
  toMs: number;
}

/** `time` may lie this far ahead of our clock. */
export const MAX_AHEAD_MS = 5 * 60_000;
const MAX_BACK_MS = 400 * 86_400_000;
const IMPORT_FROM_MS = Date.UTC(2000, 0, 1);

/** Over HTTP: 400 days back to 5 minutes ahead. */
export const httpBounds = (nowMs: number): TimeBounds => ({ fromMs: nowMs - MAX_BACK_MS, toMs: nowMs + MAX_AHEAD_MS });
/** By `muster import`: 2000-01-01 to 5 minutes ahead. */
export const importBounds = (nowMs: number): TimeBounds => ({ fromMs: IMPORT_FROM_MS, toMs: nowMs + MAX_AHEAD_MS });

type FieldChecker = (value: unknown) => boolean;

/** A checker of each field, compiled from its schema. Times are left to {@link parseTime}, which looks at every character anyway. */
const fieldCheckers: ReadonlyMap<string, FieldChecker> = (() => {
  const { properties } = z.toJSONSchema(eventSchema, { io: 'input' }) as { properties: Record<string, { enum?: unknown[] }> };
  const isText: FieldChecker = (value) => typeof value === 'string';
  const checkerOf = (schema: { enum?: unknown[] }): FieldChecker => {
    const choices = schema.enum && new Set(schema.enum);
    return choices
      ? (value) => choices.has(value)
      : (validator(schema as never, { mode: 'default', includeErrors: false }) as FieldChecker);
  };
  const checkers = Object.entries(properties).map(([field, schema]): [string, FieldChecker] => [field, checkerOf(schema)]);
  return new Map([...checkers, ['time', isText], ['expires_at', isText]]);
})();

/** Whether it has the shape of an event: field by field of those that it has, which are a third of those that there are. */
function hasRightShape(value: unknown): value is Event {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const event = value as Record<string, unknown>;
  for (const field in event) {
    const content = event[field];
    if (!fieldCheckers.get(field)?.(content)) return false;
    if (typeof content === 'string' && !content.isWellFormed()) return false;
  }
  return event.id !== undefined && event.type !== undefined && event.time !== undefined && event.source !== undefined;
}

const schemas = new Map<string, ReturnType<typeof eventSchemaOf>>(EVENT_TYPES.map((type) => [type, eventSchemaOf(type)]));
const idFields = ['id', 'attempt_id', 'recovery_id', 'factor_id'] as const;

/** Sources that were looked through: there are few. */
const clearSources = new LRUCache<string, true>({ max: 1_000 });

function isClearSource(source: string): boolean {
  if (clearSources.has(source)) return true;
  if (kindsInId(source).length > 0) return false;
  clearSources.set(source, true);
  return true;
}

/**
 * Checks one parsed JSON value against the catalogue and the bounds of its time.
 * A message names each wrong field and what is wrong, and quotes no value of the event.
 */
export function checkEvent(value: unknown, bounds: TimeBounds): Checked {
  if (!hasRightShape(value)) return explain(value);
  const event = value;
  if (event.attributes !== undefined && !hasWellFormedAttributes(event.attributes)) return explain(value);
  for (const field of requiredFields(event.type)) if (event[field] === undefined) return explain(value);
  if (!isClearSource(event.source)) return explain(value);
  for (const field of idFields) {
    const id = event[field];
    if (id !== undefined && kindsInId(id).length > 0) return explain(value);
  }
  return withTimes(event, bounds);
}

/** JSON can name half a surrogate pair (`\\ud800`); no UTF-8 can, so it could never be stored as it came. */
function illFormedField(event: Event): string | undefined {
  for (const [field, value] of Object.entries(event)) if (typeof value === 'string' && !value.isWellFormed()) return field;
  return hasWellFormedAttributes(event.attributes ?? {}) ? undefined : 'attributes';
}

function hasWellFormedAttributes(attributes: Record<string, string>): boolean {
  for (const key in attributes) if (!key.isWellFormed() || !attributes[key]?.isWellFormed()) return false;
  return true;
}

function withTimes(event: Event, bounds: TimeBounds): Checked {
  const timeMs = parseTime(event.time);
  const expiresAtMs = event.expires_at === undefined ? undefined : parseTime(event.expires_at);
  if (timeMs === undefined || (event.expires_at !== undefined && expiresAtMs === undefined)) return explain(event);
  if (timeMs < bounds.fromMs) {
    return { ok: false, message: `time: is before ${new Date(bounds.fromMs).toISOString()}, the earliest accepted` };
  }
  if (timeMs > bounds.toMs) return { ok: false, message: 'time: is more than 5 minutes ahead of the clock of the server' };
  return { ok: true, event, timeMs, expiresAtMs };
}

/** The slow way, for the message: at most three problems, each with its field. */
function explain(value: unknown): { ok: false; message: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, message: 'expected an event: a JSON object' };
  }
  if (Object.hasOwn(value, '__proto__')) return { ok: false, message: 'unknown field __proto__' };
  const type = (value as { type?: unknown }).type;
  if (type === undefined) return { ok: false, message: 'type: is missing' };
  if (typeof type !== 'string' || !schemas.has(type)) {
    return { ok: false, message: 'type: is not one of the catalogue (see schemas/events/)' };
  }
  const result = schemas.get(type as EventType)?.safeParse(value);
  const illFormed = result?.success ? illFormedField(value as Event) : undefined;
  if (illFormed !== undefined) return { ok: false, message: `${illFormed}: contains half of a surrogate pair, which is no text` };
  if (!result || result.success) return { ok: false, message: 'does not follow the schema' };
  return { ok: false, message: result.error.issues.slice(0, 3).map(describe).join('; ') };
}

/** Letters by which a field that was meant may differ. */
const MAX_MISSPELT = 2;

function describe(issue: z.core.$ZodIssue): string {
  const field = issue.path.map((part) => fieldName(String(part))).join('.');
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.slice(0, 5).map(fieldName).join(', ');
    const [first = ''] = issue.keys;
    const near = issue.keys.length === 1 ? closest(first, Object.keys(eventSchema.shape)) : '';
    const meant = near !== '' && distance(first, near) <= MAX_MISSPELT ? `; did you mean ${near}?` : '';
    // What has no field of its own has a place.
    const place = field === '' && meant === '' ? '; what has no field goes into attributes, text to text' : '';
    return `unknown field ${names}${issue.keys.length > 5 ? ' and others' : ''}${field ? ` in ${field}` : ''}${meant}${place}`;
  }
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return `${field}: is missing`;
  if (issue.code === 'too_big') return `${field}: expected at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
  return `${field}: ${issue.message.replace('Invalid input: ', '')}`;
}

/** Text from outside for a message or a terminal: control characters made visible. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');

/** A field's name, cut; a name that is somebody's is not repeated. */
export const fieldName = (name: string): string =>
  Object.hasOwn(eventSchema.shape, name) ? name : printable(redact(name).text.slice(0, 64));
