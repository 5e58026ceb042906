/** Google Workspace Reports API activities: https://developers.google.com/admin-sdk/reports/v1/appendix/activity/user-accounts */
import { isLargerThan } from '../../system/size-of.ts';
import {
  at,
  type Connector,
  type ConnectorContext,
  eventOf,
  IGNORED,
  listAt,
  type Mapped,
  productTime,
  type RecordMeaning,
  textAt,
} from './connector.ts';

const MEANINGS: Readonly<Record<string, { type: RecordMeaning['type']; factor?: string }>> = {
  '2sv_enroll': { type: 'enrollment.completed' },
  titanium_enroll: { type: 'enrollment.completed', factor: 'webauthn' },
  passkey_enrolled: { type: 'enrollment.completed', factor: 'webauthn' },
  '2sv_disable': { type: 'factor.revoked' },
  titanium_unenroll: { type: 'factor.revoked', factor: 'webauthn' },
  passkey_removed: { type: 'factor.revoked', factor: 'webauthn' },
  recovery_phone_edit: { type: 'factor.rotated', factor: 'recovery_code' },
  recovery_email_edit: { type: 'factor.rotated', factor: 'recovery_code' },
  recovery_secret_qa_edit: { type: 'factor.rotated', factor: 'recovery_code' },
  unenroll_user_from_strong_auth: { type: 'factor.reset' },
  turn_off_2_step_verification: { type: 'factor.reset' },
  enforce_strong_authentication: { type: 'policy.changed' },
  allow_strong_authentication: { type: 'policy.changed' },
};

function meaningOf(name: string): { type: RecordMeaning['type']; factor?: string } | undefined {
  const key = name.trim().toLowerCase();
  if (Object.hasOwn(MEANINGS, key)) return MEANINGS[key];
  if (key.startsWith('change_two_step_verification_')) return { type: 'policy.changed' };
  return /^generate_.*scratch_codes$/.test(key) ? { type: 'recovery.codes_issued', factor: 'recovery_code' } : undefined;
}

/** Parameters come as a list of name and value from the API, as an object from some pipelines. */
function parameter(parameters: unknown, name: string): string | undefined {
  const listed = Array.isArray(parameters) ? parameters.find((each) => textAt(each, 'name') === name) : undefined;
  return listed === undefined ? textAt(parameters, name) : textAt(listed, 'value');
}

/** One event of an activity. Time and qualifier repeat for different events, so the id is made of the content. */
function mapOne(activity: unknown, event: unknown, index: number, context: ConnectorContext): Mapped {
  const name = textAt(event, 'name');
  const meaning = name === undefined ? undefined : meaningOf(name);
  if (name === undefined || !meaning) return IGNORED;
  const actor = textAt(activity, 'actor', 'email') ?? textAt(activity, 'actor', 'profileId');
  const isPolicy = meaning.type === 'policy.changed';
  return eventOf(
    'google_workspace',
    {
      type: meaning.type,
      user: isPolicy ? undefined : (parameter(at(event, 'parameters'), 'USER_EMAIL') ?? actor),
      actor,
      fields: {
        factor_type: meaning.factor,
        outcome: meaning.type === 'enrollment.completed' ? 'success' : undefined,
        action: isPolicy ? name.trim().toLowerCase() : undefined,
        ip: textAt(activity, 'ipAddress'),
      },
    },
    {
      id: undefined,
      time: productTime(at(activity, 'id', 'time')),
      content: [at(activity, 'id') ?? null, at(activity, 'actor') ?? null, event ?? null, index],
    },
    context,
  );
}

/** Of what names an activity: an address, a number, a moment. */
const ACTIVITY_LIMITS = { values: 100, letters: 4_096 } as const;

export const googleWorkspace: Connector = {
  name: 'google_workspace',
  reads: 'Reports API activities',
  map(record, context) {
    const nested = listAt(record, 'events');
    if (nested.length === 0) return mapOne(record, record, 0, context);
    // It is part of the id of each event.
    if (isLargerThan([at(record, 'id'), at(record, 'actor')], ACTIVITY_LIMITS))
      return { kind: 'rejected', message: `id and actor: longer than ${ACTIVITY_LIMITS.letters} letters` };
    const mapped = nested.map((event, index) => mapOne(record, event, index, context));
    const events = mapped.flatMap((each) => (each.kind === 'events' ? each.events : []));
    if (events.length > 0) return { kind: 'events', events };
    return mapped.find((each) => each.kind === 'rejected') ?? IGNORED;
  },
};
