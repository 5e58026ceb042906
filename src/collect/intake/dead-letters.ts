/** Records that are refused: a copy that holds nothing personal is kept with the reason, so that they can be driven again. */
import { eventSchema } from '../../events/catalogue.ts';
import { LEFT_OUT, redact } from '../../privacy/redact.ts';
import type { DeadLetter } from '../../store/rows/dead-letter-row.ts';
import { canonicalJson } from '../../system/canonical-json.ts';
import type { Fresh, PseudonymKind, Pseudonyms } from '../people/pseudonyms.ts';
import { SENT_WITH, type SentWith } from './key-binding.ts';
import { familyOf, networkOf } from './mask.ts';
import { type Find, scrub, scrubAttributes } from './scrub.ts';

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
/** As the catalogue has them. */
const MAX_IDENTIFIER = 512;
const MAX_AGENT = 1_024;
const UNKNOWN_SOURCE = 'unknown';

/** A field beside those of the catalogue: the fingerprint of the user agent, of which the copy has the family only. */
export const AGENT_REF = 'user_agent_ref';

/** Fields that a copy may have beside those of the catalogue: whoever sends one of that name must not be taken for us. */
const OURS: ReadonlySet<string> = new Set([AGENT_REF, SENT_WITH]);

/** Why a value was refused, and what its sender was bound to. */
export interface Refused {
  reason: string;
  /** Tells letters without a value apart. */
  number: string;
  sentWith: SentWith | undefined;
}

/** The letter of a refused value, and what was found in it; of what could not be read there is no value, and no copy. */
export function deadLetter(
  value: unknown,
  { reason, sentWith, number }: Refused,
  pseudonyms: Pseudonyms,
  fresh: Fresh,
): { letter: DeadLetter; finds: Find[] } {
  const fields = typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  const finds: Find[] = [];
  const refs: string[] = [];
  const copy = fields && copyOf(fields, pseudonyms, fresh, refs, finds);
  const record = copy === undefined ? '' : JSON.stringify({ ...copy, ...(sentWith && { [SENT_WITH]: sentWith }) }).toWellFormed();
  const source = fields && eventSchema.shape.source.safeParse(fields.source);
  const letter = {
    id: pseudonyms.fingerprint(
      `dead letter\0${reason}\0${value === undefined ? number : fingerprinted(value)}${sentWith ? `\0${JSON.stringify(sentWith)}` : ''}`,
    ),
    source: source?.success ? source.data : UNKNOWN_SOURCE,
    reason: redact(reason).text,
    record: record.length > MAX_RECORD ? '' : record,
    refs,
  };
  return { letter, finds };
}

/** A record too deep to be written as JSON is told apart by nothing. */
function fingerprinted(value: unknown): string {
  try {
    return canonicalJson(value);
  } catch {
    return '';
  }
}

/**
 * What may be kept of the fields. Undefined when one of them cannot be kept as what it is: the copy would be another event.
 * @param refs takes up the references in it
 */
function copyOf(
  fields: Record<string, unknown>,
  pseudonyms: Pseudonyms,
  fresh: Fresh,
  refs: string[],
  finds: Find[],
): Record<string, unknown> | undefined {
  const copy: Record<string, unknown> = Object.create(null);
  const entries = Object.entries(fields);
  if (entries.length > MAX_FIELDS) return undefined;
  for (const [name, value] of entries) {
    if (!Object.hasOwn(eventSchema.shape, name)) {
      // What stands in a field that nobody knows may be anything; its name says what is wrong.
      // What is cut could part a secret that stood across the cut.
      const kept = scrub('refused', name, finds).slice(0, MAX_FIELD);
      copy[OURS.has(kept) ? `refused ${kept}` : kept] = LEFT_OUT;
      if (typeof value === 'string') scrub('refused', value, finds);
      continue;
    }
    const kept = keptOf(name, value, pseudonyms, fresh, refs, finds);
    if (kept === undefined) return undefined;
    Object.assign(copy, kept);
  }
  return { ...copy };
}

/** One field of the catalogue as it is kept; undefined when its value is not of its kind. */
function keptOf(
  name: string,
  value: unknown,
  pseudonyms: Pseudonyms,
  fresh: Fresh,
  refs: string[],
  finds: Find[],
): Record<string, unknown> | undefined {
  const kind = Object.hasOwn(PERSONAL, name) ? PERSONAL[name] : undefined;
  if (kind) {
    if (typeof value !== 'string' || value === '' || value.length > MAX_IDENTIFIER) return undefined;
    // Who was forgotten does not come back by what is refused.
    if (kind === 'person' && pseudonyms.isForgotten(value, Number.MIN_SAFE_INTEGER)) return undefined;
    const ref = pseudonyms.of(kind, value, fresh);
    refs.push(ref);
    return { [name]: ref };
  }
  if (typeof value === 'number' || typeof value === 'boolean') return { [name]: value };
  if (name === 'attributes') {
    const attributes = eventSchema.shape.attributes.safeParse(value);
    return attributes.success && attributes.data ? { attributes: scrubAttributes(attributes.data, finds) } : undefined;
  }
  if (typeof value !== 'string') return undefined;
  if (name === 'ip') return { ip: networkOf(value) };
  if (name !== 'user_agent') return { [name]: scrub(name, value, finds).slice(0, MAX_FIELD) };
  return value.length > MAX_AGENT ? undefined : { user_agent: familyOf(value), [AGENT_REF]: pseudonyms.of('user_agent', value) };
}
