/**
 * Keycloak's user and admin events, as its REST interface and its JSON log give them, of version 22 to 26:
 * https://www.keycloak.org/docs/latest/server_admin/#configuring-auditing-to-track-events
 *
 * Nothing tells of a start. One act may be told by two events a moment apart. Those of versions with ids (from 26.2 on) are told by the event
 * of the credential; those without, and lines of a log, by the event of the action, which the versions before 26 have alone.
 */
import { at, type Connector, type ConnectorContext, cut, eventOf, ignored, type Mapped, type RecordMeaning, textAt } from './connector.ts';
import { type ProductTime, productTime } from './product-time.ts';

const FACTORS: Readonly<Record<string, string>> = {
  otp: 'totp',
  webauthn: 'webauthn',
  'webauthn-passwordless': 'webauthn',
  'recovery-authn-codes': 'recovery_code',
};
const RECOVERY = 'recovery-authn-codes';
/** Required actions in which somebody sets up a factor. */
const ENROLLING = new Set(['CONFIGURE_TOTP', 'webauthn-register', 'webauthn-register-passwordless', 'CONFIGURE_RECOVERY_AUTHN_CODES']);

/** What a user event says, in one form. */
interface UserEvent {
  type: string;
  hasId: boolean;
  error: string | undefined;
  user: string | undefined;
  credential: string | undefined;
  /** Of a factor that was chosen among several. */
  selected: string | undefined;
  action: string | undefined;
}

type Meaning = RecordMeaning | undefined;
const factorOf = (credential: string | undefined): string | undefined => (credential === undefined ? undefined : FACTORS[credential]);

function completed({ user, credential }: UserEvent): Meaning {
  if (credential === RECOVERY) return { type: 'recovery.codes_issued', user, fields: { factor_type: 'recovery_code' } };
  const factor_type = factorOf(credential);
  return factor_type === undefined ? undefined : { type: 'enrollment.completed', user, fields: { factor_type, outcome: 'success' } };
}

function failed({ user, credential, error }: UserEvent): Meaning {
  const factor_type = factorOf(credential);
  if (factor_type === undefined) return undefined;
  return { type: 'enrollment.failed', user, fields: { factor_type, outcome: 'failure', error_class: 'client', error_code: cut(error) } };
}

/** An action that ended without a factor: somebody went back, or the page was too old. */
function ended(event: UserEvent): Meaning {
  const { user, action = '', error } = event;
  if (error === 'rejected_by_user') return ENROLLING.has(action) ? { type: 'enrollment.cancelled', user } : undefined;
  if (error === 'expired_code') return { type: 'enrollment.expired', user };
  return event.hasId ? undefined : failed(event);
}

/** A log-in with a second factor; one that ends an enrollment names its action. */
function loggedIn({ user, credential, selected, action, error }: UserEvent, isRight: boolean): Meaning {
  if (error === 'user_disabled' || error === 'user_temporarily_disabled')
    return { type: 'access.blocked', user, fields: { reason: error, outcome: 'denied' } };
  const factor_type = credential === undefined && selected !== undefined ? 'totp' : factorOf(credential);
  if (factor_type === undefined || action !== undefined || (isRight && error !== undefined)) return undefined;
  const outcome = isRight ? 'success' : 'failure';
  if (factor_type === 'recovery_code') return { type: isRight ? 'recovery.completed' : 'recovery.failed', user, fields: { outcome } };
  return { type: isRight ? 'challenge.approved' : 'challenge.denied', user, fields: { factor_type, outcome, reason: cut(error) } };
}

const revoked = ({ user, credential }: UserEvent): Meaning => ({
  type: 'factor.revoked',
  user,
  fields: { factor_type: factorOf(credential) },
});

/** By type: which of the two that tell of one act is taken is said in the head of this file. */
const USER_EVENTS: Readonly<Record<string, (event: UserEvent) => Meaning>> = {
  UPDATE_CREDENTIAL: (event) => (event.hasId || event.credential === RECOVERY ? completed(event) : undefined),
  UPDATE_TOTP: (event) => (event.hasId && event.credential !== undefined ? undefined : completed({ ...event, credential: 'otp' })),
  CUSTOM_REQUIRED_ACTION(event) {
    const { credential, action = '', user } = event;
    if (credential !== undefined) return event.hasId ? undefined : completed(event);
    // Before 26.2, going back was told as a success without a factor.
    return ENROLLING.has(action) ? { type: 'enrollment.cancelled', user } : undefined;
  },
  UPDATE_CREDENTIAL_ERROR: (event) => (event.hasId ? failed(event) : undefined),
  CUSTOM_REQUIRED_ACTION_ERROR: ended,
  REMOVE_CREDENTIAL: (event) =>
    event.credential === 'password' || (!event.hasId && event.credential === 'otp') ? undefined : revoked(event),
  REMOVE_TOTP: (event) => (event.hasId ? undefined : revoked({ ...event, credential: 'otp' })),
  LOGIN: (event) => loggedIn(event, true),
  LOGIN_ERROR: (event) => loggedIn(event, false),
  USER_DISABLED_BY_TEMPORARY_LOCKOUT: ({ user }) => ({
    type: 'access.blocked',
    user,
    fields: { reason: 'temporary_lockout', outcome: 'denied' },
  }),
  USER_DISABLED_BY_PERMANENT_LOCKOUT: ({ user }) => ({
    type: 'access.blocked',
    user,
    fields: { reason: 'permanent_lockout', outcome: 'denied' },
  }),
  DELETE_ACCOUNT: ({ user }) => ({ type: 'factor.deprovisioned', user }),
  IMPERSONATE: ({ user }) => ({ type: 'admin.action', user, fields: { action: 'impersonation_started' } }),
};

function userEvent(record: unknown, type: string): Meaning {
  const details = (name: string) => textAt(record, 'details', name);
  const meaning = Object.hasOwn(USER_EVENTS, type)
    ? USER_EVENTS[type]?.({
        type,
        hasId: textAt(record, 'id') !== undefined,
        error: textAt(record, 'error'),
        user: textAt(record, 'userId'),
        credential: details('credential_type'),
        selected: details('selected_credential_id'),
        action: details('custom_required_action'),
      })
    : undefined;
  if (!meaning) return undefined;
  const detail = details('web_authn_registration_error');
  return {
    ...meaning,
    actor: type === 'IMPERSONATE' ? details('impersonator') : undefined,
    fields: { ...meaning.fields, ...(meaning.type === 'enrollment.failed' && detail !== undefined && { reason: cut(detail) }) },
  };
}

/** Whom a path of an admin event concerns. */
const USER_PATH = /^users\/([^/]+)(?:\/(.*))?$/;
const LOCKED_PATH = /^attack-detection\/brute-force\/users(?:\/([^/]+))?$/;
const POLICIES = /^(?:AUTH_EXECUTION|AUTH_EXECUTION_FLOW|AUTH_FLOW|AUTHENTICATOR_CONFIG|REQUIRED_ACTION|REQUIRED_ACTION_CONFIG)$/;
const USER_ACTIONS: Readonly<Record<string, string>> = {
  'reset-password': 'password_reset',
  logout: 'session_ended',
  'execute-actions-email': 'required_actions',
};
function representation(record: unknown): Record<string, unknown> {
  const text = textAt(record, 'representation');
  try {
    const value = text === undefined ? at(record, 'representation') : (JSON.parse(text) as unknown);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function adminEvent(record: unknown, operation: string, resource: string): Meaning {
  const path = textAt(record, 'resourcePath') ?? '';
  const [, user, rest] = USER_PATH.exec(path) ?? [];
  const action = (name: string): Meaning => ({ type: 'admin.action', user, fields: { action: name } });
  const policy = (name: string): Meaning => ({
    type: 'policy.changed',
    fields: { action: name },
    attributes: { setting: `${operation} ${path}`.toLowerCase(), direction: 'unknown' },
  });
  if (POLICIES.test(resource)) return policy(resource.startsWith('REQUIRED_ACTION') ? 'factor_catalogue' : 'sign_on_policy');
  // Of other settings the whole realm comes, or a part that may have changed nothing: what has changed is not said.
  if (resource === 'REALM' && path === 'events/config') return policy('saving');
  if (resource === 'REALM' && path === 'logout-all') return action('session_ended');
  if (resource === 'USER_LOGIN_FAILURE') return { ...action('unlock'), user: LOCKED_PATH.exec(path)?.[1] } as RecordMeaning;
  if (resource !== 'USER' || user === undefined) return undefined;
  if (operation === 'ACTION' && rest?.startsWith('credentials/')) {
    const credential = textAt(record, 'details', 'credential_type');
    if (credential === 'password') return action('delete_password');
    return { type: 'factor.revoked', user, fields: { factor_type: factorOf(credential) } };
  }
  if (operation === 'ACTION' && rest !== undefined && Object.hasOwn(USER_ACTIONS, rest)) return action(USER_ACTIONS[rest] as string);
  if (operation === 'DELETE' && rest === undefined) return { type: 'factor.deprovisioned', user };
  if (rest !== undefined || (operation !== 'CREATE' && operation !== 'UPDATE')) return undefined;
  const { requiredActions, enabled } = representation(record);
  if (Array.isArray(requiredActions) && requiredActions.some((each) => ENROLLING.has(String(each)))) return action('required_actions');
  return operation === 'UPDATE' && enabled === false ? action('account_disabled') : undefined;
}

/** A line of the log says the same as text: `type="LOGIN", realmId="…"`; older versions without quotation marks, or with single ones. */
const PAIR = /([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^,]*))(?:, |$)/gy;
const OF_EVENT = new Set(['type', 'realmId', 'realmName', 'clientId', 'userId', 'sessionId', 'ipAddress', 'error']);
const OF_ADMIN_EVENT = new Set([...OF_EVENT, 'operationType', 'resourceType', 'resourcePath', 'representation']);
const MAX_LINE = 64 * 1_024;

/** The record that a line of the log stands for; undefined where it is none. */
function recordOf(message: string | undefined): Record<string, unknown> | undefined {
  if (message === undefined || message.length > MAX_LINE || !/^(?:type|operationType)=/.test(message)) return undefined;
  const own = message.startsWith('type=') ? OF_EVENT : OF_ADMIN_EVENT;
  const record: Record<string, unknown> = {};
  const details: Record<string, string> = {};
  for (const [, name = '', quoted, single, plain] of message.matchAll(PAIR)) {
    const value = quoted?.replace(/\\(.)/g, '$1') ?? single ?? plain ?? '';
    if (value === 'null') continue;
    if (own.has(name)) record[name] = value;
    else details[name] = value;
  }
  return { ...record, details };
}

/** A line of the log as text; its time has no zone. */
const LOGGED = /^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},\d{1,9}) +[A-Z]+ +\[org\.keycloak\.events\] \([^)]*\) (.*)$/;

export const keycloak: Connector = {
  name: 'keycloak',
  reads: 'user and admin events of the REST interface, or lines of the log',
  tells: [
    'enrollment.completed',
    'enrollment.failed',
    'enrollment.expired',
    'enrollment.cancelled',
    'factor.revoked',
    'factor.deprovisioned',
    'recovery.completed',
    'recovery.failed',
    'recovery.codes_issued',
    'access.blocked',
    'challenge.approved',
    'challenge.denied',
    'admin.action',
    'policy.changed',
  ],
  ofLine(line) {
    if (/^\s*[[{"]/.test(line)) return undefined;
    const [, timestamp, message] = LOGGED.exec(line) ?? [];
    // Of other loggers, and lines that go on.
    return message === undefined ? {} : { loggerName: 'org.keycloak.events', timestamp, message };
  },
  map(given, context) {
    const line = textAt(given, 'loggerName') === 'org.keycloak.events' ? recordOf(textAt(given, 'message')) : undefined;
    const record = line ?? given;
    const time = productTime(at(line === undefined ? record : given, line === undefined ? 'time' : 'timestamp'));
    const type = textAt(record, 'type');
    const [operation, resource] = [textAt(record, 'operationType'), textAt(record, 'resourceType')];
    if (operation !== undefined && resource !== undefined) {
      const name = `${operation} ${resource}`;
      // Of a line, the realm that was acted on is nowhere: those it has are of whoever acted.
      const actor = textAt(record, 'authDetails', 'userId') ?? (line && textAt(line, 'userId'));
      const ip = textAt(record, 'authDetails', 'ipAddress') ?? (line && textAt(line, 'ipAddress'));
      const tenant = line === undefined ? textAt(record, 'realmId') : undefined;
      return mapped(adminEvent(record, operation, resource), name, { actor, ip, tenant }, { record, time }, context);
    }
    if (type === undefined) return ignored(undefined);
    const meaning = userEvent(record, type);
    const tenant = textAt(record, 'realmName') ?? textAt(record, 'realmId');
    const session = textAt(record, 'details', 'code_id') ?? textAt(record, 'sessionId');
    const about = { actor: meaning?.actor, ip: textAt(record, 'ipAddress'), tenant, session };
    return mapped(meaning, type, about, { record, time }, context);
  },
};

function mapped(
  meaning: Meaning,
  name: string,
  { actor, ...where }: { actor: string | undefined; ip: string | undefined; tenant: string | undefined; session?: string | undefined },
  { record, time }: { record: unknown; time: ProductTime },
  context: ConnectorContext,
): Mapped {
  if (!meaning) return ignored(name);
  const isRecovery = meaning.type === 'recovery.completed' || meaning.type === 'recovery.failed';
  const recovery_id = isRecovery ? `keycloak:${context.fingerprint(JSON.stringify([meaning.user, where.session, time]))}` : undefined;
  return eventOf(
    'keycloak',
    { ...meaning, actor, fields: { ...meaning.fields, ...where, recovery_id } },
    { id: textAt(record, 'id'), time, content: [record, time ?? null] },
    context,
  );
}
