/** Sources: what each can tell, which SLIs stand on it and why no others do, and what has come in from it. */
import type { AnyConnector } from '../collect/connectors/connector.ts';
import { CONNECTORS } from '../collect/connectors/index.ts';
import { MAPPED_SOURCES, shippedMapping } from '../collect/mappings/index.ts';
import { EVENT_TYPES, type EventType } from '../events/catalogue.ts';
import { SLIS } from '../slo/slis/index.ts';
import type { Session } from '../store/engine/engine.ts';
import { DAY_MS } from '../system/time.ts';

/** A source that has sent nothing for so long is shown as one that could be read. */
const SEEN_DAYS = 30;
const MAX_SOURCES = 1_000;
const MAX_SECONDS = 30;

/** What a source can answer, by what its product tells. */
export interface Answerable {
  /** Ids of SLIs that stand on it. */
  feeds: string[];
  /** What it does not tell of, for which others do not; '' where there is nothing to say. */
  missing: string;
}

/** Why a source feeds no more, of those that tell of registrations at all; the first that applies. */
const MISSING: readonly [EventType, string][] = [
  ['enrollment.completed', 'no registrations'],
  ['enrollment.started', 'no start of a registration'],
  ['api.request', 'no requests of an API'],
];

/** Which SLIs a source feeds that tells of these types. The one table behind the docs, the command and the page. */
export function answerable(tells: readonly EventType[]): Answerable {
  const told = new Set<EventType>(tells);
  return {
    feeds: SLIS.filter(({ needs }) => needs.every((type) => told.has(type))).map(({ id }) => id),
    missing: MISSING.find(([type]) => !told.has(type))?.[1] ?? '',
  };
}

/** A source as it is known here. */
export interface ShownSource extends Answerable {
  source: string;
  /** Records of a product, read by a connector or a mapping file; or events that somebody sends. */
  kind: 'connector' | 'mapping' | 'events';
  /** Types of events that came from it in thirty days; of one that sent none, those that its product can tell of. */
  tells: EventType[];
  /** Time of its newest record, RFC 3339; null where none came in thirty days. */
  last: string | null;
  /** From the time of that record until it came in. */
  lagSeconds: number | null;
  /** Records of the last 24 hours by when they came in: taken, and refused. */
  records: number;
  refused: number;
}

interface Seen {
  source: string;
  last_ms: string;
  lag_ms: string;
  types: EventType[];
  records: number;
}

/** Every source that sent something in thirty days, the busiest first, then those that can be read. */
export async function sourcesNow(session: Session, nowMs: number): Promise<ShownSource[]> {
  const sinceMs = nowMs - SEEN_DAYS * DAY_MS;
  const [seen, refused] = await Promise.all([
    session.rows<Seen>(
      `SELECT source, toString(max(toUnixTimestamp64Milli(time))) AS last_ms,
         toString(argMax(toUnixTimestamp64Milli(received_at) - toUnixTimestamp64Milli(time), time)) AS lag_ms,
         arraySort(groupUniqArray(type)) AS types, toUInt32(uniqExactIf((id, time), received_at >= {day:DateTime64(3)})) AS records
       FROM events WHERE time >= {since:DateTime64(3)} OR received_at >= {day:DateTime64(3)}
       GROUP BY source ORDER BY records DESC, source LIMIT ${MAX_SOURCES} SETTINGS max_execution_time = ${MAX_SECONDS}`,
      { since: momentOf(sinceMs), day: momentOf(nowMs - DAY_MS) },
    ),
    session.rows<{ source: string; n: number }>(
      `SELECT source, toUInt32(count()) AS n FROM dead_letters WHERE at >= {day:DateTime64(3)}
       GROUP BY source ORDER BY n DESC LIMIT ${MAX_SOURCES} SETTINGS max_execution_time = ${MAX_SECONDS}`,
      { day: momentOf(nowMs - DAY_MS) },
    ),
  ]);
  const mappings = await Promise.all(MAPPED_SOURCES.map(async (name) => (await shippedMapping(name)).connector));
  const known: readonly AnyConnector[] = [...CONNECTORS.filter(({ tells }) => tells.length < EVENT_TYPES.length), ...mappings];
  const kindOf = (source: string): ShownSource['kind'] =>
    mappings.some(({ name }) => name === source) ? 'mapping' : known.some(({ name }) => name === source) ? 'connector' : 'events';
  const refusedOf = new Map(refused.map(({ source, n }) => [source, n]));
  const tellsOf = (source: string, types: readonly EventType[]) => known.find(({ name }) => name === source)?.tells ?? types;
  const ofSeen = seen.map(
    ({ source, last_ms, lag_ms, types, records }): ShownSource => ({
      source,
      kind: kindOf(source),
      tells: types,
      ...answerable(tellsOf(source, types)),
      last: new Date(Number(last_ms)).toISOString(),
      lagSeconds: Number(lag_ms) / 1_000,
      records,
      refused: refusedOf.get(source) ?? 0,
    }),
  );
  const silent = (source: string, tells: readonly EventType[]): ShownSource => ({
    source,
    kind: kindOf(source),
    tells: [...tells],
    ...answerable(tells),
    last: null,
    lagSeconds: null,
    records: 0,
    refused: refusedOf.get(source) ?? 0,
  });
  const isSeen = (name: string) => seen.some(({ source }) => source === name);
  const unread = known.filter(({ name }) => !isSeen(name)).map(({ name, tells }) => silent(name, tells));
  const onlyRefused = refused.filter(({ source }) => !isSeen(source) && !known.some(({ name }) => name === source));
  return [...ofSeen, ...onlyRefused.map(({ source }) => silent(source, [])), ...unread];
}

const momentOf = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
