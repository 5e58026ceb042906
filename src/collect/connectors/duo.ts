/** Duo administrator, authentication, activity and telephony logs: https://duo.com/docs/adminapi#logs */
import { at, type Connector, cut, eventOf, ignored, type RecordMeaning, textAt } from './connector.ts';
import { firstTime } from './product-time.ts';

const ENROLLING = /^(phone_create|hardtoken_create|webauthncredential_create|admin_activate_duo_push|user_adminapi\w*enroll\w*)$/;
const BEGINNING = /^(activation_begin|send_enroll_codes)$/;
const REVOKING = /^(phone_delete|hardtoken_delete|webauthncredential_delete|u2ftoken_delete)$/;
const BYPASSING = /^bypass_(create|view|delete)$/;
const POLICIES: Readonly<Record<string, string>> = {
  policy_create: 'sign_on_policy',
  policy_update: 'sign_on_policy',
  policy_delete: 'sign_on_policy',
  update_admin_factor_restrictions: 'factor_catalogue',
};
const BYPASS_ACTIONS: Readonly<Record<string, string>> = { bypass_create: 'bypass_created', bypass_view: 'bypass_viewed' };
/** Why a challenge failed, by the words that sources share. */
const REASONS: Readonly<Record<string, string>> = {
  user_marked_fraud: 'fraud',
  anomalous_push: 'fraud',
  no_response: 'unanswered',
  invalid_passcode: 'wrong_code',
  verification_code_incorrect: 'number_mismatch',
  locked_out: 'locked',
  user_mistake: 'denied',
};
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

/** Of a phone the log names the number, of a token the serial: neither is a person. */
const PHONE = /^\+?[\d\s().-]{5,}$/;
const OF_TOKENS = /^hardtoken_/;

/** Administrator log: `action` says what, `object` on whom or what, `username` who did it. */
function administratorFinding(record: unknown, action: string): RecordMeaning | undefined {
  const object = textAt(record, 'object');
  const isPhone = object !== undefined && PHONE.test(object);
  const user = isPhone || OF_TOKENS.test(action) ? undefined : object;
  const actor = textAt(record, 'username');
  const device = OF_TOKENS.test(action) ? object : undefined;
  return findingOf(action, {
    user,
    actor,
    fields: { channel: 'admin', destination: isPhone ? object : undefined, device },
    description: textAt(record, 'description'),
  });
}

/** Activity log: an actor, a target that may be a person or what is theirs, and how it went. */
function activityFinding(record: unknown, action: string): RecordMeaning | undefined {
  const actor = textAt(record, 'actor', 'name');
  const target = textAt(record, 'target', 'type') === 'user' ? textAt(record, 'target', 'name') : undefined;
  const isOneself = textAt(record, 'actor', 'type') === 'user';
  const hasFailed = textAt(record, 'outcome', 'result')?.toUpperCase() === 'FAILURE';
  const ip = textAt(record, 'access_device', 'ip', 'address') ?? textAt(record, 'access_device', 'ip');
  const finding = findingOf(action, {
    user: target ?? (isOneself ? actor : undefined),
    actor,
    fields: { ip, channel: isOneself ? 'self_service' : 'admin', outcome: hasFailed ? 'failure' : undefined },
    description: textAt(record, 'target', 'details'),
  });
  if (finding?.type !== 'enrollment.completed' || !hasFailed) return hasFailed ? undefined : finding;
  return { ...finding, type: 'enrollment.failed', fields: { ...finding.fields, error_class: 'client' } };
}

interface Acted extends Pick<RecordMeaning, 'user' | 'actor'> {
  fields: NonNullable<RecordMeaning['fields']>;
  description: string | undefined;
}

function findingOf(action: string, { user, actor, fields, description }: Acted): RecordMeaning | undefined {
  const { channel: _, ...plain } = fields;
  // Nothing connects these with the end of an attempt: they are no start, which would time out.
  if (BEGINNING.test(action)) return { type: 'admin.action', user, actor, fields: { ...plain, action } };
  if (ENROLLING.test(action))
    return { type: 'enrollment.completed', user, actor, fields: { ...fields, factor_type: factorOfAction(action) } };
  if (REVOKING.test(action)) return { type: 'factor.revoked', user, actor, fields: { ...plain, factor_type: factorOfAction(action) } };
  if (BYPASSING.test(action)) return { type: 'admin.action', user, actor, fields: { ...plain, action: BYPASS_ACTIONS[action] ?? action } };
  if (action === 'user_update' && setsBypass(description))
    return { type: 'admin.action', user, actor, fields: { ...plain, action: 'bypass_mode' } };
  if (Object.hasOwn(POLICIES, action))
    return { type: 'policy.changed', actor, fields: { action: POLICIES[action] }, attributes: { setting: action, direction: 'unknown' } };
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
  if (reason === 'bypass_user') return { type: 'admin.action', user, fields: { ...fields, action: 'bypass_used' } };
  const result = textAt(record, 'result')?.toLowerCase();
  if (result === 'success') return { type: 'challenge.approved', user, fields: { ...fields, outcome: 'success' } };
  if (result === 'denied' || result === 'fraud' || result === 'failure') {
    const why = result === 'fraud' ? 'fraud' : (REASONS[reason ?? ''] ?? reason);
    return { type: 'challenge.denied', user, fields: { ...fields, reason: why, outcome: 'denied' } };
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
  reads: 'administrator, authentication, activity and telephony logs',
  tells: [
    'enrollment.completed',
    'enrollment.failed',
    'factor.revoked',
    'provider.request',
    'challenge.approved',
    'challenge.denied',
    'admin.action',
    'policy.changed',
  ],
  map(record, context) {
    const action = textAt(record, 'action');
    const activity = textAt(record, 'action', 'name');
    const eventType = textAt(record, 'event_type');
    const finding =
      activity !== undefined
        ? activityFinding(record, activity)
        : action !== undefined
          ? administratorFinding(record, action)
          : eventType !== undefined
            ? authenticationFinding(record, eventType)
            : telephonyFinding(record);
    if (!finding) return ignored(activity ?? action ?? eventType ?? textAt(record, 'type'));
    return eventOf(
      'duo',
      finding,
      {
        // A transaction has several messages, each of which has an id of its own.
        id: textAt(record, 'activity_id') ?? textAt(record, 'telephony_id') ?? textAt(record, 'txid'),
        time: firstTime(at(record, 'isotimestamp'), at(record, 'ts'), at(record, 'timestamp')),
        content: record,
        joins: true,
      },
      context,
    );
  },
};
