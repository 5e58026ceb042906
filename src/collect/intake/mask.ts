/** From an event as it came to the row that is stored: identifiers replaced, addresses cut to networks, user agents to families. */
import { isIP } from 'node:net';
import bowser from 'bowser';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { Event } from '../../events/catalogue.ts';
import { redact } from '../../privacy/redact.ts';
import { type Cell, COLUMN, EVENT_COLUMN_NAMES, type EventColumn, type EventRow } from '../../store/rows/event-row.ts';
import type { Fresh, Pseudonyms } from '../people/pseudonyms.ts';
import { type Find, scrub, scrubAttributes } from './scrub.ts';

const IPV4_PREFIX_BITS = 24;
const IPV6_PREFIX_BITS = 48;
/** Of what names an address; the catalogue takes no more. */
const MAX_ADDRESS = 64;
const families = new LRUCache<string, string>({ max: 10_000 });

/** What masking leaves to do. */
export interface Noted {
  /** Secrets and personal data that stood in free text and were left out. */
  finds?: Find[];
  /** References that must be durable with the event. */
  fresh?: Fresh;
}

export interface MaskedEvent {
  /** The row of `events`, all but its last two cells: time of arrival and content hash; see `EVENT_COLUMNS`. */
  row: EventRow;
  /** The same as JSON. */
  content: string;
  userRef: string;
}

interface Masking {
  timeMs: number;
  expiresAtMs: number | undefined;
  pseudonyms: Pick<Pseudonyms, 'of'>;
  fresh: Fresh | undefined;
  finds: Find[];
}

type TextField = { [K in keyof Event]-?: Exclude<Event[K], undefined> extends string ? K : never }[keyof Event];
type Mask = (event: Event, masking: Masking) => Cell;

/** What the schema bounds to words of its own. */
const asIs =
  (field: TextField): Mask =>
  (event) =>
    event[field] ?? '';
/** What people and programs wrote. */
const clean =
  (field: Parameters<typeof scrub>[0] & TextField): Mask =>
  (event, { finds }) => {
    const text = event[field];
    return text === undefined || text === '' ? '' : scrub(field, text, finds);
  };
const reference =
  (kind: 'person' | 'device' | 'destination' | 'session', field: TextField): Mask =>
  (event, { pseudonyms, fresh }) => {
    const identifier = event[field];
    return identifier === undefined ? '' : pseudonyms.of(kind, identifier, fresh);
  };
const number =
  (field: 'http_status' | 'duration_ms' | 'risk_score' | 'cost' | 'cold_start' | 'assisted'): Mask =>
  (event) =>
    event[field] ?? null;
const hex =
  (field: 'trace_id' | 'span_id'): Mask =>
  (event) =>
    event[field]?.toLowerCase() ?? '';

/** What becomes of each field on its way to storage: a column that is missing here does not compile. */
const MASKS: Readonly<Record<Exclude<EventColumn, 'received_at' | 'content_hash'>, Mask>> = {
  id: asIs('id'),
  source: asIs('source'),
  type: asIs('type'),
  time: (_event, { timeMs }) => timeMs,
  attempt_id: asIs('attempt_id'),
  recovery_id: asIs('recovery_id'),
  factor_id: asIs('factor_id'),
  user_ref: reference('person', 'user'),
  actor_ref: reference('person', 'actor'),
  device_ref: reference('device', 'device'),
  destination_ref: reference('destination', 'destination'),
  session_ref: reference('session', 'session'),
  user_tier: asIs('user_tier'),
  traffic: asIs('traffic'),
  channel: asIs('channel'),
  segment: clean('segment'),
  tenant: clean('tenant'),
  region: clean('region'),
  environment: clean('environment'),
  deployment: clean('deployment'),
  client_version: clean('client_version'),
  provider: clean('provider'),
  factor_type: asIs('factor_type'),
  operation: asIs('operation'),
  outcome: asIs('outcome'),
  error_class: asIs('error_class'),
  error_code: clean('error_code'),
  action: clean('action'),
  reason: clean('reason'),
  http_status: number('http_status'),
  duration_ms: number('duration_ms'),
  risk_score: number('risk_score'),
  cost: number('cost'),
  cost_currency: asIs('cost_currency'),
  cold_start: number('cold_start'),
  assisted: number('assisted'),
  method: asIs('method'),
  expires_at: (_event, { expiresAtMs }) => expiresAtMs ?? null,
  ip: ({ ip }) => (ip === undefined ? '' : networkOf(ip)),
  user_agent: ({ user_agent: agent }) => (agent === undefined ? '' : familyOf(agent)),
  user_agent_ref: ({ user_agent: agent }, { pseudonyms }) => (agent === undefined ? '' : pseudonyms.of('user_agent', agent)),
  country: asIs('country'),
  trace_id: hex('trace_id'),
  span_id: hex('span_id'),
  attributes: ({ attributes }, { finds }) => (attributes === undefined ? {} : scrubAttributes(attributes, finds)),
};
/** In the order of the columns. */
const IN_ORDER = EVENT_COLUMN_NAMES.flatMap((name) => (name in MASKS ? [MASKS[name as keyof typeof MASKS]] : []));

/**
 * What is stored of a checked event.
 * @param noted takes up what the caller has to see to
 */
export function mask(
  event: Event,
  times: { timeMs: number; expiresAtMs: number | undefined },
  pseudonyms: Pick<Pseudonyms, 'of'>,
  { finds = [], fresh }: Noted = {},
): MaskedEvent {
  const masking: Masking = { ...times, pseudonyms, fresh, finds };
  const row: EventRow = IN_ORDER.map((each) => each(event, masking));
  return { row, content: JSON.stringify(row), userRef: row[COLUMN.user_ref] as string };
}

/** As products write an address: in brackets, with a port, or with the length of a network's prefix; a zone is part of the address. */
const WRITTEN_ADDRESS =
  /^(?:\[(?<inner>[0-9a-f:.]{2,45}(?:%[\w.-]{1,32})?)\](?::\d{1,5})?|(?<v4>[\d.]{7,15}):\d{1,5}|(?<plain>[0-9a-f:.]{2,45}(?:%[\w.-]{1,32})?)(?:\/(?<prefix>\d{1,3}))?)$/i;

/** The /24 or /48 network of an address, of the first of a list, or of a network within such a one; '' for what is neither. */
export function networkOf(text: string): string {
  const [first = ''] = text.slice(0, MAX_ADDRESS).split(',', 1);
  const { inner, v4, plain, prefix } = WRITTEN_ADDRESS.exec(first.trim().replace(/^"(.*)"$/, '$1'))?.groups ?? {};
  const address = inner ?? v4 ?? plain ?? '';
  if (isIP(address) === 0) return '';
  const parsed = withoutTunnel(ipaddr.process(address.replace(/%.*$/, '')));
  const [least, most] = parsed.kind() === 'ipv4' ? [IPV4_PREFIX_BITS, 32] : [IPV6_PREFIX_BITS, 128];
  if (prefix !== undefined && (Number(prefix) < least || Number(prefix) > most)) return '';
  return parsed.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/${IPV4_PREFIX_BITS}`)}/${IPV4_PREFIX_BITS}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_PREFIX_BITS}`)}/${IPV6_PREFIX_BITS}`;
}

/** An address of 6to4 is one of IPv4 (RFC 3056 section 2): its first 48 bits would be all of it. */
function withoutTunnel(address: ipaddr.IPv4 | ipaddr.IPv6): ipaddr.IPv4 | ipaddr.IPv6 {
  if (address.kind() !== 'ipv6' || address.range() !== '6to4') return address;
  return new ipaddr.IPv4(address.toByteArray().slice(2, 6));
}

/** A program that is no browser names itself in one word; what is more may be anything. */
const PRODUCT = /^[A-Za-z][A-Za-z-]{1,31}$/;
const BROWSERS = new Set<string>(Object.values(bowser.BROWSER_MAP));

/** Browser and system families, such as `Firefox on Linux`, without versions. */
export function familyOf(userAgent: string): string {
  const known = families.get(userAgent);
  if (known !== undefined) return known;
  const { browser, os } = bowser.parse(userAgent || '-');
  const name = browser.name && (BROWSERS.has(browser.name) || PRODUCT.test(browser.name)) ? browser.name : 'other';
  const family = redact([name, ...(os.name ? [`on ${os.name}`] : [])].join(' ')).text;
  families.set(userAgent, family);
  return family;
}
