/** Duo administrator, authentication and telephony logs: https://duo.com/docs/adminapi#logs */
import { at, type Connector, cut, eventOf, IGNORED, productTime, type RecordMeaning, textAt } from './connector.ts';

const ENROLLING = /^(phone_create|hardtoken_create|webauthncredential_create|admin_activate_duo_push|user_adminapi\w*enroll\w*)$/;
const BEGINNING = /^(activation_begin|send_enroll_codes)$/;
const REVOKING = /^(phone_delete|hardtoken_delete|webauthncredential_delete|u2ftoken_delete)$/;
const BYPASSING = /^bypass_(create|view|delete)$/;
const POLICIES = new Set(['policy_create', 'policy_update', 'policy_delete', 'update_admin_factor_restrictions']);
const FACTORS: Readonly<Record<string, string>> = {
  duo_push: 'push',
  phone_call: 'voice',
  sms_passcode: 'sms',
  hardware_token: 'hardware_otp',
  duo_mobile_passcode: 'totp',
  webauthn_credential: 'webauthn',
  yubikey_code: 'hardware_otp',
  bypass_code: 'recovery_code',
};

/** Administrator log: `action` says what, `object` on whom, `username` who did it. */
function administratorFinding(record: unknown, action: string): RecordMeaning | undefined {
  const user = textAt(record, 'object');
  const actor = textAt(record, 'username');
  const finding = (type: RecordMeaning['type'], fields: RecordMeaning['fields'] = {}): RecordMeaning => ({ type, user, actor, fields });
  if (BEGINNING.test(action)) return finding('enrollment.started', { channel: 'admin' });
  if (ENROLLING.test(action)) return finding('enrollment.completed', { channel: 'admin', factor_type: factorOfAction(action) });
  if (REVOKING.test(action)) return finding('factor.revoked', { factor_type: factorOfAction(action) });
  if (BYPASSING.test(action)) return finding('admin.action', { action });
  if (action === 'user_update' && setsBypass(textAt(record, 'description'))) return finding('admin.action', { action: 'user_bypass' });
  if (POLICIES.has(action)) return { type: 'policy.changed', actor, fields: { action } };
  return undefined;
}

function factorOfAction(action: string): string | undefined {
  if (action.startsWith('hardtoken')) return 'hardware_otp';
  if (action.startsWith('webauthn') || action.startsWith('u2f')) return 'webauthn';
  return action.includes('push') ? 'push' : undefined;
}

/** `description` is JSON in text, and not always valid. */
function setsBypass(description: string | undefined): boolean {
  try {
    return textAt(JSON.parse(description ?? 'null'), 'status')?.toLowerCase() === 'bypass';
  } catch {
    return false;
  }
}

/** Authentication log: a factor was asked for, and approved or denied. */
function authenticationFinding(record: unknown, eventType: string): RecordMeaning | undefined {
  const user = textAt(record, 'user', 'name');
  const reason = cut(textAt(record, 'reason'));
  const fields = { factor_type: FACTORS[textAt(record, 'factor') ?? ''], ip: textAt(record, 'access_device', 'ip'), reason };
  if (eventType === 'enrollment') return { type: 'enrollment.completed', user, fields: { ...fields, outcome: 'success' } };
  if (eventType !== 'authentication') return undefined;
  if (reason === 'bypass_user') return { type: 'admin.action', user, fields: { ...fields, action: 'bypass_user' } };
  const result = textAt(record, 'result')?.toLowerCase();
  if (result === 'success') return { type: 'challenge.approved', user, fields: { ...fields, outcome: 'success' } };
  if (result === 'denied' || result === 'fraud' || result === 'failure') {
    return { type: 'challenge.denied', user, fields: { ...fields, outcome: 'denied' } };
  }
  return undefined;
}

/** Telephony log: a message or call was paid for, in credits. */
function telephonyFinding(record: unknown): RecordMeaning | undefined {
  const kind = textAt(record, 'type');
  const credits = at(record, 'credits');
  if (textAt(record, 'phone') === undefined || (kind !== 'sms' && kind !== 'phone')) return undefined;
  return {
    type: 'provider.request',
    fields: {
      provider: 'duo',
      factor_type: kind === 'sms' ? 'sms' : 'voice',
      destination: textAt(record, 'phone'),
      cost: typeof credits === 'number' ? credits : undefined,
    },
  };
}

export const duo: Connector = {
  name: 'duo',
  reads: 'administrator, authentication and telephony logs',
  map(record, context) {
    const action = textAt(record, 'action');
    const eventType = textAt(record, 'event_type');
    const finding =
      action !== undefined
        ? administratorFinding(record, action)
        : eventType !== undefined
          ? authenticationFinding(record, eventType)
          : telephonyFinding(record);
    if (!finding) return IGNORED;
    return eventOf(
      'duo',
      finding,
      { id: textAt(record, 'txid'), time: productTime(at(record, 'isotimestamp') ?? at(record, 'timestamp')), content: record },
      context,
    );
  },
};
