/** Import: records of a product, through its connector, into the same intake as everything else, counted record by record. */
import { MusterError } from '../../errors.ts';
import { fieldName } from '../../events/checker.ts';
import { breather } from '../../system/breather.ts';
import { isLargerThan } from '../../system/size-of.ts';
import type { AnyConnector, ConnectorContext, Mapped } from '../connectors/connector.ts';
import { mapUnwrappedLater } from '../connectors/envelope.ts';
import { type Candidate, MAX_NAMED } from '../intake/batch.ts';
import type { Intake } from '../intake/intake.ts';
import type { Binding } from '../intake/key-binding.ts';
import { MAX_EVENTS } from '../intake/parse.ts';

export interface ImportCounts {
  read: number;
  accepted: number;
  duplicates: number;
  /** Of the duplicates, those with another content. */
  conflicts: number;
  ignored: number;
  /** The ignored by what their product calls them; what it has no name for is `unknown`. */
  ignored_types: Record<string, number>;
  /** Of the accepted, those that do not say whom they concern. */
  without_person: number;
  rejected: number;
  /** The first {@link MAX_ERRORS} rejected records. */
  errors: { line: number; id: string | null; message: string }[];
}

/** Of one record: an activity of a product has some hundred values, of some thousand letters. */
const RECORD_LIMITS = { values: 10_000, letters: 512 * 1024 } as const;

/** An answer names at most this many rejected records; `rejected` counts all. */
export const MAX_ERRORS = 1_000;

/** Counts of an import that has read nothing yet. */
export const noCounts = (): ImportCounts => ({
  read: 0,
  accepted: 0,
  duplicates: 0,
  conflicts: 0,
  ignored: 0,
  ignored_types: {},
  without_person: 0,
  rejected: 0,
  errors: [],
});

/** Adds the counts of a part to those of the whole. */
export function addCounts(whole: ImportCounts, part: ImportCounts): void {
  for (const key of ['read', 'accepted', 'duplicates', 'conflicts', 'ignored', 'without_person', 'rejected'] as const)
    whole[key] += part[key];
  for (const [type, count] of Object.entries(part.ignored_types)) countType(whole.ignored_types, type, count);
  whole.errors.push(...part.errors.slice(0, MAX_ERRORS - whole.errors.length));
}

/** Kinds of ignored records that are named; the rest are `other`. */
const MAX_TYPES = 200;

function countType(types: Record<string, number>, type: string, count: number): void {
  const name = Object.hasOwn(types, type) || Object.keys(types).length < MAX_TYPES ? type : 'other';
  types[name] = (Object.hasOwn(types, name) ? (types[name] ?? 0) : 0) + count;
}

/** Types of which somebody is the subject. */
const OF_PEOPLE = /^(?:enrollment|factor|recovery|challenge)\./;
const namesNobody = (event: unknown): boolean => {
  const { type, user } = event as { type?: unknown; user?: unknown };
  return typeof type === 'string' && OF_PEOPLE.test(type) && user === undefined;
};

/** A record of the input: its line or position, and the value or why there is none. */
export type ImportRecord = { line: number } & Candidate;

/**
 * Takes in a batch of records. Each counts once: accepted if any of its events is new, rejected if any is invalid and none is new.
 * Resolves when what was accepted is durable.
 */
export async function importRecords(
  deps: { intake: Intake },
  connector: AnyConnector,
  records: readonly ImportRecord[],
  context: ConnectorContext & { binding?: Binding | undefined },
): Promise<ImportCounts> {
  const counts = noCounts();
  const candidates: Candidate[] = [];
  const spans: { record: ImportRecord; from: number; to: number }[] = [];
  const add = (record: ImportRecord, values: readonly Candidate[]) => {
    spans.push({ record, from: candidates.length, to: candidates.length + values.length });
    for (const value of values) candidates.push(value);
    if (candidates.length > MAX_EVENTS)
      throw new MusterError(
        'MUSTER_BODY_TOO_LARGE',
        `more than ${MAX_EVENTS.toLocaleString('en')} events in one part; send fewer records at a time`,
      );
  };
  const reject = (line: number, id: string | null, message: string) => {
    counts.rejected += 1;
    if (counts.errors.length < MAX_ERRORS) counts.errors.push({ line, id, message });
  };
  // What senders of our own events leave out is theirs to leave out.
  const isOurs = connector.name === 'muster' || connector.name === 'cloudevents';
  const pause = breather();
  for (const record of records) {
    if (pause.isDue()) await pause.rest();
    counts.read += 1;
    if ('unreadable' in record) {
      add(record, [{ unreadable: record.unreadable }]);
      continue;
    }
    if (isLargerThan(record.value, RECORD_LIMITS)) {
      add(record, [{ unreadable: `holds more than ${RECORD_LIMITS.values} values, or ${RECORD_LIMITS.letters} letters` }]);
      continue;
    }
    const mapped = await mapSafely(connector, record.value, context);
    if (mapped.kind === 'ignored') {
      counts.ignored += 1;
      countType(counts.ignored_types, fieldName(mapped.type ?? 'unknown'), 1);
    } else if (mapped.kind === 'rejected') add(record, [{ unreadable: mapped.message, value: mapped.draft }]);
    else
      add(
        record,
        mapped.events.map((value) => ({ value })),
      );
  }
  if (candidates.length === 0) return counts;

  const result = await deps.intake.accept(candidates, 'import', context.binding);
  const rejections = new Map(result.rejected.map((rejection) => [rejection.index, rejection]));
  for (const { record, from, to } of spans) {
    const sightings = result.sightings.slice(from, to);
    const rejection = Array.from({ length: to - from }, (_, i) => rejections.get(from + i)).find((each) => each !== undefined);
    if (sightings.includes('new')) {
      counts.accepted += 1;
      const values = candidates.slice(from, to);
      if (!isOurs && values.some((each) => 'value' in each && namesNobody(each.value))) counts.without_person += 1;
    } else if (sightings.includes('rejected'))
      reject(record.line, rejection?.id ?? null, rejection?.message ?? `not valid, as more than ${MAX_NAMED} others of its part`);
    else {
      counts.duplicates += 1;
      if (sightings.includes('conflict')) counts.conflicts += 1;
    }
  }
  return counts;
}

async function mapSafely(connector: AnyConnector, value: unknown, context: ConnectorContext): Promise<Mapped> {
  try {
    return await mapUnwrappedLater(connector, value, context);
  } catch (error) {
    if (error instanceof RangeError) return { kind: 'rejected', message: 'nested too deeply' };
    throw error;
  }
}
