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
  /** Chance of what else goes wrong; where it is 0, nothing is drawn for it. */
  duplicates: number;
  seedFails: number;
  attestationFails: number;
  isLimited: number;
  staysPartial: number;
  leaksSecret: number;
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

const duplicateFactors: Fault = {
  name: 'duplicate_factors',
  description: 'a client repeats without an idempotency key: of its attempts half end with a second record of one factor (F2)',
  isDeploy: false,
  affect: (person, conditions) => (person.client_version === 'web-8.1' ? { ...conditions, duplicates: 0.5 } : conditions),
};

const invalidSeed: Fault = {
  name: 'invalid_seed',
  description: 'a deploy makes QR codes with a wrong seed: no code of an authenticator app matches (F3)',
  isDeploy: true,
  affect: (person, conditions) => (person.factor_type === 'totp' ? { ...conditions, seedFails: 1 } : conditions),
};

const badAttestation: Fault = {
  name: 'bad_attestation',
  description: 'the certificate chain of attestations has expired: every device is refused (F4)',
  isDeploy: false,
  affect: (person, conditions) => (person.factor_type === 'webauthn' ? { ...conditions, attestationFails: 1 } : conditions),
};

const rateLimit: Fault = {
  name: 'rate_limit',
  description: 'a limit is far too low: 60 % of those who start get 429 (F5)',
  isDeploy: false,
  affect: (_person, conditions) => ({ ...conditions, isLimited: 0.6 }),
};

const partialEnrollments: Fault = {
  name: 'partial_enrollments',
  description: 'half of those who have proved their factor are never completed: they stay pending until their time is over (F6)',
  isDeploy: false,
  affect: (_person, conditions) => ({ ...conditions, staysPartial: 0.5 }),
};

const secretExposure: Fault = {
  name: 'secret_exposure',
  description: 'an error of the page sends the seed of an authenticator app along (F8)',
  isDeploy: false,
  affect: (person, conditions) => (person.factor_type === 'totp' ? { ...conditions, leaksSecret: 0.5 } : conditions),
};

/** The first two are those of the demo. */
export const FAULTS: readonly Fault[] = [
  providerOutage,
  migrationBreak,
  duplicateFactors,
  invalidSeed,
  badAttestation,
  rateLimit,
  partialEnrollments,
  secretExposure,
];

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
