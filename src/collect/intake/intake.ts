/** Intake: checks events, replaces what is personal, makes them durable in the log, and says what became of each. */
import type { Folding } from '../../store/roll/pending-roll.ts';
import type { SpanRow } from '../../store/rows/span-row.ts';
import { type Fresh, freshRows, markKnown, type Pseudonyms } from '../people/pseudonyms.ts';
import { createAppender } from './append.ts';
import { Batch, type Candidate, type Identity, type Mode, type Prepared, type Rejection } from './batch.ts';
import { inTurns, letterLimit, sourceLabels } from './intake-bounds.ts';
import type { Binding } from './key-binding.ts';
import type { KnownIdentities, Sighting } from './known-identities.ts';
import { LineBuffer } from './line-buffer.ts';
import type { LogWriter } from './log-writer.ts';
import type { Find } from './scrub.ts';

export interface IntakeResult {
  accepted: number;
  /** Known already, whatever their content. */
  duplicates: number;
  /** Of the duplicates, those that came with another content. */
  conflicts: number;
  /** The first thousand of them. */
  rejected: Rejection[];
  rejectedCount: number;
  /** What became of each value, by position. */
  sightings: (Sighting | 'rejected')[];
}

export interface IntakeDeps {
  log: LogWriter;
  pseudonyms: Pseudonyms;
  now: () => number;
  known: KnownIdentities;
  /** Asks the store for identities that memory no longer holds: content hash by position, undefined where unknown. */
  lookUp: (identities: readonly Identity[]) => Promise<(number | undefined)[]>;
  /** Takes up what the accepted events say, so that the loader need not read it off the log again. */
  folding: Folding;
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
  accept(candidates: Iterable<Candidate>, mode: Mode, binding?: Binding): Promise<IntakeResult>;
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

/** The intake of one data directory. */
export function createIntake(deps: IntakeDeps): Intake {
  const labelOf = sourceLabels();
  const letterAllowed = letterLimit();
  const takeInTurns = inTurns();
  const prepare = async (candidates: Iterable<Candidate>, mode: Mode, binding: Binding | undefined): Promise<Batch> => {
    const batch = new Batch({ ...deps, letterAllowed }, mode, binding);
    await takeInTurns(candidates, (each) => batch.take(each));
    return batch;
  };
  const { keep, keepSpans } = createAppender(deps);

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

  const accept: Intake['accept'] = async (candidates, mode, binding) => {
    const batch = await prepare(candidates, mode, binding);
    const { prepared, identities, fresh, forgotten, letters, lines, folded, rejected, rejectedCount, count } = batch;
    if (mode !== 'live' && prepared.length > 0) await recall(prepared, identities);
    const sightings = new Array<Sighting | 'rejected'>(count).fill('rejected');
    for (const { index, high, low, contentHash } of prepared) {
      sightings[index] = deps.known.note(high, low, contentHash, deps.now());
    }
    // What concerns somebody who was forgotten was delivered before that, or would bring the person back.
    for (const index of forgotten) sightings[index] = 'duplicate';
    if (prepared.length + letters.length > 0) {
      try {
        await keep(freshRows(fresh), letters, lines, folded);
        markKnown(fresh);
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
      rejectedCount,
      sightings,
    };
    if (deps.onCounted) report(batch, sightings, labelOf, deps.onCounted);
    return result;
  };

  return {
    accept: (...given) => tracked(accept(...given)),
    keepSpans,
    async referenceOf(kind, identifier) {
      const fresh: Fresh = new Set();
      const ref = deps.pseudonyms.of(kind, identifier, fresh);
      await keep(freshRows(fresh), [], new LineBuffer());
      markKnown(fresh);
      return ref;
    },
    async settled() {
      await Promise.all(underway);
    },
  };
}

function report(
  { prepared, rejectedCount, rejectedSources }: Batch,
  sightings: readonly (Sighting | 'rejected')[],
  labelOf: (source: string, isRefused?: boolean) => string,
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
  let unknown = rejectedCount;
  for (const [source, count] of rejectedSources) {
    onCounted(labelOf(source, true), 'rejected', count);
    unknown -= count;
  }
  if (unknown > 0) onCounted('unknown', 'rejected', unknown);
}
