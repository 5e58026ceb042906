/** Takes a person out of every table: what counts stays and counts as before, for nobody any more. */

import type { Event } from '../../events/catalogue.ts';
import type { Naming } from '../../privacy/identifier.ts';
import { emptyTable, rewrite, type StoredTable } from '../engine/ddl.ts';
import { databaseName, type Engine, escapedValue, quoted, type Session } from '../engine/engine.ts';
import { replaceInFindings } from '../records/findings.ts';

/** Fields of an event that say where from, with what, or in whose words something was done, each with its columns and what empties them. */
const CIRCUMSTANCES = {
  device: { device_ref: "''" },
  destination: { destination_ref: "''" },
  session: { session_ref: "''" },
  reason: { reason: "''" },
  ip: { ip: "''" },
  user_agent: { user_agent: "''", user_agent_ref: "''" },
  trace_id: { trace_id: "''" },
  span_id: { span_id: "''" },
  attributes: { attributes: 'map()' },
} as const satisfies Partial<Record<keyof Event, Record<string, string>>>;

/** What goes from an event that somebody who is forgotten has done to another: who it was, and the circumstances. */
export const FIELDS_OF_ACTORS = ['actor', ...(Object.keys(CIRCUMSTANCES) as (keyof typeof CIRCUMSTANCES)[])] as const;

const CIRCUMSTANCE_COLUMNS = Object.values(CIRCUMSTANCES).flatMap((columns) => Object.entries(columns));
/** The engine removes what was rewritten a little later. */
const REMOVED_WITHIN_MS = 120_000;
const REMOVED_STEP_MS = 250;

/** Tables that are rewritten; migration 009 has the engine clean up behind them soon. */
const REWRITTEN = [
  'events',
  'spans_log',
  'attempt_states',
  'recovery_states',
  'bad_users',
  'findings_log',
  'incidents_log',
  'suppressions_log',
  'maintenance_log',
  'audit_entries',
  'dead_letters_log',
  'erasing',
];

export interface Erased {
  events: number;
  attempts: number;
  spans: number;
  findings: number;
  deadLetters: number;
}

/** Whether text names somebody, by a pattern of `namingOf`. */
const isNamedIn = (text: string, pattern: string) => `match(lowerUTF8(normalizeUTF8NFKC(${text})), ${pattern})`;
/** What tells an event from all others, as one text. */
const EVENT = "concat(source, '\\n', id)";
const ATTRIBUTES =
  "arrayStringConcat(arrayMap((key, value) -> concat(key, '\\n', value), mapKeys(attributes), mapValues(attributes)), '\\n')";
const ATTRIBUTES_OF_SPANS = `concat(name, '\\n', service, '\\n', ${ATTRIBUTES})`;

const count = async (session: Session, from: string): Promise<number> =>
  (await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM ${from}`))[0]?.n ?? 0;

export interface ErasedPerson {
  /** All that ever stood for the person. */
  refs: readonly string[];
  /** How the person is named in what people and programs wrote. */
  naming: Naming;
  /** Stands in their place from now on. */
  anonymous: string;
}

/** Rewrites every table without the person. Repeating it changes nothing. */
export async function eraseFromTables(engine: Engine, person: ErasedPerson, nowMs: number): Promise<Erased> {
  const session = engine.session('tidy');
  // The engine keeps the text of what rewrites a table: it must not hold what it takes out.
  await emptyTable(session, 'erasing');
  await engine.insert(
    'tidy',
    {
      data: [...person.refs.map((ref) => [ref, '']), ['', person.naming.re2]].map((row) => row.map(escapedValue).join('\t')).join('\n'),
      format: 'TSV',
      structure: 'ref String, pattern String',
    },
    (rows) => `INSERT INTO erasing (ref, pattern) SELECT ref, pattern FROM ${rows}`,
  );
  const refs = "(SELECT ref FROM erasing WHERE ref != '')";
  const list = "(SELECT groupArray(ref) FROM erasing WHERE ref != '')";
  /** Whether a text holds a reference of the person, or names them, in whatever spelling. */
  const names = (text: string) =>
    `(multiSearchAny(${text}, ${list}) OR ${isNamedIn(text, "(SELECT any(pattern) FROM erasing WHERE pattern != '')")})`;
  const notNaming = `mapFilter((key, value) -> NOT ${names("concat(key, '\n', value)")}, attributes)`;
  const theirs = `user_ref IN ${refs}`;
  // Not every event of an attempt says whose it is. Listed before: a statement that rewrites must not look for them, the engine hangs in that.
  await session.run(
    `INSERT INTO erasing (event) SELECT DISTINCT ${EVENT} FROM events WHERE user_ref = ''
       AND ((attempt_id != '' AND (source, attempt_id) IN (SELECT source, attempt_id FROM attempt_states WHERE ${theirs}))
         OR (recovery_id != '' AND (source, recovery_id) IN (SELECT source, attempt_id FROM recovery_states WHERE ${theirs})))`,
  );
  const unnamed = `(user_ref = '' AND ${EVENT} IN (SELECT event FROM erasing WHERE event != ''))`;
  const anonymous = quoted(person.anonymous);
  const traces = `trace_id IN (SELECT trace_id FROM events WHERE (${theirs} OR actor_ref IN ${refs} OR ${unnamed}) AND trace_id != '')`;
  const namingSpans = names(ATTRIBUTES_OF_SPANS);
  const letters = `(hasAny(refs, ${list}) OR ${names("concat(reason, '\n', record)")})`;
  const erased = {
    events: await count(session, `events FINAL WHERE ${theirs}`),
    attempts: await count(session, `attempt_states FINAL WHERE ${theirs}`),
    spans: await count(session, `spans_log FINAL WHERE ${traces} OR ${namingSpans}`),
    deadLetters: await count(session, `dead_letters_log FINAL WHERE ${letters}`),
    findings: await replaceInFindings(engine, person, person.anonymous, nowMs),
  };

  const change = (table: StoredTable, how: string) => rewrite(session, table, how);
  await change('spans_log', `DELETE WHERE ${traces}`);
  // The trace of another stays, without the name.
  await change(
    'spans_log',
    `UPDATE name = if(${names('name')}, '', name), service = if(${names('service')}, '', service), attributes = ${notNaming}
      WHERE ${namingSpans}`,
  );
  // The user is part of the key: rows are written anew, with the same ids and content hashes, before the old ones go.
  const blank = [...CIRCUMSTANCE_COLUMNS, ['factor_id', "''"]].map(([column, empty]) => `${empty} AS ${column}`).join(', ');
  await session.run(
    `INSERT INTO events SELECT * REPLACE (${anonymous} AS user_ref, if(actor_ref IN ${refs}, '', actor_ref) AS actor_ref, ${blank})
     FROM (SELECT * FROM events WHERE ${theirs})`,
  );
  await change('events', `DELETE WHERE ${theirs}`);
  // Of what the person did to others, where from, with what and in whose words; of the others' own, what names the person.
  const empty = CIRCUMSTANCE_COLUMNS.map(([column, nothing]) => `${column} = ${nothing}`).join(', ');
  await change('events', `UPDATE actor_ref = '', ${empty} WHERE actor_ref IN ${refs}`);
  await change('events', `UPDATE ${empty} WHERE ${unnamed}`);
  await change(
    'events',
    `UPDATE reason = if(${names('reason')}, '', reason), attributes = ${notNaming} WHERE ${names(`concat(reason, '\\n', ${ATTRIBUTES})`)}`,
  );
  for (const table of ['attempt_states', 'recovery_states'] as const) await change(table, `UPDATE user_ref = ${anonymous} WHERE ${theirs}`);
  const hashes = '(SELECT groupArray(sipHash64(ref)) FROM erasing)';
  await change(
    'bad_users',
    `UPDATE users = arrayMap(u -> if(has(${hashes}, u), sipHash64(${anonymous}), u), users) WHERE hasAny(users, ${hashes})`,
  );
  await change('dead_letters_log', `DELETE WHERE ${letters}`);
  await change('maintenance_log', `UPDATE actor_ref = '' WHERE actor_ref IN ${refs}`);
  for (const table of ['maintenance_log', 'suppressions_log'] as const) await change(table, `UPDATE reason = '' WHERE ${names('reason')}`);
  await change(
    'incidents_log',
    `UPDATE title = if(${names('title')}, '', title), assignee = if(${names('assignee')}, '', assignee),
      signals = if(${names('signals')}, replaceRegexpAll(signals, '"summary":"(?:[^"\\\\\\\\]|\\\\\\\\.)*"', '"summary":""'), signals)
     WHERE ${names("concat(title, '\n', assignee, '\n', signals)")}`,
  );
  await emptyTable(session, 'erasing');
  return erased;
}

/** When the latest event of these references happened, in milliseconds since 1970; 0 when there is none. */
export async function latestOf(engine: Engine, refs: readonly string[]): Promise<number> {
  const [row] = await engine
    .session('tidy')
    .rows<{ ms: number }>(
      'SELECT toFloat64(max(toUnixTimestamp64Milli(time))) AS ms FROM events WHERE user_ref IN ({refs:Array(String)})',
      { refs },
    );
  return row?.ms ?? 0;
}

/** Waits until the files of the engine are gone that held what has been rewritten; new ones come and go all the time. Returns whether they are. */
export async function partsRemoved(engine: Engine, sleep: (ms: number) => Promise<unknown>): Promise<boolean> {
  const session = engine.session('tidy');
  const replaced = async () => {
    const rows = await session.rows<{ path: string }>(
      `SELECT path FROM system.parts WHERE database = currentDatabase() AND NOT active AND table IN ({tables:Array(String)})`,
      { tables: REWRITTEN },
    );
    return new Set(rows.map(({ path }) => path));
  };
  const old = await replaced();
  for (let waitedMs = 0; waitedMs < REMOVED_WITHIN_MS; waitedMs += REMOVED_STEP_MS) {
    const left = await replaced();
    if (old.intersection(left).size === 0) return true;
    await sleep(REMOVED_STEP_MS);
  }
  return false;
}

/**
 * Rows that still hold a reference or a name, by table; tables without any are left out. Every column of every table is looked at, and names
 * in whatever spelling.
 */
export async function searchTables(
  engine: Engine,
  { refs, naming }: Pick<ErasedPerson, 'refs' | 'naming'>,
): Promise<{ searched: number; found: Record<string, number> }> {
  const session = engine.session('tidy');
  const found: Record<string, number> = {};
  const tables = await session.rows<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'erasing' ORDER BY name`,
  );
  for (const { name } of tables) {
    const [row] = await session.rows<{ n: number }>(
      `SELECT toUInt32(count()) AS n FROM ${databaseName(name)} WHERE multiSearchAny(toString(tuple(*)) AS text, {refs:Array(String)})
         OR ${isNamedIn('text', '{pattern:String}')} SETTINGS max_threads = 1`,
      { refs: [...refs], pattern: naming.re2 },
    );
    if (row?.n) found[name] = row.n;
  }
  return { searched: tables.length, found };
}
