/** What would become of records, without keeping anything of them: of many in a line each, of one field by field. */
import { checkEvent, importBounds } from '../../events/checker.ts';
import type { AnyConnector, ConnectorContext } from '../connectors/connector.ts';
import { mapUnwrappedLater } from '../connectors/envelope.ts';
import type { ImportRecord } from './import.ts';

type Json = Record<string, unknown>;

/** What would become of one record. */
export interface Becomes {
  line: number;
  becomes: 'accepted' | 'ignored' | 'rejected';
  /** What the product calls a record that is ignored, or why one is rejected. */
  why?: string;
  events: Json[];
}

/** What would become of a record. */
export async function becomesOf(connector: AnyConnector, record: ImportRecord, context: ConnectorContext, nowMs: number): Promise<Becomes> {
  const { line } = record;
  if ('unreadable' in record) return { line, becomes: 'rejected', why: record.unreadable, events: [] };
  const mapped = await mapUnwrappedLater(connector, record.value, context);
  if (mapped.kind === 'ignored') return { line, becomes: 'ignored', ...(mapped.type !== undefined && { why: mapped.type }), events: [] };
  if (mapped.kind === 'rejected') return { line, becomes: 'rejected', why: mapped.message, events: [] };
  const events = mapped.events as Json[];
  for (const event of events) {
    const checked = checkEvent(event, importBounds(nowMs));
    if (!checked.ok) return { line, becomes: 'rejected', why: checked.message, events };
  }
  return { line, becomes: 'accepted', events };
}

/** A field of a record, and what of the events hangs on it. */
export interface FieldUse {
  path: string;
  value: string | number | boolean | null;
  /** Fields of events that are others, or not there, without it. */
  gives: string[];
  /** Whether without it the record would make no event, or other ones. */
  decides: boolean;
}

/** So many fields of a record are looked at. */
const MAX_FIELDS = 200;
/** What a change of any field changes: ids that are made of the whole record. */
const MADE_OF_ALL = new Set(['id', 'attempt_id', 'recovery_id']);

/**
 * Each field of a record with what hangs on it, found by leaving it out and mapping again: true of any connector, whatever its code does.
 * @returns also the record as it is, mapped
 */
export async function explainRecord(
  connector: AnyConnector,
  record: ImportRecord,
  context: ConnectorContext,
  nowMs: number,
): Promise<{ whole: Becomes; fields: FieldUse[]; isCut: boolean }> {
  const whole = await becomesOf(connector, record, context, nowMs);
  if ('unreadable' in record) return { whole, fields: [], isCut: false };
  const leaves = [...leavesOf(record.value)];
  const fields: FieldUse[] = [];
  for (const { path, value } of leaves.slice(0, MAX_FIELDS)) {
    const without = { ...record, value: withoutField(record.value, path) };
    const other = await becomesOf(connector, without, context, nowMs);
    const isOther = other.becomes !== whole.becomes || shapeOf(other) !== shapeOf(whole);
    const gives = isOther ? namesOf(whole, value) : changedNames(whole, other, value);
    fields.push({ path: path.join('.'), value, gives, decides: isOther });
  }
  return { whole, fields, isCut: leaves.length > MAX_FIELDS };
}

const shapeOf = ({ events }: Becomes): string => events.map(({ type }) => String(type)).join(' ');

/** Names of fields, those of attributes as `attributes.name`. */
function flat(event: Json | undefined): Map<string, unknown> {
  const entries = Object.entries(event ?? {}).flatMap(([name, value]) =>
    name === 'attributes'
      ? Object.entries(value as Json).map(([inner, text]) => [`attributes.${inner}`, text] as const)
      : [[name, value] as const],
  );
  return new Map(entries);
}

/** Fields that have this very value. */
const namesOf = ({ events }: Becomes, value: FieldUse['value']): string[] => [
  ...new Set(events.flatMap((event) => [...flat(event)].flatMap(([name, found]) => (found === value ? [name] : [])))),
];

function changedNames(whole: Becomes, other: Becomes, value: FieldUse['value']): string[] {
  const names = whole.events.flatMap((event, i) => {
    const found = flat(other.events[i]);
    return [...flat(event)].flatMap(([name, text]) => {
      const isChanged = found.get(name) !== text;
      return isChanged && (!MADE_OF_ALL.has(name) || text === value || !found.has(name)) ? [name] : [];
    });
  });
  return [...new Set(names)];
}

function* leavesOf(value: unknown, path: string[] = []): Generator<{ path: string[]; value: FieldUse['value'] }> {
  if (typeof value !== 'object' || value === null) yield { path, value: (value ?? null) as FieldUse['value'] };
  else for (const [name, inner] of Object.entries(value)) yield* leavesOf(inner, [...path, name]);
}

function withoutField(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined || typeof value !== 'object' || value === null) return undefined;
  if (Array.isArray(value)) {
    const inner = rest.length === 0 ? [] : [withoutField(value[Number(name)], rest)];
    return [...value.slice(0, Number(name)), ...inner, ...value.slice(Number(name) + 1)];
  }
  const { [name]: field, ...others } = value as Json;
  return rest.length === 0 ? others : { ...(value as Json), [name]: withoutField(field, rest) };
}
