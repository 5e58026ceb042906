/**
 * Security event tokens of Shared Signals: changes of credentials by CAEP 1.0 (section 3.3), about subjects by RFC 9493; decoded, as JWT, or as
 * a poll answers them (RFC 8936). A file is believed as it is: who signed a token is not asked here.
 */
import {
  at,
  type Connector,
  type ConnectorContext,
  cut,
  eventOf,
  ignored,
  listAt,
  type Mapped,
  type RecordMeaning,
  textAt,
} from './connector.ts';
import { firstTime } from './product-time.ts';

const CREDENTIAL_CHANGE = /\/caep\/event-type\/credential-change$/;
const CHANGES: Readonly<Record<string, RecordMeaning['type']>> = {
  create: 'enrollment.completed',
  update: 'factor.rotated',
  revoke: 'factor.revoked',
  delete: 'factor.revoked',
};
/** What is no second factor is not in it. */
const FACTORS: Readonly<Record<string, string>> = {
  'fido2-platform': 'webauthn',
  'fido2-roaming': 'webauthn',
  'fido-u2f': 'webauthn',
  'phone-voice': 'voice',
  'phone-sms': 'sms',
  x509: 'certificate',
  app: 'other',
};
const TOKEN = /^[\w-]+\.([\w-]+)\.[\w-]*$/;
const MAX_TOKEN = 256 * 1_024;
/** Of values in values: a token has a handful. */
const MAX_BRACKETS = 1_000;

/** The payload of a token in its compact form. */
function payloadOf(token: string): unknown {
  const [, payload] = token.length > MAX_TOKEN ? [] : (TOKEN.exec(token.trim()) ?? []);
  if (payload === undefined) return undefined;
  const text = Buffer.from(payload, 'base64url').toString('utf8');
  if ((text.match(/[[{]/g)?.length ?? 0) > MAX_BRACKETS) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Whom a subject names, by its format; of a complex one the user, of aliases the first. */
function nameOf(subject: unknown): string | undefined {
  const names = ['email', 'sub', 'id', 'uri', 'phone_number'].map((name) => textAt(subject, name));
  const inner = at(subject, 'user') ?? listAt(subject, 'identifiers')[0];
  return names.find((name) => name !== undefined) ?? (inner === undefined ? undefined : nameOf(inner));
}

/** Reasons come by language. */
const reasonOf = (reason: unknown): string | undefined =>
  typeof reason === 'object' && reason !== null ? Object.values(reason).find((text) => typeof text === 'string') : undefined;

function changeOf(token: unknown, event: unknown, id: string | undefined, context: ConnectorContext): Mapped {
  const change = textAt(event, 'change_type') ?? '';
  const credential = textAt(event, 'credential_type') ?? '';
  const type = Object.hasOwn(CHANGES, change) ? CHANGES[change] : undefined;
  const factor_type = Object.hasOwn(FACTORS, credential) ? FACTORS[credential] : undefined;
  if (!type || !factor_type) return ignored(`credential-change: ${change} of ${credential}`);
  const entity = textAt(event, 'initiating_entity');
  return eventOf(
    'caep',
    {
      type,
      user: nameOf(at(token, 'sub_id')) ?? nameOf(at(event, 'subject')),
      actor: entity === 'user' ? undefined : entity,
      fields: {
        factor_type,
        outcome: type === 'enrollment.completed' ? 'success' : undefined,
        reason: cut(reasonOf(at(event, 'reason_admin'))),
      },
    },
    { id, time: firstTime(at(event, 'event_timestamp'), at(token, 'iat')), content: token },
    context,
  );
}

function mapToken(token: unknown, context: ConnectorContext): Mapped {
  const events = at(token, 'events');
  if (typeof events !== 'object' || events === null) return ignored(undefined);
  const all = Object.entries(events);
  const changes = all.filter(([uri]) => CREDENTIAL_CHANGE.test(uri));
  if (changes.length === 0) return ignored(all[0]?.[0]?.slice(0, 200));
  const [[, event] = []] = changes;
  return changeOf(token, event, textAt(token, 'jti'), context);
}

export const caep: Connector = {
  name: 'caep',
  reads: 'security event tokens, decoded or as JWT',
  tells: ['enrollment.completed', 'factor.rotated', 'factor.revoked'],
  ofLine: (line) => (TOKEN.test(line.trim()) ? line.trim() : undefined),
  map(record, context) {
    if (typeof record === 'string') return mapToken(payloadOf(record), context);
    const sets = at(record, 'sets');
    if (typeof sets !== 'object' || sets === null) return mapToken(record, context);
    const mapped = Object.values(sets).map((token) => mapToken(typeof token === 'string' ? payloadOf(token) : token, context));
    const events = mapped.flatMap((each) => (each.kind === 'events' ? each.events : []));
    if (events.length > 0) return { kind: 'events', events };
    return mapped.find((each) => each.kind === 'rejected') ?? mapped[0] ?? ignored(undefined);
  },
};
