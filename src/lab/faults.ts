/** Faults that a simulation can hold: each changes what befalls the attempts that it meets. One entry of the registry each. */
import { MusterError } from '../errors.ts';
import { parseTime } from '../events/time.ts';
import type { Person } from './population.ts';

export interface Conditions {
  /** Chance that the provider does not deliver. */
  providerFails: number;
  /** Chance that a request fails with 500 in our storage. */
  storageFails: number;
  /** API latencies are multiplied by this. */
  slowness: number;
}

export interface Fault {
  readonly name: string;
  readonly description: string;
  /** What changes for somebody who is met by the fault. */
  affect(person: Person, conditions: Conditions): Conditions;
  /** Whether a deploy brings it and a rollback ends it. */
  readonly isDeploy: boolean;
}

const providerOutage: Fault = {
  name: 'provider_outage',
  description: 'the SMS provider sms-aurora delivers almost nothing (F1)',
  isDeploy: false,
  affect: (person, conditions) => (person.provider === 'sms-aurora' ? { ...conditions, providerFails: 0.9 } : conditions),
};

const migrationBreak: Fault = {
  name: 'migration_break',
  description: 'a deploy breaks the database: half of the requests fail, the others are slow (F7)',
  isDeploy: true,
  affect: (_person, conditions) => ({ ...conditions, storageFails: 0.5, slowness: 5 }),
};

export const FAULTS: readonly Fault[] = [providerOutage, migrationBreak];

export interface ScheduledFault {
  fault: Fault;
  startMs: number;
  endMs: number;
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as `45m`, `2h` or `1d`. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,6})([mhd])$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS] : undefined;
}

/**
 * Parses `NAME@T+DURATION`; T is RFC 3339 or a time before the end such as `-9d`.
 * @throws MUSTER_BAD_ARGUMENT
 */
export function parseFault(text: string, endMs: number): ScheduledFault {
  const match = /^([a-z_]+)@(.+)\+(\d+[mhd])$/.exec(text);
  const fault = FAULTS.find(({ name }) => name === match?.[1]);
  const when = match?.[2] ?? '';
  const before = when.startsWith('-') ? durationMs(when.slice(1)) : undefined;
  const startMs = before === undefined ? parseTime(when) : endMs - before;
  const length = durationMs(match?.[3] ?? '');
  if (!fault || startMs === undefined || length === undefined) {
    throw new MusterError(
      'MUSTER_BAD_ARGUMENT',
      `--fault ${JSON.stringify(text.slice(0, 80))}: expected NAME@T+DURATION such as provider_outage@-2d+45m; names: ${FAULTS.map(({ name }) => name).join(', ')}`,
    );
  }
  return { fault, startMs, endMs: startMs + length };
}
