/** Okta System Log: https://developer.okta.com/docs/reference/api/event-types/ */
import { canonicalJson } from '../../system/canonical-json.ts';
import { at, type Connector, cut, eventOf, IGNORED, listAt, productTime, type RecordMeaning, textAt } from './connector.ts';

const FACTORS: readonly [RegExp, string][] = [
  [/webauthn|fido|passkey|u2f/i, 'webauthn'],
  [/push|okta_verify|signed_nonce/i, 'push'],
  [/sms/i, 'sms'],
  [/call|voice/i, 'voice'],
  [/email/i, 'email'],
  [/hotp/i, 'hotp'],
  [/hardware|yubikey|rsa|symantec/i, 'hardware_otp'],
  [/totp|otp|google/i, 'totp'],
];

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

function meaningOf(eventType: string, isSuccess: boolean, record: unknown): RecordMeaning['type'] | undefined {
  const meaning = MEANINGS[eventType];
  if (meaning && Object.hasOwn(MEANINGS, eventType)) return meaning(isSuccess);
  if (/^system\.(sms|voice)\.send_/.test(eventType)) return 'provider.request';
  if (eventType.startsWith('user.session.impersonation.')) return 'admin.action';
  const concernsEnrollment =
    /^policy\.(lifecycle|rule)\./.test(eventType) && /mfa_enroll/i.test(canonicalJson(at(record, 'target') ?? null));
  return concernsEnrollment ? 'policy.changed' : undefined;
}

export const okta: Connector = {
  name: 'okta',
  reads: 'System Log events',
  map(record, context) {
    const eventType = textAt(record, 'eventType');
    if (eventType === undefined) return IGNORED;
    const result = textAt(record, 'outcome', 'result')?.toUpperCase();
    const isSuccess = result === undefined || result === 'SUCCESS' || result === 'ALLOW';
    const type = meaningOf(eventType, isSuccess, record);
    if (!type) return IGNORED;

    const target = listAt(record, 'target').find((each) => textAt(each, 'type') === 'User');
    const actor = textAt(record, 'actor', 'alternateId') ?? textAt(record, 'actor', 'id');
    const user = textAt(target, 'alternateId') ?? textAt(target, 'id') ?? actor;
    const reason = textAt(record, 'outcome', 'reason');
    const factorText = textAt(record, 'debugContext', 'debugData', 'factor') ?? reason ?? (type === 'provider.request' ? eventType : '');
    const isFailure = type === 'enrollment.failed';
    return eventOf(
      'okta',
      {
        type,
        user,
        actor,
        fields: {
          outcome: isSuccess ? 'success' : 'failure',
          factor_type: FACTORS.find(([pattern]) => pattern.test(factorText))?.[1],
          reason: type === 'challenge.denied' || isFailure ? cut(reason) : undefined,
          error_class: isFailure ? 'client' : undefined,
          action: type === 'admin.action' || type === 'policy.changed' ? cut(eventType) : undefined,
          ip: textAt(record, 'client', 'ipAddress'),
          user_agent: textAt(record, 'client', 'userAgent', 'rawUserAgent'),
        },
      },
      { id: textAt(record, 'uuid'), time: productTime(at(record, 'published')), content: record },
      context,
    );
  },
};
