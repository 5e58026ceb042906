/** Moments in query strings and bodies. */
import { MusterError } from '../errors.ts';
import { parseTime } from '../events/time.ts';

/** A moment in milliseconds since 1970. @throws MUSTER_BAD_ARGUMENT */
export function momentOf(value: unknown, otherwise: number): number {
  if (value === undefined) return otherwise;
  const ms = typeof value === 'string' ? parseTime(value) : undefined;
  if (ms === undefined) throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected a time as RFC 3339, such as 2026-03-01T09:30:00Z');
  return ms;
}
