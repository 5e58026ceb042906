/** What would become of events, were they sent: checked as intake checks them, and nothing is kept of them. */
import { checkEvent, httpBounds } from '../../events/checker.ts';
import { type Candidate, idOf, MAX_NAMED, type Rejection } from './batch.ts';
import { type Binding, refusalOf } from './key-binding.ts';

export interface DryRun {
  /** So many would be taken, or are known already. */
  valid: number;
  /** The first thousand of them. */
  rejected: Rejection[];
  rejectedCount: number;
}

/** @param binding what the sender's key may send */
export function dryRun(candidates: Iterable<Candidate>, nowMs: number, binding: Binding | undefined): DryRun {
  const bounds = httpBounds(nowMs);
  const result: DryRun = { valid: 0, rejected: [], rejectedCount: 0 };
  let index = 0;
  for (const candidate of candidates) {
    const message = problemOf(candidate, bounds, binding);
    if (message === undefined) result.valid += 1;
    else {
      result.rejectedCount += 1;
      if (result.rejected.length < MAX_NAMED) result.rejected.push({ index, id: idOf(candidate.value), message });
    }
    index += 1;
  }
  return result;
}

function problemOf(candidate: Candidate, bounds: ReturnType<typeof httpBounds>, binding: Binding | undefined): string | undefined {
  if ('unreadable' in candidate) return candidate.unreadable;
  const checked = checkEvent(candidate.value, bounds);
  if (!checked.ok) return checked.message;
  return binding && refusalOf(binding, checked.event);
}
