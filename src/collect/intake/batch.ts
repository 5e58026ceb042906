/** The values of one request on their way into the log: checked, without what is personal, and folded for the figures. */
import { type Event, eventSchema } from '../../events/catalogue.ts';
import { checkEvent, httpBounds, importBounds, type TimeBounds } from '../../events/checker.ts';
import { kindsInId } from '../../privacy/ids.ts';
import type { Folding, PendingRoll } from '../../store/roll/pending-roll.ts';
import { JOINED } from '../../store/rows/attempt-facts.ts';
import type { DeadLetter } from '../../store/rows/dead-letter-row.ts';
import { FIELDS_OF_ACTORS } from '../../store/upkeep/erase.ts';
import type { Fresh, Pseudonyms } from '../people/pseudonyms.ts';
import { AGENT_REF, deadLetter } from './dead-letters.ts';
import { type Binding, refusalOf, sentWithOf } from './key-binding.ts';
import { LineBuffer } from './line-buffer.ts';
import { mask } from './mask.ts';
import type { Find } from './scrub.ts';

export interface Rejection {
  /** Position among the values handed in, from 0. */
  index: number;
  id: string | null;
  message: string;
}

/** A value to take in: parsed JSON, or the reason why it could not be parsed, or become an event; then with what there is of it. */
export type Candidate = { value: unknown } | { unreadable: string; value?: unknown };

/**
 * `live` bounds times as HTTP does and counts duplicates of the last day; `import` takes any time since 2000 and counts exactly; `retry` is an
 * import of copies of refused records, in which everything personal is replaced already.
 */
export type Mode = 'live' | 'import' | 'retry';

export interface Identity {
  source: string;
  id: string;
  timeMs: number;
  userRef: string;
}

/** An accepted event, as far as its answer needs it. */
export interface Prepared {
  index: number;
  source: string;
  high: number;
  low: number;
  contentHash: number;
}

export interface BatchDeps {
  pseudonyms: Pseudonyms;
  now: () => number;
  folding: Pick<Folding, 'begin'>;
  /** Whether a copy of a refused record may be kept. */
  letterAllowed: (nowMs: number) => boolean;
  onFound?: (source: string, finds: readonly Find[]) => void;
}

/** Since the process started. */
let lettersMade = 0;

/** Of the rejected values of a request so many are named, the others counted. */
export const MAX_NAMED = 1_000;

export class Batch {
  readonly lines = new LineBuffer();
  readonly folded: PendingRoll;
  readonly prepared: Prepared[] = [];
  /** Of the prepared, unless they came live. */
  readonly identities: Identity[] = [];
  /** The first {@link MAX_NAMED} of them. */
  readonly rejected: Rejection[] = [];
  rejectedCount = 0;
  /** Of those whose source can be read, how many by it. */
  readonly rejectedSources = new Map<string, number>();
  /** Positions of those that concern somebody who was forgotten since. */
  readonly forgotten: number[] = [];
  readonly letters: DeadLetter[] = [];
  readonly fresh: Fresh = new Set();
  count = 0;
  private readonly deps: BatchDeps;
  private readonly mode: Mode;
  private readonly binding: Binding | undefined;
  private readonly receivedAtMs: number;
  private readonly bounds: TimeBounds;

  constructor(deps: BatchDeps, mode: Mode, binding: Binding | undefined) {
    this.deps = deps;
    this.mode = mode;
    this.binding = binding;
    this.folded = deps.folding.begin();
    this.receivedAtMs = deps.now();
    // Who is bound writes no history, by whatever route.
    this.bounds = mode === 'live' || binding ? httpBounds(this.receivedAtMs) : importBounds(this.receivedAtMs);
  }

  /** Takes the next value in. */
  take(candidate: Candidate): void {
    const index = this.count;
    this.count += 1;
    if ('unreadable' in candidate) this.reject(index, candidate.value, candidate.unreadable);
    else if (this.mode !== 'retry') this.check(index, candidate.value, this.deps.pseudonyms);
    else {
      const { event, sentWith } = sentWithOf(candidate.value as Record<string, unknown>);
      const { value, agentRef } = withoutAgentRef(event);
      const bounds = sentWith && sentWith.receivedAtMs !== null ? httpBounds(sentWith.receivedAtMs) : this.bounds;
      this.check(index, value, asGiven(agentRef), sentWith, bounds);
    }
  }

  private check(
    index: number,
    value: unknown,
    references: Pick<Pseudonyms, 'of'>,
    binding: Binding | undefined = this.binding,
    bounds: TimeBounds = this.bounds,
  ): void {
    const { pseudonyms } = this.deps;
    const checked = checkEvent(value, bounds);
    if (!checked.ok) {
      this.reject(index, value, checked.message);
      return;
    }
    const { event, timeMs } = checked;
    // Each such id has to be of one record, as connectors see to.
    const isForged = this.mode === 'live' && event.attempt_id?.startsWith(JOINED);
    const refusal = isForged
      ? `attempt_id: ${JOINED} begins the ids of records that a connector joins; send an id of your own`
      : binding && refusalOf(binding, event);
    // No letter: it would come in by being driven again.
    if (refusal !== undefined) this.name({ index, id: event.id, message: refusal });
    else if (event.user !== undefined && pseudonyms.isForgotten(event.user, timeMs)) this.forgotten.push(index);
    else if (event.actor !== undefined && pseudonyms.isForgotten(event.actor, timeMs))
      this.keep(index, { ...checked, event: withoutActor(event) }, references);
    else this.keep(index, checked, references);
  }

  private keep(
    index: number,
    checked: { event: Event; timeMs: number; expiresAtMs: number | undefined },
    references: Pick<Pseudonyms, 'of'>,
  ) {
    const { event, timeMs } = checked;
    const finds: Find[] = [];
    const { row, content, userRef } = mask(event, checked, references, { finds, fresh: this.fresh });
    if (finds.length > 0) this.deps.onFound?.(event.source, finds);
    this.folded.add(row);
    const contentHash = this.lines.add(content, this.receivedAtMs);
    const identity = { source: event.source, id: event.id, timeMs, userRef };
    if (this.mode !== 'live') this.identities.push(identity);
    const { high, low } = identityHash(identity);
    this.prepared.push({ index, source: event.source, high, low, contentHash });
  }

  private name(rejection: Rejection): void {
    this.rejectedCount += 1;
    if (this.rejected.length < MAX_NAMED) this.rejected.push(rejection);
  }

  private reject(index: number, value: unknown, message: string): void {
    this.name({ index, id: idOf(value), message });
    const source = sourceIn(value);
    if (source !== undefined && (this.rejectedSources.has(source) || this.rejectedSources.size < MAX_NAMED))
      this.rejectedSources.set(source, (this.rejectedSources.get(source) ?? 0) + 1);
    if (this.mode === 'retry' || !this.deps.letterAllowed(this.receivedAtMs)) return;
    const sentWith = this.binding && { ...this.binding, receivedAtMs: this.receivedAtMs };
    const { letter, finds } = deadLetter(
      value,
      { reason: message, sentWith, number: `${this.receivedAtMs}:${lettersMade++}` },
      this.deps.pseudonyms,
      this.fresh,
    );
    this.letters.push(letter);
    if (finds.length > 0) this.deps.onFound?.(letter.source, finds);
  }
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

/** What somebody did to another and is delivered after they were forgotten: as it would be stored if it had come before. */
function withoutActor(event: Event): Event {
  const rest = { ...event };
  for (const field of FIELDS_OF_ACTORS) delete rest[field];
  return rest;
}

function withoutAgentRef(value: unknown): { value: unknown; agentRef: string | undefined } {
  const { [AGENT_REF]: agentRef, ...event } = value as Record<string, unknown>;
  return { value: event, agentRef: typeof agentRef === 'string' ? agentRef : undefined };
}

/** The source of a refused value, where it is one. */
function sourceIn(value: unknown): string | undefined {
  const source = typeof value === 'object' && value !== null ? (value as { source?: unknown }).source : undefined;
  const found = source === undefined ? undefined : eventSchema.shape.source.safeParse(source);
  return found?.success ? found.data : undefined;
}

/** The id to name in a rejection, if it has one that is safe to repeat. */
export function idOf(value: unknown): string | null {
  const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : undefined;
  return typeof id === 'string' && /^[A-Za-z0-9._:/+=-]{1,128}$/.test(id) && kindsInId(id).length === 0 ? id : null;
}
