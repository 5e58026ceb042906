/** Google Workspace Reports API activities: https://developers.google.com/admin-sdk/reports/v1/appendix/activity/user-accounts */

import { canonicalJson } from '../../system/canonical-json.ts';
import { isLargerThan } from '../../system/size-of.ts';
import {
  at,
  type Connector,
  type ConnectorContext,
  eventOf,
  ignored,
  listAt,
  type Mapped,
  type RecordMeaning,
  textAt,
} from './connector.ts';
import { productTime } from './product-time.ts';

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

/** A requirement that is off is weaker; of methods and grace periods the log does not say it. */
function changeOf(name: string, parameters: unknown): NonNullable<RecordMeaning['attributes']> {
  const [before, after] = [parameter(parameters, 'OLD_VALUE'), parameter(parameters, 'NEW_VALUE')];
  const direction = after?.toLowerCase() === 'false' ? 'weakened' : after?.toLowerCase() === 'true' ? 'strengthened' : 'unknown';
  return {
    setting: name.trim().toLowerCase(),
    old_value: before,
    new_value: after,
    scope: parameter(parameters, 'ORG_UNIT_NAME'),
    direction,
  };
}

/** Parameters in any order are the same parameters. */
function contentOf(activity: unknown, event: unknown): unknown {
  const parameters = at(event, 'parameters');
  const sorted = Array.isArray(parameters) ? parameters.map((each) => canonicalJson(each ?? null)).sort() : (parameters ?? null);
  return [at(activity, 'id') ?? null, at(activity, 'actor') ?? null, textAt(event, 'type') ?? null, textAt(event, 'name') ?? null, sorted];
}

/**
 * One event of an activity. Time and qualifier repeat for different events, so the id is made of the content, of which the place in the list
 * and the etag are no part: the interface gives an activity in another order the next time.
 * @param nth among equal ones of the activity
 */
function mapOne(activity: unknown, event: unknown, content: unknown, nth: number, context: ConnectorContext): Mapped {
  const name = textAt(event, 'name');
  const meaning = name === undefined ? undefined : meaningOf(name);
  if (name === undefined || !meaning) return ignored(name);
  const actor = textAt(activity, 'actor', 'email') ?? textAt(activity, 'actor', 'profileId');
  const isPolicy = meaning.type === 'policy.changed';
  // People change their own accounts; an administrator's activity names whom it concerns, or nobody.
  const oneself = textAt(activity, 'id', 'applicationName') === 'admin' ? undefined : actor;
  return eventOf(
    'google_workspace',
    {
      type: meaning.type,
      user: isPolicy ? undefined : (parameter(at(event, 'parameters'), 'USER_EMAIL') ?? oneself),
      actor,
      fields: {
        factor_type: meaning.factor,
        outcome: meaning.type === 'enrollment.completed' ? 'success' : undefined,
        action: isPolicy ? 'mfa_requirement' : undefined,
        ip: textAt(activity, 'ipAddress'),
      },
      attributes: isPolicy ? changeOf(name, at(event, 'parameters')) : {},
    },
    { id: undefined, time: productTime(at(activity, 'id', 'time')), content: nth === 0 ? content : [content, nth] },
    context,
  );
}

/** Of what names an activity: an address, a number, a moment. */
const ACTIVITY_LIMITS = { values: 100, letters: 4_096 } as const;

export const googleWorkspace: Connector = {
  name: 'google_workspace',
  reads: 'Reports API activities',
  tells: ['enrollment.completed', 'factor.rotated', 'factor.revoked', 'factor.reset', 'recovery.codes_issued', 'policy.changed'],
  map(record, context) {
    const nested = listAt(record, 'events');
    // It is part of the id of each event.
    if (isLargerThan([at(record, 'id'), at(record, 'actor')], ACTIVITY_LIMITS))
      return { kind: 'rejected', message: `id and actor: longer than ${ACTIVITY_LIMITS.letters} letters` };
    const seen = new Map<string, number>();
    const mapped = (nested.length === 0 ? [record] : nested).map((event) => {
      const content = contentOf(record, event);
      const key = canonicalJson(content);
      const nth = seen.get(key) ?? 0;
      seen.set(key, nth + 1);
      return mapOne(record, event, content, nth, context);
    });
    const events = mapped.flatMap((each) => (each.kind === 'events' ? each.events : []));
    if (events.length > 0) return { kind: 'events', events };
    return mapped.find((each) => each.kind === 'rejected') ?? mapped[0] ?? ignored(undefined);
  },
};
