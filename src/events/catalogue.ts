/** Version 1 of the event catalogue: every field and every type, as zod schemas. JSON Schemas are generated from here. */
import { z } from 'zod';
import { SENSITIVE_KIND_NAMES, SENSITIVE_KINDS, type SensitiveKind } from '../privacy/detector.ts';
import { kindsInId } from '../privacy/ids.ts';
import { parseTime, RFC3339_PATTERN } from './time.ts';

const ID_PATTERN = /^[A-Za-z0-9._:/@+=-]{1,128}$/;

/** Why an id may not be kept although its characters are allowed, or undefined. */
export function idProblem(id: string): string | undefined {
  const [kind] = kindsInId(id);
  return kind === undefined ? undefined : mustNotCarry(kind);
}

/** What is said of an id that carries something. */
export function mustNotCarry(kind: SensitiveKind): string {
  const why = SENSITIVE_KINDS[kind] === 'secret' ? 'ids must not carry secrets' : 'ids must not identify a person';
  return `contains ${SENSITIVE_KIND_NAMES[kind]}; ${why}`;
}

function carriesNothing(value: string, context: z.core.$RefinementCtx<string>): void {
  const message = idProblem(value);
  if (message) context.addIssue({ code: 'custom', message });
}

const id = z.string().regex(ID_PATTERN, 'expected 1 to 128 characters of A-Z a-z 0-9 . _ : / @ + = -').superRefine(carriesNothing);
const dateTime = z
  .string()
  .regex(RFC3339_PATTERN, { error: 'expected an RFC 3339 date-time with offset, such as 2026-03-01T09:30:00Z', abort: true })
  .refine((text) => parseTime(text) !== undefined, 'names a date or time that does not exist');
const label = z.string().max(64);
const text = z.string().max(128);
/** An identifier that is replaced by a pseudonym before storage. */
const personal = z.string().min(1).max(512);
const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-fA-F]{${length}}$`), `expected ${length} hexadecimal digits`);

export const TERMINAL_TYPES = ['enrollment.completed', 'enrollment.failed', 'enrollment.expired', 'enrollment.cancelled'] as const;

export const EVENT_TYPES = [
  'enrollment.started',
  'enrollment.challenge_issued',
  'enrollment.verification_failed',
  ...TERMINAL_TYPES,
  'factor.rotated',
  'factor.revoked',
  'factor.suspended',
  'factor.reset',
  'factor.deprovisioned',
  'factor.duplicate_detected',
  'factor.duplicate_resolved',
  'recovery.started',
  'recovery.completed',
  'recovery.failed',
  'recovery.codes_issued',
  'provider.request',
  'provider.fallback',
  'provider.circuit_opened',
  'provider.circuit_closed',
  'attestation.verified',
  'attestation.rejected',
  'api.request',
  'access.blocked',
  'access.rate_limited',
  'challenge.sent',
  'challenge.approved',
  'challenge.denied',
  'stepup.started',
  'stepup.completed',
  'stepup.failed',
  'token.issued',
  'transaction.reversed',
  'fraud.confirmed',
  'admin.action',
  'policy.changed',
  'config.snapshot',
  'deploy.started',
  'deploy.completed',
  'deploy.rolled_back',
  'ticket.opened',
  'ticket.resolved',
  'incident.opened',
  'incident.resolved',
  'runbook.run',
  'ux.step_viewed',
  'ux.abandoned',
  'ux.error',
  'directory.user',
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Fields that a type cannot do without, beside `id`, `type`, `time` and `source`. */
export function requiredFields(type: EventType): readonly ('attempt_id' | 'recovery_id')[] {
  if (type.startsWith('enrollment.')) return ['attempt_id'];
  return type === 'recovery.started' || type === 'recovery.completed' || type === 'recovery.failed' ? ['recovery_id'] : [];
}

const optionalFields = {
  schema_version: z.union([z.literal(1), z.literal('1')]).meta({ description: 'Version of this catalogue; only 1 is accepted.' }),
  attempt_id: id.meta({ description: 'The enrollment attempt, unique per source.' }),
  recovery_id: id.meta({ description: 'The recovery, unique per source.' }),
  factor_id: id.meta({ description: 'The factor record.' }),
  user: personal.meta({ description: 'Whom the event concerns. Replaced by a keyed pseudonym before storage.' }),
  actor: personal.meta({ description: 'Who did it, if someone else. Replaced by a keyed pseudonym before storage.' }),
  device: personal.meta({ description: 'Device identifier. Replaced by a keyed pseudonym before storage.' }),
  destination: personal.meta({ description: 'Phone number or address that codes go to. Replaced before storage.' }),
  session: personal.meta({ description: 'Session identifier. Replaced by a keyed pseudonym before storage.' }),
  user_tier: z.enum(['standard', 'vip', 'privileged', 'service', 'node']),
  traffic: z.enum(['user', 'synthetic', 'internal', 'bot']).meta({ description: 'Only user traffic, the default, counts in SLIs.' }),
  channel: z.enum(['self_service', 'sso', 'admin', 'api', 'ci', 'recovery']),
  segment: label,
  tenant: label,
  region: label,
  environment: label.meta({ description: 'Defaults to production.' }),
  deployment: label,
  client_version: label,
  provider: label,
  factor_type: z.enum([
    'totp',
    'hotp',
    'sms',
    'voice',
    'email',
    'push',
    'webauthn',
    'hardware_otp',
    'recovery_code',
    'certificate',
    'other',
  ]),
  operation: z.enum(['start', 'verify', 'resend', 'cancel', 'recover', 'admin', 'other']).meta({ description: 'For api.request.' }),
  outcome: z.enum(['success', 'failure', 'denied', 'timeout']),
  error_class: z.enum([
    'provider',
    'client',
    'validation',
    'attestation',
    'rate_limit',
    'storage',
    'policy',
    'internal',
    'duplicate',
    'expired',
    'abandoned',
  ]),
  error_code: text,
  action: text,
  reason: text,
  http_status: z.number().int().min(100).max(599),
  duration_ms: z.number().min(0).max(1e12).meta({ description: 'Milliseconds.' }),
  risk_score: z.number().min(0).max(1),
  cost: z.number().min(0).max(1e12),
  cost_currency: z.string().regex(/^[A-Z]{3}$/, 'expected an ISO 4217 code such as EUR'),
  cold_start: z.boolean(),
  assisted: z.boolean().meta({ description: 'A person of the support helped.' }),
  method: z.enum(['code', 'second_factor', 'admin', 'vip']).meta({ description: 'Of a recovery.' }),
  expires_at: dateTime.meta({ description: 'When a pending attempt ends.' }),
  ip: z.string().max(64).meta({ description: 'Stored as network prefix.' }),
  user_agent: z.string().max(1024).meta({ description: 'Stored as family and keyed fingerprint.' }),
  country: z.string().regex(/^[A-Z]{2}$/, 'expected an ISO 3166-1 alpha-2 code such as NL'),
  trace_id: hex(32),
  span_id: hex(16),
  attributes: z
    .record(z.string().min(1).max(64), z.string().max(1024))
    .refine((map) => Object.keys(map).length <= 32, 'expected at most 32 entries')
    .meta({ maxProperties: 32 }),
};
type OptionalField = keyof typeof optionalFields;

const requiredShape = {
  id: id.meta({ description: 'Unique per source.' }),
  time: dateTime.meta({ description: 'When it happened: RFC 3339 with offset.' }),
  source: z
    .string()
    .regex(/^[A-Za-z0-9._:/-]{1,64}$/, 'expected 1 to 64 characters of A-Z a-z 0-9 . _ : / -')
    .superRefine(carriesNothing),
};

const optionalShape = Object.fromEntries(Object.entries(optionalFields).map(([name, schema]) => [name, schema.optional()])) as {
  [K in OptionalField]: z.ZodOptional<(typeof optionalFields)[K]>;
};

/** The schema of any event; what a type requires beyond that is in {@link requiredFields}. */
export const eventSchema = z.strictObject({ ...requiredShape, type: z.enum(EVENT_TYPES), ...optionalShape });

/** An event as it arrives, before pseudonyms. */
export type Event = z.infer<typeof eventSchema>;

/** The schema of one type: its name fixed and what it requires required. */
export function eventSchemaOf(type: EventType) {
  const required = Object.fromEntries(requiredFields(type).map((name) => [name, optionalFields[name]]));
  return z.strictObject({ ...requiredShape, type: z.literal(type), ...optionalShape, ...required });
}
