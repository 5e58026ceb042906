/** Records without a common id on their way into attempts: those of a person that lie near a new one are read, and joined as a whole. */

import { DAY_MS } from '../../system/time.ts';
import type { Engine } from '../engine/engine.ts';
import { JOINED } from '../rows/attempt-facts.ts';
import { attemptKey } from '../rows/attempt-row.ts';
import { ATTEMPT, type AttemptState, absorb, type CompletionWindows, longestOf } from '../rows/attempt-state.ts';
import { COLUMN, type EventRow } from '../rows/event-row.ts';
import { joinedAttempts } from '../rows/joined-attempts.ts';
import type { RecordToJoin } from './pending-roll.ts';
import { storedEvents } from './stored-events.ts';

const ENDS: ReadonlySet<string> = new Set([ATTEMPT.completed, ...Object.keys(ATTEMPT.failures)]);
/** Records are joined for so many new ones at a time. */
const CHUNK_RECORDS = 5_000;
const BUCKET_MS = 600_000;
/**
 * What one record may change reaches as far as records follow each other within a window; of people that ends soon, of a script it may not.
 * Further than this nothing is read.
 */
const MAX_REACH_MS = DAY_MS;

/** Around one record so much is read at a time at most. */
const MAX_RADIUS_MS = 6 * 3_600_000;

/** Records of one person and source; where they go on beyond what was read, on which side. */
interface Near {
  rows: EventRow[];
  goesOnBefore: boolean;
  /** The first midnight of those that were read. */
  dayMs: number;
  /** Up to where they are all there. */
  untilMs: number;
}

/** What joining makes of all records near some new ones. */
export interface Joined {
  /** By their keys: each is all that is known of its attempt. */
  states: Map<string, AttemptState>;
  /** Keys of records that begin no attempt: what an earlier roll made of them, it made before it knew of others. */
  absorbed: string[];
}

/** Joins the records near new ones, some people at a time. */
export async function* joinNear(engine: Engine, records: readonly RecordToJoin[], windows: CompletionWindows): AsyncGenerator<Joined> {
  const people = Map.groupBy(records, ({ source, userRef }) => `${source}\0${userRef}`);
  let chunk: RecordToJoin[] = [];
  for (const theirs of people.values()) {
    for (const record of theirs) chunk.push(record);
    if (chunk.length < CHUNK_RECORDS) continue;
    yield joinedOf(await recordsNear(engine, chunk, longestOf(windows)), windows);
    chunk = [];
  }
  if (chunk.length > 0) yield joinedOf(await recordsNear(engine, chunk, longestOf(windows)), windows);
}

/** The `attempt_id` of each record that an attempt was joined of. @param near any record of it, or its start */
export async function recordsOfAttempt(
  engine: Engine,
  near: RecordToJoin,
  attemptId: string,
  windows: CompletionWindows,
): Promise<string[]> {
  const idOf = (row: EventRow) => row[COLUMN.attempt_id] as string;
  for (const { rows } of await recordsNear(engine, [near], longestOf(windows))) {
    const attempts = joinedAttempts(rows, windows);
    const found = attempts.find(([first]) => first?.[COLUMN.source] === near.source && idOf(first) === attemptId);
    if (found) return found.map(idOf);
  }
  return [];
}

/**
 * The attempts of some records; of records that go on beyond what was read, those that what was not read cannot change: behind the first start
 * that follows an end (where there is none, of a day alone), and up to a window before the last. The others were made when their own records came.
 */
function certainAttempts({ rows, goesOnBefore, dayMs, untilMs }: Near, windows: CompletionWindows): EventRow[][] {
  const typeOf = (row: EventRow | undefined) => row?.[COLUMN.type] as string;
  const all = joinedAttempts(rows, windows);
  const isCertain = (attempts: readonly EventRow[][], i: number) =>
    i > 0 && typeOf(attempts[i]?.[0]) === ATTEMPT.started && ENDS.has(typeOf(attempts[i - 1]?.at(-1)));
  const first = goesOnBefore ? all.findIndex((_, i) => isCertain(all, i)) : 0;
  const attempts =
    first >= 0
      ? all.slice(first)
      : joinedAttempts(
          rows.filter((row) => (row[COLUMN.time] as number) >= dayMs),
          windows,
        );
  return attempts.filter(([begun]) => (begun?.[COLUMN.time] as number) + longestOf(windows) <= untilMs);
}

function joinedOf(people: Iterable<Near>, windows: CompletionWindows): Joined {
  const joined: Joined = { states: new Map(), absorbed: [] };
  const keyOf = (row: EventRow) => attemptKey(row[COLUMN.source] as string, row[COLUMN.attempt_id] as string);
  for (const near of people) {
    for (const [first, ...others] of certainAttempts(near, windows)) {
      if (first === undefined) continue;
      const name = { source: first[COLUMN.source] as string, attemptId: first[COLUMN.attempt_id] as string };
      let state = absorb(undefined, first, name, ATTEMPT);
      for (const row of others) state = absorb(state, row, name, ATTEMPT);
      joined.states.set(keyOf(first), state);
      for (const row of others) joined.absorbed.push(keyOf(row));
    }
  }
  joined.absorbed = [...new Set(joined.absorbed)].filter((k) => !joined.states.has(k));
  return joined;
}

/** All records of these people as far as one may concern the next: each person's, by source. */
async function recordsNear(engine: Engine, records: readonly RecordToJoin[], windowMs: number): Promise<Iterable<Near>> {
  const sources = new Set(records.map(({ source }) => source));
  const reach = new Map<string, { fromMs: number; toMs: number }>();
  for (const { userRef, timeMs } of records) {
    const { fromMs, toMs } = reach.get(userRef) ?? { fromMs: timeMs, toMs: timeMs };
    reach.set(userRef, { fromMs: Math.min(fromMs, timeMs), toMs: Math.max(toMs, timeMs) });
  }
  const asked = new Set<string>();
  const found = new Map<string, EventRow[]>();
  const goOn = { before: new Set<string>(), after: new Set<string>() };
  let places: string[] = [];
  let round = 0;
  const ask = (userRef: string, timeMs: number) => {
    const { fromMs, toMs } = reach.get(userRef) ?? { fromMs: timeMs, toMs: timeMs };
    if (timeMs < fromMs - MAX_REACH_MS) goOn.before.add(userRef);
    else if (timeMs > toMs + MAX_REACH_MS) goOn.after.add(userRef);
    else askAround(userRef, timeMs);
  };
  const placesAround = (userRef: string, timeMs: number, radiusMs: number): string[] => {
    const [first, last] = [Math.floor((timeMs - radiusMs) / BUCKET_MS), Math.floor((timeMs + radiusMs) / BUCKET_MS)];
    return Array.from({ length: last - first + 1 }, (_, i) => JSON.stringify([((first + i) * BUCKET_MS) / 1_000, userRef]));
  };
  const askAround = (userRef: string, timeMs: number) => {
    if (placesAround(userRef, timeMs, windowMs).every((place) => asked.has(place))) return;
    // Who goes on beyond what was read probably goes on for long.
    for (const place of placesAround(userRef, timeMs, Math.min(windowMs * 2 ** round, MAX_RADIUS_MS))) {
      if (asked.has(place)) continue;
      asked.add(place);
      places.push(place);
    }
  };
  for (const { userRef, timeMs } of records) ask(userRef, timeMs);
  while (places.length > 0) {
    const rows = await recordsIn(engine, places);
    places = [];
    round += 1;
    for (const row of rows) {
      const [source, userRef] = [row[COLUMN.source] as string, row[COLUMN.user_ref] as string];
      if (!sources.has(source)) continue;
      const key = `${source}\0${userRef}`;
      const theirs = found.get(key);
      if (theirs) theirs.push(row);
      else found.set(key, [row]);
      ask(userRef, row[COLUMN.time] as number);
    }
  }
  return [...found.values()].map((rows): Near => {
    const userRef = rows[0]?.[COLUMN.user_ref] as string;
    const untilMs = goOn.after.has(userRef) ? (reach.get(userRef)?.toMs ?? 0) + MAX_REACH_MS : Number.POSITIVE_INFINITY;
    const dayMs = Math.ceil(((reach.get(userRef)?.fromMs ?? 0) - MAX_REACH_MS) / DAY_MS) * DAY_MS;
    return { rows, goesOnBefore: goOn.before.has(userRef), dayMs, untilMs };
  });
}

/** The records to join in some ten minutes of some people: what the key of `events` begins with. */
async function recordsIn(engine: Engine, places: readonly string[]): Promise<EventRow[]> {
  const asked = { data: places.join('\n'), format: 'JSONCompactEachRow', structure: 'bucket UInt32, user_ref String' } as const;
  return engine.withRows('roll', asked, (source) =>
    storedEvents(
      engine.session('roll'),
      `(toStartOfTenMinutes(time), user_ref) IN (SELECT toDateTime(bucket, 'UTC'), user_ref FROM ${source})
       AND startsWith(attempt_id, '${JOINED}') AND startsWith(type, 'enrollment.')`,
    ),
  );
}
