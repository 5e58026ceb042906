/** Okta System Log: https://developer.okta.com/docs/reference/api/event-types/ */
import { canonicalJson } from '../../system/canonical-json.ts';
import { at, type Connector, cut, eventsOf, ignored, listAt, type RecordMeaning, textAt } from './connector.ts';
import { productTime } from './product-time.ts';

/** By what Classic calls a factor, Identity Engine a method (`methodTypeUsed`), and messages either. The first that fits. */
const FACTORS: readonly [RegExp, string][] = [
  [/webauthn|fido|passkey|u2f|security key|biometric/i, 'webauthn'],
  [/hotp/i, 'hotp'],
  [/totp|google|enter a code/i, 'totp'],
  [/push|okta_verify|okta verify|signed_nonce|fastpass/i, 'push'],
  [/sms|text message/i, 'sms'],
  [/call|voice/i, 'voice'],
  [/email/i, 'email'],
  [/hardware|yubikey|rsa|symantec/i, 'hardware_otp'],
  [/otp/i, 'totp'],
];
/** What is no second factor. */
const PASSWORD = /^password$/i;

/** What each event type means; a function where the outcome decides. */
const MEANINGS: Readonly<Record<string, (isSuccess: boolean) => RecordMeaning['type']>> = {
  'user.mfa.factor.activate': (isSuccess) => (isSuccess ? 'enrollment.completed' : 'enrollment.failed'),
  'user.mfa.factor.deactivate': () => 'factor.revoked',
  'user.mfa.factor.reset_all': () => 'factor.reset',
  'user.mfa.factor.suspend': () => 'factor.suspended',
  'user.mfa.factor.unsuspend': () => 'factor.rotated',
  'user.mfa.factor.update': () => 'factor.rotated',
  'system.mfa.factor.activate': () => 'policy.changed',
  'system.mfa.factor.deactivate': () => 'policy.changed',
  'user.mfa.attempt_bypass': () => 'access.blocked',
  'user.mfa.okta_verify.deny_push': () => 'challenge.denied',
  'system.push.send_factor_verify_push': () => 'challenge.sent',
  'user.authentication.auth_via_mfa': (isSuccess) => (isSuccess ? 'challenge.approved' : 'challenge.denied'),
  'user.account.reset_password': () => 'admin.action',
  'user.account.report_suspicious_activity_by_enduser': () => 'admin.action',
};
/** What administrators do, by the words that sources share. */
const ACTIONS: Readonly<Record<string, string>> = {
  'user.account.reset_password': 'password_reset',
  'user.account.report_suspicious_activity_by_enduser': 'activity_reported',
  'user.session.impersonation.initiate': 'impersonation_started',
};
const policyOf = (eventType: string): string => (eventType.startsWith('system.mfa.') ? 'factor_catalogue' : 'mfa_requirement');

/** What asks for less once it is gone; of what was changed inside, the log does not say the direction. */
const changeOf = (eventType: string, targets: readonly unknown[]): NonNullable<RecordMeaning['attributes']> => ({
  setting: eventType,
  scope: targets.map((target) => textAt(target, 'displayName')).find((name) => name !== undefined),
  direction: /\.(?:deactivate|delete)$/.test(eventType) ? 'weakened' : eventType.endsWith('.activate') ? 'strengthened' : 'unknown',
});

/** What somebody does as themselves: who acts is whom it concerns. */
const OF_ONESELF = new Set([
  'user.mfa.attempt_bypass',
  'user.mfa.okta_verify.deny_push',
  'user.authentication.auth_via_mfa',
  'user.account.report_suspicious_activity_by_enduser',
]);

function meaningOf(eventType: string, isSuccess: boolean, record: unknown): RecordMeaning['type'] | undefined {
  const meaning = MEANINGS[eventType];
  if (meaning && Object.hasOwn(MEANINGS, eventType)) return meaning(isSuccess);
  if (/^system\.(sms|voice)\.send_/.test(eventType)) return 'provider.request';
  if (eventType.startsWith('user.session.impersonation.')) return 'admin.action';
  const concernsEnrollment =
    /^policy\.(lifecycle|rule)\./.test(eventType) && /mfa_enroll/i.test(canonicalJson(at(record, 'target') ?? null));
  return concernsEnrollment ? 'policy.changed' : undefined;
}

/** How the product names the factor; Identity Engine says it of the enrollment among the targets alone. */
function factorText(record: unknown, targets: readonly unknown[], eventType: string): string {
  const enrollment = targets.find((each) => textAt(each, 'type') === 'AuthenticatorEnrollment');
  return (
    textAt(record, 'debugContext', 'debugData', 'factor') ??
    textAt(enrollment, 'detailEntry', 'methodTypeUsed') ??
    textAt(record, 'outcome', 'reason') ??
    (/^system\.(sms|voice)\./.test(eventType) ? eventType : (textAt(enrollment, 'displayName') ?? ''))
  );
}

const nameOf = (person: unknown) => textAt(person, 'alternateId') ?? textAt(person, 'id');

export const okta: Connector = {
  name: 'okta',
  reads: 'System Log events',
  tells: [
    'enrollment.completed',
    'enrollment.failed',
    'factor.rotated',
    'factor.revoked',
    'factor.suspended',
    'factor.reset',
    'provider.request',
    'access.blocked',
    'challenge.sent',
    'challenge.approved',
    'challenge.denied',
    'admin.action',
    'policy.changed',
  ],
  map(record, context) {
    const eventType = textAt(record, 'eventType');
    const result = textAt(record, 'outcome', 'result')?.toUpperCase();
    const isSuccess = result === undefined || result === 'SUCCESS' || result === 'ALLOW';
    const type = eventType === undefined ? undefined : meaningOf(eventType, isSuccess, record);
    if (eventType === undefined || !type) return ignored(eventType);

    const targets = listAt(record, 'target');
    const factor = factorText(record, targets, eventType);
    if (PASSWORD.test(factor)) return ignored(`${eventType} of a password`);
    const actor = nameOf(at(record, 'actor'));
    const named = [...new Set(targets.filter((each) => textAt(each, 'type') === 'User').map(nameOf))];
    const users = named.length > 0 ? named : [OF_ONESELF.has(eventType) ? actor : undefined];
    const reason = textAt(record, 'outcome', 'reason');
    const isFailure = type === 'enrollment.failed';
    const fields = {
      outcome: isSuccess ? 'success' : 'failure',
      factor_type: FACTORS.find(([pattern]) => pattern.test(factor))?.[1],
      reason:
        eventType === 'user.mfa.okta_verify.deny_push' ? 'denied' : type === 'challenge.denied' || isFailure ? cut(reason) : undefined,
      error_class: isFailure ? 'client' : undefined,
      action:
        type === 'policy.changed' ? policyOf(eventType) : type === 'admin.action' ? (ACTIONS[eventType] ?? cut(eventType)) : undefined,
      ip: textAt(record, 'client', 'ipAddress'),
      user_agent: textAt(record, 'client', 'userAgent', 'rawUserAgent'),
    };
    const time = productTime(at(record, 'published'));
    return eventsOf(
      'okta',
      users,
      { type, actor, fields, attributes: type === 'policy.changed' ? changeOf(eventType, targets) : {} },
      { id: textAt(record, 'uuid'), time: time, content: record },
      context,
    );
  },
};
