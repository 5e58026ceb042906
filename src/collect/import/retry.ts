/** Refused records, driven again. */

import type { Engine } from '../../store/engine/engine.ts';
import { closeLetters, waitingLetters } from '../../store/rows/dead-letter-row.ts';
import type { Intake } from '../intake/intake.ts';
import { addCounts, type ImportCounts, noCounts } from './import.ts';

const RETRIED_AT_ONCE = 2_000;

/**
 * Drives refused records again, as an import: times since 2000 are taken, and what has become valid since is.
 * @param defaultTime time of those that carry none (RFC 3339)
 */
export async function retryRejected(
  deps: { intake: Intake; drain: () => Promise<void>; engine: Engine; now: () => number },
  defaultTime?: string,
): Promise<ImportCounts> {
  const counts = noCounts();
  // What was refused just now may still be in the log.
  await deps.drain();
  for (let after = ''; ; ) {
    const letters = await waitingLetters(deps.engine, after, RETRIED_AT_ONCE);
    if (letters.length === 0) break;
    after = letters.at(-1)?.id ?? '';
    const events = letters.map(({ record }) => {
      const event = JSON.parse(record) as Record<string, unknown>;
      return { value: event.time === undefined && defaultTime !== undefined ? { ...event, time: defaultTime } : event };
    });
    const { sightings, rejected } = await deps.intake.accept(events, 'retry');
    const errors = rejected.map(({ index, id, message }) => ({ line: counts.read + index + 1, id, message }));
    const of = (...kinds: string[]) => sightings.filter((sighting) => kinds.includes(sighting)).length;
    addCounts(counts, {
      read: letters.length,
      accepted: of('new'),
      duplicates: of('duplicate', 'conflict'),
      conflicts: of('conflict'),
      ignored: 0,
      ignored_types: {},
      without_person: 0,
      rejected: of('rejected'),
      errors,
    });
    await closeLetters(
      deps.engine,
      letters.filter((_, i) => sightings[i] !== 'rejected').map(({ id }) => id),
      deps.now(),
    );
  }
  await deps.drain();
  return counts;
}
