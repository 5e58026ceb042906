/** What a simulation is asked for, and what its events look like. */
import type { ScheduledFault } from './faults.ts';

export interface Scenario {
  seed: number;
  days: number;
  /** Attempts per day, on average. */
  perDay: number;
  endMs: number;
  faults: readonly ScheduledFault[];
}

export type SimulatedEvent = Record<string, unknown> & { id: string; type: string; time: string; source: string };

/** Who sends what people do. */
export const SOURCE = 'enrollment-api';

/** A moment as RFC 3339 in UTC. */
export const iso = (ms: number): string => new Date(ms).toISOString();
