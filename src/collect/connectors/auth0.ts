/**
 * Auth0 tenant logs, of a log stream (`log_id` and `data`) or of the Management API: https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes
 *
 * Starts and ends of an enrollment share no id: they are joined.
 */
import { at, type Connector, cut, type Draft, eventsOf, ignored, type Mapped, type RecordMeaning, textAt } from './connector.ts';
import { factorNamed } from './factor-names.ts';
import { firstTime } from './product-time.ts';

type Meaning = Pick<RecordMeaning, 'type' | 'fields'>;
const denied = (reason?: string): Meaning => ({ type: 'challenge.denied', fields: { outcome: 'denied', reason } });
const approved: Meaning = { type: 'challenge.approved', fields: { outcome: 'success' } };
const failed: Meaning = { type: 'enrollment.failed', fields: { outcome: 'failure', error_class: 'client' } };
const sent = (factor_type: string, hasFailed = false): Meaning => ({
  type: 'provider.request',
  fields: {
    factor_type,
    provider: 'auth0',
    outcome: hasFailed ? 'failure' : 'success',
    ...(hasFailed && { error_class: 'provider' }),
  },
});
const limited: Meaning = { type: 'access.rate_limited', fields: { outcome: 'denied' } };
const blocked: Meaning = { type: 'access.blocked', fields: { outcome: 'denied' } };

/** By the code of the event. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  gd_start_enroll: { type: 'enrollment.started' },
  gd_enrollment_complete: { type: 'enrollment.completed', fields: { outcome: 'success' } },
  gd_enrollment_failed: failed,
  gd_webauthn_enrollment_failed: failed,
  gd_unenroll: { type: 'factor.revoked' },
  gd_user_delete: { type: 'factor.deprovisioned' },
  gd_send_sms: sent('sms'),
  gd_send_sms_failure: sent('sms', true),
  gd_send_voice: sent('voice'),
  gd_send_voice_failure: sent('voice', true),
  gd_send_email: sent('email'),
  gd_send_email_failure: sent('email', true),
  gd_send_pn: sent('push'),
  gd_send_pn_failure: sent('push', true),
  gd_auth_succeed: approved,
  gd_auth_email_verification: approved,
  gd_auth_failed: denied('wrong_code'),
  gd_auth_rejected: denied('denied'),
  gd_webauthn_challenge_failed: denied(),
  gd_otp_rate_limit_exceed: limited,
  gd_recovery_rate_limit_exceed: limited,
  gd_recovery_succeed: { type: 'recovery.completed', fields: { outcome: 'success', method: 'code' } },
  gd_recovery_failed: { type: 'recovery.failed', fields: { outcome: 'failure', method: 'code' } },
  gd_tenant_update: { type: 'policy.changed', fields: { action: 'factor_catalogue' } },
  limit_mu: blocked,
  limit_wc: blocked,
  limit_sul: blocked,
};

/** What a successful call of the Management API means, by its description; the first that fits. */
const CALLS: readonly [RegExp, string][] = [
  [/multi-?factor authentication polic|guardian polic/i, 'mfa_requirement'],
  [/multi-?factor authentication factor|guardian factor/i, 'factor_catalogue'],
  [/risk assessment|suspicious ip throttling|brute.?force|breached password|bot detection/i, 'risk_assessment'],
];

function callMeaning(data: unknown): RecordMeaning | undefined {
  const description = textAt(data, 'description') ?? '';
  const status = Number(textAt(data, 'details', 'response', 'statusCode') ?? 200);
  const name = CALLS.find(([pattern]) => pattern.test(description))?.[1];
  const isChange = /^(?:put|patch|post|delete)$/i.test(textAt(data, 'details', 'request', 'method') ?? 'put');
  if (name === undefined || !isChange || status >= 400) return undefined;
  const asked = at(data, 'details', 'request', 'body');
  return {
    type: 'policy.changed',
    actor: textAt(data, 'details', 'request', 'auth', 'user', 'email') ?? textAt(data, 'user_id'),
    fields: { action: name },
    attributes: {
      setting: textAt(data, 'details', 'request', 'path'),
      new_value: asked === undefined ? undefined : JSON.stringify(asked),
      direction: directionOf(asked),
    },
  };
}

/** A list of policies that is empty, and what is not enabled any more, asks for less. */
function directionOf(asked: unknown): 'weakened' | 'strengthened' | 'unknown' {
  if (Array.isArray(asked)) return asked.length === 0 ? 'weakened' : 'strengthened';
  const enabled = at(asked, 'enabled') ?? at(asked, 'AfterAuthentication') ?? at(asked, 'new_device');
  return typeof enabled === 'boolean' ? (enabled ? 'strengthened' : 'weakened') : 'unknown';
}

export const auth0: Connector = {
  name: 'auth0',
  reads: 'tenant logs of a log stream or of the Management API',
  tells: [
    'enrollment.started',
    'enrollment.completed',
    'enrollment.failed',
    'factor.revoked',
    'factor.deprovisioned',
    'recovery.completed',
    'recovery.failed',
    'provider.request',
    'access.blocked',
    'access.rate_limited',
    'challenge.sent',
    'challenge.approved',
    'challenge.denied',
    'policy.changed',
  ],
  map(record, context) {
    const inner = at(record, 'data');
    const data = typeof inner === 'object' && inner !== null ? inner : record;
    const type = textAt(data, 'type');
    if (type === undefined) return ignored(undefined);
    const id = textAt(record, 'log_id') ?? textAt(data, 'log_id') ?? textAt(data, '_id');
    const time = firstTime(at(data, 'date'), at(record, 'date'));
    const told = { id, time, content: record, joins: true };
    if (type === 'sapi' || type === 'mgmt_api_read') {
      const meaning = callMeaning(data);
      return meaning ? eventsOf('auth0', [undefined], meaning, told, context) : ignored(type);
    }
    const meaning = Object.hasOwn(MEANINGS, type) ? MEANINGS[type] : undefined;
    if (meaning === undefined) return ignored(type);
    const user = meaning.type === 'policy.changed' ? undefined : (textAt(data, 'user_id') ?? textAt(data, 'user_name'));
    const by = textAt(data, 'details', 'request', 'auth', 'user', 'user_id');
    const named = textAt(data, 'details', 'authenticator', 'type') ?? /\(([^)]+)\)/.exec(textAt(data, 'description') ?? '')?.[1];
    const isRecovery = meaning.type === 'recovery.completed' || meaning.type === 'recovery.failed';
    const mapped = eventsOf(
      'auth0',
      [user],
      {
        ...meaning,
        actor: by,
        fields: {
          factor_type: meaning.type === 'policy.changed' ? undefined : factorNamed(named ?? textAt(data, 'description')),
          ...meaning.fields,
          recovery_id: isRecovery ? `auth0:${context.fingerprint(JSON.stringify([id ?? null, user ?? null, time ?? null]))}` : undefined,
          destination: textAt(data, 'details', 'authenticator', 'phone_number'),
          tenant: cut(textAt(data, 'tenant_name'))?.slice(0, 64),
          ip: textAt(data, 'ip'),
          user_agent: textAt(data, 'user_agent')?.slice(0, 1_024),
        },
      },
      told,
      context,
    );
    // A push is paid for, and asks somebody.
    return type === 'gd_send_pn' ? withChallenge(mapped) : mapped;
  },
};

function withChallenge(mapped: Mapped): Mapped {
  if (mapped.kind !== 'events') return mapped;
  const asked = (mapped.events as Draft[]).map(({ provider: _, ...event }) => ({
    ...event,
    id: `${event.id}:asked`,
    type: 'challenge.sent',
  }));
  return { kind: 'events', events: [...mapped.events, ...asked] };
}
