/**
 * AWS CloudTrail records of MFA devices, of IAM and of Identity Center, alone, in `Records`, or as the `detail` of EventBridge:
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
 *
 * A device is created and enabled by two records without a common id: they are joined. What a response holds is never read: a seed may stand there.
 */
import { at, type Connector, cut, eventsOf, ignored, type RecordMeaning, textAt } from './connector.ts';
import { firstTime } from './product-time.ts';

type Meaning = Pick<RecordMeaning, 'type' | 'fields'>;
type OfCall = (error: string | undefined) => Meaning | undefined;
const whenDone =
  (meaning: Meaning): OfCall =>
  (error) =>
    error === undefined ? meaning : undefined;
const registered: OfCall = (error) =>
  error === undefined
    ? { type: 'enrollment.completed', fields: { outcome: 'success' } }
    : { type: 'enrollment.failed', fields: { outcome: 'failure', error_class: 'client', error_code: cut(error) } };
const started: Meaning = { type: 'enrollment.started' };
const totp =
  (of: OfCall): OfCall =>
  (error) => {
    const meaning = of(error);
    return meaning && { ...meaning, fields: { factor_type: 'totp', ...meaning.fields } };
  };
const webauthn =
  (of: OfCall): OfCall =>
  (error) => {
    const meaning = of(error);
    return meaning && { ...meaning, fields: { factor_type: 'webauthn', ...meaning.fields } };
  };
const revoked = whenDone({ type: 'factor.revoked' });
const action = (name: string): OfCall => whenDone({ type: 'admin.action', fields: { action: name } });

/** By the name of the call. */
const CALLS: Readonly<Record<string, OfCall>> = {
  CreateVirtualMFADevice: totp(whenDone(started)),
  EnableMFADevice: registered,
  DeactivateMFADevice: revoked,
  DeleteVirtualMFADevice: totp(revoked),
  ResyncMFADevice: whenDone({ type: 'factor.rotated' }),
  StartVirtualMfaDeviceRegistration: totp(whenDone(started)),
  CompleteVirtualMfaDeviceRegistration: totp(registered),
  StartWebAuthnDeviceRegistration: webauthn(whenDone(started)),
  CompleteWebAuthnDeviceRegistration: webauthn(registered),
  DeleteMfaDeviceForUser: revoked,
  CreateLoginProfile: action('password_reset'),
  UpdateLoginProfile: action('password_reset'),
  PasswordRecoveryRequested: action('password_reset'),
};

/** What the address of a device says of it: `arn:aws:iam::123456789012:mfa/name`, `…:u2f/user/ada/key`, or the serial number of a token. */
function factorOf(serial: string | undefined): string | undefined {
  if (serial === undefined) return undefined;
  if (/:(?:u2f|fido|passkey)\//i.test(serial)) return 'webauthn';
  return /:mfa\//.test(serial) ? 'totp' : serial.startsWith('arn:') ? undefined : 'hardware_otp';
}

/** Whoever acts: a user of IAM, the root of the account, or somebody behind a role. */
function actorOf(record: unknown): string | undefined {
  const identity = (name: string) => textAt(record, 'userIdentity', name);
  if (identity('type') === 'Root') return identity('arn') ?? identity('accountId');
  return identity('userName') ?? identity('arn') ?? identity('principalId');
}

const CREDENTIALS: readonly [RegExp, string][] = [
  [/^ASIA/, 'temporary'],
  [/^AKIA/, 'long_lived'],
];

const DEVICE_CREATED: Meaning = { type: 'admin.action', fields: { action: 'device_created' } };

/** A failed log-in in which a second factor was asked for. */
const isWrongFactor = (record: unknown) =>
  textAt(record, 'responseElements', 'ConsoleLogin') === 'Failure' && textAt(record, 'additionalEventData', 'MFAUsed') === 'Yes';

export const awsCloudtrail: Connector = {
  name: 'aws_cloudtrail',
  reads: 'records of CloudTrail',
  tells: [
    'enrollment.started',
    'enrollment.completed',
    'enrollment.failed',
    'factor.rotated',
    'factor.revoked',
    'challenge.denied',
    'admin.action',
  ],
  map(record, context) {
    const name = textAt(record, 'eventName');
    if (name === undefined) return ignored(undefined);
    const error = textAt(record, 'errorCode');
    const isLogin = name === 'ConsoleLogin';
    const meaning: Meaning | undefined =
      isLogin && isWrongFactor(record)
        ? { type: 'challenge.denied', fields: { outcome: 'denied', reason: 'wrong_code' } }
        : Object.hasOwn(CALLS, name)
          ? CALLS[name]?.(error)
          : undefined;
    if (meaning === undefined) return ignored(name);
    const actor = actorOf(record);
    const parameter = (key: string) => textAt(record, 'requestParameters', key);
    const named = parameter('userName') ?? parameter('userId');
    // IAM leaves the name out when somebody acts on their own account; behind a role nobody has one.
    const isOneself = textAt(record, 'userIdentity', 'type') !== 'AssumedRole';
    const user = named ?? (isOneself ? actor : undefined);
    // Whose it will be is not known: as the start of nobody it would wait for an end that names somebody.
    const told = user === undefined && meaning.type === 'enrollment.started' ? DEVICE_CREATED : meaning;
    const serial = parameter('serialNumber') ?? textAt(record, 'additionalEventData', 'MFAIdentifier');
    const key = textAt(record, 'userIdentity', 'accessKeyId') ?? '';
    const fromConsole = at(record, 'sessionCredentialFromConsole');
    return eventsOf(
      'aws_cloudtrail',
      [user],
      {
        ...told,
        actor,
        fields: {
          factor_type: /^(?:enrollment|factor|challenge)\./.test(told.type) ? factorOf(serial) : undefined,
          ...told.fields,
          reason: told.fields?.reason ?? (user === undefined ? 'the record names no person' : undefined),
          tenant: (textAt(record, 'recipientAccountId') ?? textAt(record, 'userIdentity', 'accountId'))?.slice(0, 64),
          region: textAt(record, 'awsRegion')?.slice(0, 64),
          ip: textAt(record, 'sourceIPAddress')?.slice(0, 64),
          user_agent: textAt(record, 'userAgent')?.slice(0, 1_024),
        },
        attributes: {
          credential: isLogin ? 'console' : CREDENTIALS.find(([pattern]) => pattern.test(key))?.[1],
          console_session: fromConsole === undefined ? undefined : String(fromConsole),
        },
      },
      { id: textAt(record, 'eventID'), time: firstTime(at(record, 'eventTime')), content: withoutResponse(record), joins: true },
      context,
    );
  },
};

/** The record without what a response said. */
const withoutResponse = (record: unknown): unknown => ({ ...(record as object), responseElements: null });
