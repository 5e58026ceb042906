/** A valid example of every event type, as it stands in `schemas/examples/`. */
import { EVENT_TYPES, type Event, type EventType } from './catalogue.ts';

const attempt = { attempt_id: 'a-7f3c', user: 'ada@example.org', factor_type: 'totp', region: 'eu-west-1', deployment: '24-2' } as const;
const sms = { ...attempt, factor_type: 'sms', provider: 'sms-aurora' } as const;
const factor = { factor_id: 'f-19', user: 'ada@example.org', factor_type: 'webauthn' } as const;
const recovery = { recovery_id: 'r-5', user: 'ada@example.org', method: 'code' } as const;
const deploy = { deployment: '24-2', region: 'eu-west-1' } as const;

const DETAILS: Record<EventType, Partial<Event>> = {
  'enrollment.started': { ...attempt, channel: 'self_service', user_tier: 'standard', expires_at: '2026-03-01T09:45:00Z' },
  'enrollment.challenge_issued': attempt,
  'enrollment.verification_failed': { ...attempt, error_class: 'client', error_code: 'wrong_code' },
  'enrollment.completed': { ...attempt, outcome: 'success', duration_ms: 21_400, factor_id: 'f-19' },
  'enrollment.failed': { ...sms, outcome: 'failure', error_class: 'provider', error_code: 'sms_undelivered' },
  'enrollment.expired': { ...attempt, error_class: 'expired' },
  'enrollment.cancelled': { ...attempt, reason: 'user closed the page' },
  'factor.rotated': factor,
  'factor.revoked': { ...factor, actor: 'helpdesk-3', reason: 'device lost' },
  'factor.suspended': { ...factor, actor: 'helpdesk-3' },
  'factor.reset': { user: 'ada@example.org', actor: 'helpdesk-3' },
  'factor.deprovisioned': { ...factor, reason: 'account closed' },
  'factor.duplicate_detected': { ...factor, error_class: 'duplicate' },
  'factor.duplicate_resolved': factor,
  'recovery.started': recovery,
  'recovery.completed': { ...recovery, outcome: 'success', assisted: false },
  'recovery.failed': { ...recovery, outcome: 'failure', error_class: 'client' },
  'recovery.codes_issued': { user: 'ada@example.org', factor_type: 'recovery_code' },
  'provider.request': { ...sms, outcome: 'success', duration_ms: 310, cost: 0.042, cost_currency: 'EUR' },
  'provider.fallback': { ...sms, provider: 'sms-borealis', reason: 'sms-aurora timed out' },
  'provider.circuit_opened': { provider: 'sms-aurora', region: 'eu-west-1' },
  'provider.circuit_closed': { provider: 'sms-aurora', region: 'eu-west-1' },
  'attestation.verified': { ...attempt, factor_type: 'webauthn', attributes: { authenticator: 'security-key-a' } },
  'attestation.rejected': {
    ...attempt,
    factor_type: 'webauthn',
    error_class: 'attestation',
    error_code: 'untrusted_root',
    attributes: { authenticator: 'security-key-x' },
  },
  'api.request': {
    ...attempt,
    operation: 'start',
    http_status: 201,
    duration_ms: 84,
    cold_start: false,
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    span_id: '00f067aa0ba902b7',
  },
  'access.blocked': { user: 'ada@example.org', ip: '198.51.100.7', country: 'NL', risk_score: 0.93, reason: 'impossible travel' },
  'access.rate_limited': { ip: '198.51.100.7', http_status: 429 },
  'challenge.sent': { user: 'ada@example.org', factor_type: 'push', device: 'phone-1' },
  'challenge.approved': { user: 'ada@example.org', factor_type: 'push', device: 'phone-1', outcome: 'success' },
  'challenge.denied': { user: 'ada@example.org', factor_type: 'push', device: 'phone-1', outcome: 'denied' },
  'stepup.started': { user: 'ada@example.org', session: 's-1' },
  'stepup.completed': { user: 'ada@example.org', session: 's-1', outcome: 'success' },
  'stepup.failed': { user: 'ada@example.org', session: 's-1', outcome: 'failure' },
  'token.issued': { user: 'ada@example.org', session: 's-1' },
  'transaction.reversed': { user: 'ada@example.org', cost: 120.5, cost_currency: 'EUR' },
  'fraud.confirmed': { user: 'ada@example.org', reason: 'customer confirmed' },
  'admin.action': { user: 'ada@example.org', actor: 'helpdesk-3', action: 'temporary_access_pass.created' },
  'policy.changed': { actor: 'admin-1', action: 'sms.disabled', reason: 'privileged users' },
  'config.snapshot': { region: 'eu-west-1', attributes: { 'limits.per_minute': '60', 'providers.sms': 'sms-aurora' } },
  'deploy.started': deploy,
  'deploy.completed': { ...deploy, outcome: 'success' },
  'deploy.rolled_back': { ...deploy, reason: 'error budget burn' },
  'ticket.opened': { user: 'ada@example.org', action: 'cannot_enroll', attributes: { ticket: 'T-1042' } },
  'ticket.resolved': { user: 'ada@example.org', attributes: { ticket: 'T-1042' } },
  'incident.opened': { action: 'INC-214', provider: 'sms-aurora', region: 'eu-west-1' },
  'incident.resolved': { action: 'INC-214' },
  'runbook.run': { actor: 'oncall-2', action: 'provider-outage' },
  'ux.step_viewed': { ...attempt, action: 'scan_qr', client_version: 'web-8.1' },
  'ux.abandoned': {
    ...attempt,
    action: 'enter_code',
    user_agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
  },
  'ux.error': { ...attempt, action: 'scan_qr', error_code: 'camera_denied' },
  'directory.user': { user: 'ada@example.org', user_tier: 'privileged', segment: 'finance', action: 'active' },
};

/** One valid event per type. */
export const EXAMPLES: readonly Event[] = EVENT_TYPES.map((type) => ({
  id: `example-${type}`,
  type,
  time: '2026-03-01T09:30:00.000Z',
  source: type.startsWith('deploy.') ? 'ci' : 'enrollment-api',
  ...DETAILS[type],
}));
