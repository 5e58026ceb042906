/**
 * Microsoft Entra: directory audits and sign-ins as Graph, Azure Monitor, Event Hubs and Log Analytics give them.
 * https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities
 *
 * Starts and ends of a registration share no id: they are joined.
 */
import {
  at,
  type Connector,
  type ConnectorContext,
  cut,
  eventsOf,
  ignored,
  listAt,
  type Mapped,
  objectOrJson,
  type RecordMeaning,
  textAt,
} from './connector.ts';
import { signInMeaning } from './entra-sign-in.ts';
import { factorNamed } from './factor-names.ts';
import { firstTime } from './product-time.ts';

type Meaning = Pick<RecordMeaning, 'type' | 'fields'>;
/** What an activity means. @param isSuccess whether it worked @param text all that the record says of it, in lower case */
type OfActivity = (isSuccess: boolean, text: string) => Meaning | undefined;

const action =
  (name: string): OfActivity =>
  (isSuccess) =>
    isSuccess ? { type: 'admin.action', fields: { action: name } } : undefined;
const factor =
  (type: RecordMeaning['type']): OfActivity =>
  (isSuccess) =>
    isSuccess ? { type } : undefined;
const policy =
  (name: string): OfActivity =>
  (isSuccess) =>
    isSuccess ? { type: 'policy.changed', fields: { action: name } } : undefined;
const registered: OfActivity = (isSuccess, text) => {
  if (text.includes('temporary access pass')) return action('pass_created')(isSuccess, text);
  return isSuccess
    ? { type: 'enrollment.completed', fields: { outcome: 'success' } }
    : { type: 'enrollment.failed', fields: { outcome: 'failure', error_class: 'client' } };
};
const requirementOfPerson: OfActivity = (isSuccess, text) =>
  /"?disabled"?/.test(text) ? factor('factor.reset')(isSuccess, text) : policy('mfa_requirement')(isSuccess, text);

/** By the name of the activity, in lower case; the first that fits. */
const ACTIVITIES: readonly [RegExp, OfActivity][] = [
  [/^user started security info registration$/, () => ({ type: 'enrollment.started' })],
  [/^(?:user|admin) registered (?:all required )?security info$/, registered],
  [/^user cancelled security info registration$/, () => ({ type: 'enrollment.cancelled' })],
  [/^(?:user|admin) deleted security info$/, factor('factor.revoked')],
  [/^(?:user changed default|admin updated|user updated) security info$/, factor('factor.rotated')],
  [/^(?:add|register) (?:passkey|fido2|windows hello for business credential)/, registered],
  [/^(?:delete|remove) (?:passkey|fido2|windows hello for business credential)/, factor('factor.revoked')],
  [/^register device$/, registered],
  [/^disable strong authentication$/, factor('factor.reset')],
  [/^enable strong authentication$|^update per-user multifactor authentication state$/, requirementOfPerson],
  [/temporary access pass/, (isSuccess, text) => (/delete|remove/.test(text) ? undefined : action('pass_created')(isSuccess, text))],
  [/^(?:reset (?:user )?password|admin started password reset)/, action('password_reset')],
  [/^suspicious activity reported$|^fraud reported/, action('activity_reported')],
  [/^add (?:eligible )?member to role|^user has elevated their access/, action('role_granted')],
  [/^disable account$/, action('account_disabled')],
  [/authentication methods? policy (?:update|reset)|^update authentication methods? policy/, policy('factor_catalogue')],
  [/^set company information$/, policy('factor_catalogue')],
  [/conditional access policy$/, policy('conditional_access')],
  [/named location$/, policy('trusted_network')],
  [/risk and mfa registration policy$/, policy('mfa_requirement')],
  [/^update (?:user|sign-in) risk policy$/, policy('risk_assessment')],
  [/^set (?:federation settings on domain|domain authentication)$/, policy('federation')],
  [/^set device registration policies$/, policy('mfa_requirement')],
  [/^(?:add|update|delete) policy$/, policy('conditional_access')],
];

/** What changed, as far as the record says: the first property that did, and in which direction. */
function changeOf(name: string, targets: readonly unknown[]): NonNullable<RecordMeaning['attributes']> {
  const properties = targets.flatMap((target) => listAt(target, 'modifiedProperties'));
  const changed = properties.find((each) => textAt(each, 'oldValue') !== textAt(each, 'newValue')) ?? properties[0];
  const [before = '', after = ''] = [textAt(changed, 'oldValue'), textAt(changed, 'newValue')];
  return {
    setting: textAt(changed, 'displayName'),
    old_value: before,
    new_value: after,
    scope: targets.map((target) => textAt(target, 'displayName')).find((text) => text !== undefined),
    direction: directionOf(name, before.toLowerCase(), after.toLowerCase()),
  };
}

/** A requirement that is gone is weaker, one that is new is stronger; of all else the record does not say it. */
function directionOf(name: string, before: string, after: string): 'weakened' | 'strengthened' | 'unknown' {
  if (/^delete .*policy$/.test(name)) return 'weakened';
  const asks = (value: string) => /"?mfa"?/.test(value) && !/"state":"disabled"/.test(value);
  const isOn = (value: string) => /\benabled\b|\btrue\b|\brequired?\b/.test(value) && !/enabledforreporting/.test(value);
  for (const holds of [asks, isOn]) {
    if (holds(before) && !holds(after)) return 'weakened';
    if (!holds(before) && holds(after)) return 'strengthened';
  }
  return 'unknown';
}

const nameOf = (person: unknown) => textAt(person, 'userPrincipalName') ?? textAt(person, 'id');
const isPerson = (target: unknown) => textAt(target, 'type')?.toLowerCase() === 'user' || textAt(target, 'userPrincipalName') !== undefined;
/** Activities that somebody does as themselves. */
const OF_ONESELF = /^(?:user |suspicious activity|fraud reported|reset password \(self-service\))/;

function audit(body: unknown, name: string, context: ConnectorContext, around: unknown): Mapped {
  const known = name.toLowerCase();
  const targets = listOf(at(body, 'targetResources'));
  const reason = textAt(body, 'resultReason') ?? textAt(body, 'resultDescription');
  const properties = targets.flatMap((target) => listAt(target, 'modifiedProperties'));
  const text = [known, reason ?? '', ...properties.map((each) => `${textAt(each, 'displayName')} ${textAt(each, 'newValue')}`)]
    .join(' ')
    .toLowerCase();
  const isSuccess = (textAt(body, 'result') ?? textAt(around, 'result') ?? 'success').toLowerCase() === 'success';
  const meaning = ACTIVITIES.find(([pattern]) => pattern.test(known))?.[1](isSuccess, text);
  if (!meaning) return ignored(name);
  const initiator = objectOrJson(at(body, 'initiatedBy'));
  const app =
    textAt(initiator, 'app', 'displayName') ?? textAt(initiator, 'app', 'servicePrincipalId') ?? textAt(initiator, 'app', 'appId');
  const actor = nameOf(at(initiator, 'user')) ?? app;
  const named = targets.filter(isPerson).map(nameOf);
  const isPolicy = meaning.type === 'policy.changed';
  const isOfPerson = !isPolicy || /strong authentication|per-user/.test(known);
  const users = !isOfPerson ? [undefined] : named.length > 0 ? named : [OF_ONESELF.test(known) ? nameOf(at(initiator, 'user')) : undefined];
  const device = known === 'register device' ? targets.find((target) => textAt(target, 'type')?.toLowerCase() === 'device') : undefined;
  const concernsFactor = /^(?:enrollment|factor)\./.test(meaning.type);
  return eventsOf(
    'entra',
    users,
    {
      ...meaning,
      actor,
      fields: {
        ...meaning.fields,
        factor_type: concernsFactor ? (known === 'register device' ? 'other' : factorNamed(`${known} ${reason ?? ''}`)) : undefined,
        reason:
          meaning.type === 'enrollment.failed'
            ? cut(reason)
            : users[0] === undefined && isOfPerson
              ? 'the record names no person'
              : undefined,
        channel: meaning.type.startsWith('enrollment.') ? (known.startsWith('admin') ? 'admin' : 'self_service') : undefined,
        tenant: cut(textAt(around, 'tenantId'))?.slice(0, 64),
        ip: textAt(initiator, 'user', 'ipAddress') ?? textAt(around, 'callerIpAddress'),
        device: textAt(device, 'id'),
      },
      attributes: {
        ...(isPolicy && changeOf(known, targets)),
        ...(nameOf(at(initiator, 'user')) === undefined && app !== undefined && { actor_kind: 'application' }),
        ...(device !== undefined && { device_name: textAt(device, 'displayName') }),
      },
    },
    {
      id: idIn(body, around),
      time: firstTime(at(body, 'activityDateTime'), at(around, 'activityDateTime'), at(around, 'time'), at(around, 'TimeGenerated')),
      content: around,
      joins: true,
    },
    context,
  );
}

/** Of a directory audit; a correlation id has several records. */
const idIn = (body: unknown, around: unknown): string | undefined => {
  const id = textAt(body, 'id') ?? textAt(around, 'Id');
  return id !== undefined && /^[\w.:/@+=-]{1,100}$/.test(id) ? id : undefined;
};

function listOf(value: unknown): unknown[] {
  const list = objectOrJson(value);
  return Array.isArray(list) ? list : typeof list === 'object' && list !== null ? [list] : [];
}

export const entra: Connector = {
  name: 'entra',
  reads: 'directory audits and sign-ins of Graph, Azure Monitor or an Event Hub',
  tells: [
    'enrollment.started',
    'enrollment.completed',
    'enrollment.failed',
    'enrollment.cancelled',
    'factor.rotated',
    'factor.revoked',
    'factor.reset',
    'access.blocked',
    'challenge.denied',
    'admin.action',
    'policy.changed',
  ],
  map(record, context) {
    const inner = objectOrJson(at(record, 'properties'));
    const body = typeof inner === 'object' && inner !== null ? inner : record;
    const signIn = signInMeaning(body, record);
    if (signIn === 'nothing') return ignored('sign-in');
    if (signIn) {
      const { user, ...meaning } = signIn;
      const time = firstTime(at(body, 'createdDateTime'), at(record, 'createdDateTime'), at(record, 'time'), at(record, 'TimeGenerated'));
      return eventsOf('entra', [user], meaning, { id: idIn(body, record), time, content: record }, context);
    }
    const name = textAt(body, 'activityDisplayName') ?? textAt(record, 'operationName') ?? textAt(body, 'operationName');
    return name === undefined ? ignored(undefined) : audit(body, name, context, record);
  },
};
