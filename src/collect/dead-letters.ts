/** Records that are refused: a copy that holds nothing personal is kept with the reason, so that they can be driven again. */
import { eventSchema } from '../events/catalogue.ts';
import { LEFT_OUT, redact } from '../privacy/redact.ts';
import type { DeadLetter } from '../store/dead-letter-row.ts';
import { canonical } from './connectors/connector.ts';
import { familyOf, networkOf } from './mask.ts';
import type { Fresh, PseudonymKind, Pseudonyms } from './pseudonyms.ts';
import { scrubAttributes } from './scrub.ts';

const PERSONAL: Readonly<Record<string, PseudonymKind>> = {
  user: 'person',
  actor: 'person',
  device: 'device',
  destination: 'destination',
  session: 'session',
};
/** Longer text of a field is cut, a longer record is kept without its copy. */
const MAX_FIELD = 256;
const MAX_RECORD = 8_192;
const MAX_FIELDS = 80;
const UNKNOWN_SOURCE = 'unknown';

/** A field beside those of the catalogue: the fingerprint of the user agent, of which the copy has the family only. */
export const AGENT_REF = 'user_agent_ref';

/** The letter of a refused value; of what could not be read there is no value, and no copy. */
export function deadLetter(value: unknown, reason: string, pseudonyms: Pseudonyms, fresh: Fresh): DeadLetter {
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  const refs: string[] = [];
  const copy = fields && copyOf(fields, pseudonyms, fresh, refs);
  const record = copy === undefined ? '' : JSON.stringify(copy);
  const source = fields && eventSchema.shape.source.safeParse(fields.source);
  return {
    id: pseudonyms.fingerprint(`dead letter\0${reason}\0${value === undefined ? '' : fingerprinted(value)}`),
    source: source?.success ? source.data : UNKNOWN_SOURCE,
    reason: redact(reason).text,
    record: record.length > MAX_RECORD ? '' : record.toWellFormed(),
    refs,
  };
}

/** A record too deep to be written as JSON is told apart by nothing. */
function fingerprinted(value: unknown): string {
  try {
    return canonical(value);
  } catch {
    return '';
  }
}

function copyOf(fields: Record<string, unknown>, pseudonyms: Pseudonyms, fresh: Fresh, refs: string[]): Record<string, unknown> {
  const copy: Record<string, unknown> = Object.create(null);
  for (const [name, value] of Object.entries(fields).slice(0, MAX_FIELDS)) {
    const kind = Object.hasOwn(PERSONAL, name) ? PERSONAL[name] : undefined;
    if (kind) {
      const ref = typeof value === 'string' && value !== '' ? pseudonyms.of(kind, value, fresh) : LEFT_OUT;
      copy[name] = ref;
      refs.push(ref);
    } else if (name === 'ip') copy[name] = typeof value === 'string' ? networkOf(value) : LEFT_OUT;
    else if (name === 'user_agent' && typeof value === 'string') {
      copy[name] = familyOf(value);
      copy[AGENT_REF] = pseudonyms.of('user_agent', value);
    } else copy[redact(name.slice(0, MAX_FIELD)).text] = plain(name, value);
  }
  return { ...copy };
}

function plain(name: string, value: unknown): unknown {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value === 'string') return redact(value.slice(0, MAX_FIELD)).text;
  const attributes = name === 'attributes' ? eventSchema.shape.attributes.safeParse(value) : undefined;
  return attributes?.success && attributes.data ? scrubAttributes(attributes.data, []) : LEFT_OUT;
}
