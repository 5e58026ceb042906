/** From an event as it came to the row that is stored: identifiers replaced, addresses cut to networks, user agents to families. */
import { isIP } from 'node:net';
import bowser from 'bowser';
import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import type { Event } from '../../events/catalogue.ts';
import { redact } from '../../privacy/redact.ts';
import type { EventRow } from '../../store/rows/event-row.ts';
import type { Fresh, Pseudonyms } from '../people/pseudonyms.ts';
import { type Find, scrub, scrubAttributes } from './scrub.ts';

const IPV4_PREFIX_BITS = 24;
const IPV6_PREFIX_BITS = 48;
const families = new LRUCache<string, string>({ max: 10_000 });

/** Fields that hold what people and programs wrote. */
type FreeText =
  | 'segment'
  | 'tenant'
  | 'region'
  | 'environment'
  | 'deployment'
  | 'client_version'
  | 'provider'
  | 'error_code'
  | 'action'
  | 'reason';

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
  const clean = (field: FreeText) => {
    const text = event[field];
    return text === undefined || text === '' ? '' : scrub(field, text, finds);
  };
  const reference = (kind: 'person' | 'device' | 'destination' | 'session', value: string | undefined) =>
    value === undefined ? '' : pseudonyms.of(kind, value, fresh);
  const userRef = reference('person', event.user);
  const row: EventRow = [
    event.id,
    event.source,
    event.type,
    times.timeMs,
    event.attempt_id ?? '',
    event.recovery_id ?? '',
    event.factor_id ?? '',
    userRef,
    reference('person', event.actor),
    reference('device', event.device),
    reference('destination', event.destination),
    reference('session', event.session),
    event.user_tier ?? '',
    event.traffic ?? '',
    event.channel ?? '',
    clean('segment'),
    clean('tenant'),
    clean('region'),
    clean('environment'),
    clean('deployment'),
    clean('client_version'),
    clean('provider'),
    event.factor_type ?? '',
    event.operation ?? '',
    event.outcome ?? '',
    event.error_class ?? '',
    clean('error_code'),
    clean('action'),
    clean('reason'),
    event.http_status ?? null,
    event.duration_ms ?? null,
    event.risk_score ?? null,
    event.cost ?? null,
    event.cost_currency ?? '',
    event.cold_start ?? null,
    event.assisted ?? null,
    event.method ?? '',
    times.expiresAtMs ?? null,
    event.ip === undefined ? '' : networkOf(event.ip),
    event.user_agent === undefined ? '' : familyOf(event.user_agent),
    event.user_agent === undefined ? '' : pseudonyms.of('user_agent', event.user_agent),
    event.country ?? '',
    event.trace_id?.toLowerCase() ?? '',
    event.span_id?.toLowerCase() ?? '',
    event.attributes === undefined ? {} : scrubAttributes(event.attributes, finds),
  ];
  return { row, content: JSON.stringify(row), userRef };
}

/** The /24 or /48 network of an address, or of such a network; '' for what is neither. */
export function networkOf(text: string): string {
  const address = text.trim().replace(/\/(?:24|48)$/, '');
  if (isIP(address) === 0) return '';
  const parsed = ipaddr.process(address.replace(/%.*$/, ''));
  return parsed.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${parsed}/${IPV4_PREFIX_BITS}`)}/${IPV4_PREFIX_BITS}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${parsed}/${IPV6_PREFIX_BITS}`)}/${IPV6_PREFIX_BITS}`;
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
