/** Intake: checks events, replaces what is personal, makes them durable in the log, and says what became of each. */
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Event } from '../events/catalogue.ts';
import { checkEvent, httpBounds, importBounds } from '../events/checker.ts';
import { kindsInId } from '../privacy/ids.ts';
import { type DeadLetter, deadLetterLine } from '../store/dead-letter-row.ts';
import { type ReferenceRow, referenceLine } from '../store/reference-table.ts';
import { type SpanRow, spanLine } from '../store/span-row.ts';
import { AGENT_REF, deadLetter } from './dead-letters.ts';
import type { KnownIdentities, Sighting } from './known-identities.ts';
import { LineBuffer } from './line-buffer.ts';
import type { LogWriter } from './log-writer.ts';
import { mask } from './mask.ts';
import { type Fresh, freshRows, type Pseudonyms, settle } from './pseudonyms.ts';
import type { Find } from './scrub.ts';

/** After this many events the loop serves others, so that one large request does not delay all. */
const EVENTS_PER_SLICE = 250;
/** An event is refused above this many bytes of JSON. */
export const MAX_EVENT_BYTES = 256 * 1024;
const MAX_SOURCE_LABELS = 50;
/** A span is some kilobytes at most: records of the log stay small. */
const SPANS_PER_RECORD = 2_000;

export interface Rejection {
  /** Position among the values handed in, from 0. */
  index: number;
  id: string | null;
  message: string;
}

export interface IntakeResult {
  accepted: number;
  /** Known already, whatever their content. */
  duplicates: number;
  /** Of the duplicates, those that came with another content. */
  conflicts: number;
  rejected: Rejection[];
  /** What became of each value, by position. */
  sightings: (Sighting | 'rejected')[];
}

/** A value to take in: parsed JSON, or the reason why it could not be parsed, or become an event; then with what there is of it. */
export type Candidate = { value: unknown } | { unreadable: string; value?: unknown };

/**
 * `live` bounds times as HTTP does and counts duplicates of the last day; `import` takes any time since 2000 and counts exactly; `retry` is an
 * import of copies of refused records, in which everything personal is replaced already.
 */
export type Mode = 'live' | 'import' | 'retry';

/** Why the sender may not send this event, or undefined. */
export type Refuses = (event: Event) => string | undefined;

export interface Identity {
  source: string;
  id: string;
  timeMs: number;
  userRef: string;
}

export interface IntakeDeps {
  log: LogWriter;
  pseudonyms: Pseudonyms;
  now: () => number;
  known: KnownIdentities;
  /** Asks the store for identities that memory no longer holds: content hash by position, undefined where unknown. */
  lookUp: (identities: readonly Identity[]) => Promise<(number | undefined)[]>;
  /** Told of what was found in the free text of an event and left out. */
  onFound?: (source: string, finds: readonly Find[]) => void;
  /** Counts for `muster_collector_events_total`. */
  onCounted?: (source: string, result: 'accepted' | 'duplicate' | 'rejected', count: number) => void;
}

export interface Intake {
  /**
   * Resolves once the accepted events are durable.
   * @throws MUSTER_LOG_FAILED when nothing could be made durable
   */
  accept(candidates: Iterable<Candidate>, mode: Mode, refuses?: Refuses): Promise<IntakeResult>;
  /**
   * Resolves once the spans are durable.
   * @throws MUSTER_LOG_FAILED
   */
  keepSpans(spans: readonly SpanRow[]): Promise<void>;
  /**
   * The reference of somebody who is named outside of events; durable when this resolves.
   * @throws MUSTER_LOG_FAILED
   */
  referenceOf(kind: 'person' | 'operator', identifier: string): Promise<string>;
  /** Resolves when all that is being taken in now has been answered. */
  settled(): Promise<void>;
}

interface Prepared {
  index: number;
  source: string;
  high: number;
  low: number;
  contentHash: number;
}

/** Refused records that are kept within a minute: beyond it somebody sends nothing else, and they are only counted. */
const LETTERS_PER_MINUTE = 1_000;

/** The intake of one data directory. */
export function createIntake(deps: IntakeDeps): Intake {
  const sources = new Set<string>();
  const labelOf = (source: string) => {
    if (!sources.has(source) && sources.size >= MAX_SOURCE_LABELS) return 'other';
    sources.add(source);
    return source;
  };

  let letterMinute = 0;
  let lettersInMinute = 0;
  const letterAllowed = (nowMs: number): boolean => {
    const minute = Math.floor(nowMs / 60_000);
    lettersInMinute = minute === letterMinute ? lettersInMinute + 1 : 1;
    letterMinute = minute;
    return lettersInMinute <= LETTERS_PER_MINUTE;
  };

  const prepare = async (candidates: Iterable<Candidate>, mode: Mode, rejected: Rejection[], refuses: Refuses | undefined) => {
    const lines = new LineBuffer();
    const receivedAtMs = deps.now();
    const bounds = mode === 'live' ? httpBounds(receivedAtMs) : importBounds(receivedAtMs);
    const prepared: Prepared[] = [];
    const identities: Identity[] = [];
    const fresh: Fresh = new Set();
    const forgotten: number[] = [];
    const letters: DeadLetter[] = [];
    const reject = (index: number, value: unknown, message: string) => {
      rejected.push({ index, id: idOf(value), message });
      if (mode === 'retry' || !letterAllowed(receivedAtMs)) return;
      const { letter, finds } = deadLetter(value, message, deps.pseudonyms, fresh);
      letters.push(letter);
      if (finds.length > 0) deps.onFound?.(letter.source, finds);
    };
    let index = -1;
    for (const candidate of candidates) {
      index += 1;
      if (index % EVENTS_PER_SLICE === EVENTS_PER_SLICE - 1) await yieldToLoop();
      if ('unreadable' in candidate) {
        reject(index, candidate.value, candidate.unreadable);
        continue;
      }
      const { value, agentRef } = mode === 'retry' ? withoutAgentRef(candidate.value) : { value: candidate.value, agentRef: undefined };
      const checked = checkEvent(value, bounds);
      if (!checked.ok) {
        reject(index, value, checked.message);
        continue;
      }
      const { event, timeMs, expiresAtMs } = checked;
      const refusal = refuses?.(event);
      if (refusal !== undefined) {
        // No letter: it would come in by being driven again.
        rejected.push({ index, id: event.id, message: refusal });
        continue;
      }
      if (event.user !== undefined && deps.pseudonyms.isForgotten(event.user, timeMs)) {
        forgotten.push(index);
        continue;
      }
      const finds: Find[] = [];
      const references = mode === 'retry' ? asGiven(agentRef) : deps.pseudonyms;
      const { content, userRef } = mask(withoutForgotten(event, timeMs), { timeMs, expiresAtMs }, references, { finds, fresh });
      if (finds.length > 0) deps.onFound?.(event.source, finds);
      const contentHash = lines.add(content, receivedAtMs);
      const identity = { source: event.source, id: event.id, timeMs, userRef };
      if (mode !== 'live') identities.push(identity);
      const { high, low } = identityHash(identity);
      prepared.push({ index, source: event.source, high, low, contentHash });
    }
    return { prepared, identities, fresh, forgotten, letters, lines, count: index + 1 };
  };

  const withoutForgotten = (event: Event, timeMs: number): Event =>
    event.actor !== undefined && deps.pseudonyms.isForgotten(event.actor, timeMs) ? { ...event, actor: undefined } : event;

  /** References go first: an event in the log without the row of its user would be nobody's. Duplicates are written too: figures must not hang on what memory believes. */
  const keep = async (references: readonly ReferenceRow[], letters: readonly DeadLetter[], lines: LineBuffer) => {
    const nowMs = deps.now();
    const rows = Buffer.from(references.map(referenceLine).join(''));
    const refused = Buffer.from(letters.map((letter) => deadLetterLine(letter, nowMs)).join(''));
    await Promise.all([
      ...(references.length > 0 ? [deps.log.append(rows, references.length, 'references')] : []),
      ...(letters.length > 0 ? [deps.log.append(refused, letters.length, 'letters')] : []),
      ...lines.payloads().map(({ bytes, rows }) => deps.log.append(bytes, rows)),
    ]);
  };

  /** Teaches memory what only the store still knows, so that an old event sent again counts as a duplicate. */
  const recall = async (prepared: readonly Prepared[], identities: readonly Identity[]) => {
    const found = await deps.lookUp(identities);
    for (const [i, contentHash] of found.entries()) {
      const { high, low } = prepared[i] as Prepared;
      if (contentHash !== undefined) deps.known.note(high, low, contentHash, deps.now());
    }
  };

  const underway = new Set<Promise<unknown>>();
  const tracked = <T>(work: Promise<T>): Promise<T> => {
    const ended: Promise<unknown> = work.then(
      () => underway.delete(ended),
      () => underway.delete(ended),
    );
    underway.add(ended);
    return work;
  };

  const accept: Intake['accept'] = async (candidates, mode, refuses) => {
    const rejected: Rejection[] = [];
    const { prepared, identities, fresh, forgotten, letters, lines, count } = await prepare(candidates, mode, rejected, refuses);
    if (mode !== 'live' && prepared.length > 0) await recall(prepared, identities);
    const sightings = new Array<Sighting | 'rejected'>(count).fill('rejected');
    for (const { index, high, low, contentHash } of prepared) {
      sightings[index] = deps.known.note(high, low, contentHash, deps.now());
    }
    // What concerns somebody who was forgotten was delivered before that, or would bring the person back.
    for (const index of forgotten) sightings[index] = 'duplicate';
    if (prepared.length + letters.length > 0) {
      try {
        await keep(freshRows(fresh), letters, lines);
        settle(fresh);
      } catch (error) {
        for (const { index, high, low } of prepared) if (sightings[index] === 'new') deps.known.forget(high, low);
        throw error;
      }
    }
    const duplicates = sightings.filter((sighting) => sighting === 'duplicate' || sighting === 'conflict').length;
    const result = {
      accepted: prepared.length + forgotten.length - duplicates,
      duplicates,
      conflicts: sightings.filter((sighting) => sighting === 'conflict').length,
      rejected,
      sightings,
    };
    if (deps.onCounted) report(prepared, sightings, rejected.length, labelOf, deps.onCounted);
    return result;
  };

  return {
    accept: (...given) => tracked(accept(...given)),
    async keepSpans(spans) {
      if (spans.length === 0) return;
      const receivedAtMs = deps.now();
      const records = [];
      for (let from = 0; from < spans.length; from += SPANS_PER_RECORD) {
        const part = spans.slice(from, from + SPANS_PER_RECORD);
        records.push(deps.log.append(Buffer.from(part.map((span) => spanLine(span, receivedAtMs)).join('')), part.length, 'spans'));
      }
      await Promise.all(records);
    },
    async referenceOf(kind, identifier) {
      const fresh: Fresh = new Set();
      const ref = deps.pseudonyms.of(kind, identifier, fresh);
      await keep(freshRows(fresh), [], new LineBuffer());
      settle(fresh);
      return ref;
    },
    async settled() {
      await Promise.all(underway);
    },
  };
}

function report(
  prepared: readonly Prepared[],
  sightings: readonly (Sighting | 'rejected')[],
  rejected: number,
  labelOf: (source: string) => string,
  onCounted: NonNullable<IntakeDeps['onCounted']>,
): void {
  const counts = new Map<string, { accepted: number; duplicate: number }>();
  for (const { index, source } of prepared) {
    const entry = counts.get(source) ?? { accepted: 0, duplicate: 0 };
    if (sightings[index] === 'new') entry.accepted += 1;
    else entry.duplicate += 1;
    counts.set(source, entry);
  }
  for (const [source, { accepted, duplicate }] of counts) {
    const label = labelOf(source);
    if (accepted > 0) onCounted(label, 'accepted', accepted);
    if (duplicate > 0) onCounted(label, 'duplicate', duplicate);
  }
  // A rejected event's source is not to be trusted as a label.
  if (rejected > 0) onCounted('unknown', 'rejected', rejected);
}

/**
 * 64 bits that stand for `(source, id)` with its time and user: one event by the contract. Two multiplicative hashes over the same text,
 * not cryptographic: a collision, found or forged, only miscounts `duplicates` of an answer.
 */
export function identityHash({ source, id, timeMs, userRef }: Identity): { high: number; low: number } {
  const text = `${source}\0${id}\0${timeMs}\0${userRef}`;
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 0x9e3779b1);
    low = Math.imul(low ^ code, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return { high: high >>> 0, low: low >>> 0 };
}

/** A copy of a refused record names people by their references. */
const asGiven = (agentRef: string | undefined): Pick<Pseudonyms, 'of'> => ({
  of: (kind, identifier) => (kind === 'user_agent' ? (agentRef ?? '') : identifier),
});

function withoutAgentRef(value: unknown): { value: unknown; agentRef: string | undefined } {
  const { [AGENT_REF]: agentRef, ...event } = value as Record<string, unknown>;
  return { value: event, agentRef: typeof agentRef === 'string' ? agentRef : undefined };
}

/** The id to name in a rejection, if it has one that is safe to repeat. */
function idOf(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined;
  return typeof id === 'string' && /^[A-Za-z0-9._:/+=-]{1,128}$/.test(id) && kindsInId(id).length === 0 ? id : null;
}
