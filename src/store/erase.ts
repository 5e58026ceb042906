/** Takes a person out of every table: what counts stays and counts as before, for nobody any more. */
import { type Engine, quoted, type Session } from './engine.ts';
import { replaceInFindings } from './findings.ts';

/** Columns of `events` that say who, where from, with what, or in whose words. */
const PERSONAL = [
  'device_ref',
  'destination_ref',
  'session_ref',
  'factor_id',
  'reason',
  'ip',
  'user_agent',
  'user_agent_ref',
  'trace_id',
  'span_id',
];
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
  'maintenance_log',
  'audit_entries',
  'dead_letters_log',
  'erasing',
];
/** Tables that hold what came from outside; the search for what is left goes through all of them. */
const SEARCHED = [
  'events',
  'spans_log',
  'attempt_states',
  'recovery_states',
  'minutes',
  'hours',
  'backlog',
  'findings_log',
  'maintenance_log',
  'alert_states_log',
  'audit_entries',
  'dead_letters_log',
] as const;

export interface Erased {
  events: number;
  attempts: number;
  spans: number;
  findings: number;
  deadLetters: number;
}

const count = async (session: Session, from: string): Promise<number> =>
  (await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM ${from}`))[0]?.n ?? 0;

/** @param person.refs all that ever stood for the person; `anonymous` stands in their place from now on */
export async function eraseFromTables(
  engine: Engine,
  person: { refs: readonly string[]; anonymous: string },
  nowMs: number,
): Promise<Erased> {
  const session = engine.session('tidy');
  // The engine keeps the text of what rewrites a table: it must not hold what it takes out.
  await session.run('TRUNCATE TABLE erasing');
  await engine.insert(
    'tidy',
    { data: person.refs.join('\n'), format: 'TSV', structure: 'ref String' },
    (rows) => `INSERT INTO erasing SELECT ref FROM ${rows}`,
  );
  const refs = '(SELECT ref FROM erasing)';
  const list = '(SELECT groupArray(ref) FROM erasing)';
  const theirs = `user_ref IN ${refs}`;
  const anonymous = quoted(person.anonymous);
  const traces = `trace_id IN (SELECT trace_id FROM events WHERE ${theirs} AND trace_id != '')`;
  const erased = {
    events: await count(session, `events FINAL WHERE ${theirs}`),
    attempts: await count(session, `attempt_states FINAL WHERE ${theirs}`),
    spans: await count(session, `spans_log FINAL WHERE ${traces}`),
    deadLetters: await count(session, `dead_letters_log FINAL WHERE hasAny(refs, ${list})`),
    findings: await replaceInFindings(engine, person.refs, person.anonymous, nowMs),
  };

  const rewrite = (statement: string) => session.run(`ALTER TABLE ${statement} SETTINGS mutations_sync = 2`);
  await rewrite(`spans_log DELETE WHERE ${traces}`);
  // The user is part of the key: rows are written anew, with the same ids and content hashes, before the old ones go.
  const blank = PERSONAL.map((column) => `'' AS ${column}`).join(', ');
  await session.run(
    `INSERT INTO events SELECT * REPLACE (${anonymous} AS user_ref, if(actor_ref IN ${refs}, '', actor_ref) AS actor_ref, map() AS attributes, ${blank})
     FROM (SELECT * FROM events WHERE ${theirs})`,
  );
  await rewrite(`events DELETE WHERE ${theirs}`);
  // Of what the person did to others, where from and with what.
  const theirTraces = ['device_ref', 'session_ref', 'ip', 'user_agent', 'user_agent_ref', 'reason']
    .map((column) => `${column} = ''`)
    .join(', ');
  await rewrite(`events UPDATE actor_ref = '', ${theirTraces} WHERE actor_ref IN ${refs}`);
  for (const table of ['attempt_states', 'recovery_states']) await rewrite(`${table} UPDATE user_ref = ${anonymous} WHERE ${theirs}`);
  const hashes = '(SELECT groupArray(sipHash64(ref)) FROM erasing)';
  await rewrite(
    `bad_users UPDATE users = arrayMap(u -> if(has(${hashes}, u), sipHash64(${anonymous}), u), users) WHERE hasAny(users, ${hashes})`,
  );
  await rewrite(`dead_letters_log DELETE WHERE hasAny(refs, ${list})`);
  await rewrite(`maintenance_log UPDATE actor_ref = '' WHERE actor_ref IN ${refs}`);
  await rewrite(`audit_entries UPDATE target = '', target_salt = '' WHERE target IN ${refs}`);
  await session.run('TRUNCATE TABLE erasing');
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

/** Rows that still hold any of these texts, by table; tables without any are left out. */
export async function searchTables(engine: Engine, texts: readonly string[]): Promise<{ searched: number; found: Record<string, number> }> {
  const found: Record<string, number> = {};
  for (const table of SEARCHED) {
    const [row] = await engine
      .session('tidy')
      .rows<{ n: number }>(
        `SELECT toUInt32(count()) AS n FROM ${table} WHERE multiSearchAny(toString(tuple(*)), {texts:Array(String)}) SETTINGS max_threads = 1`,
        { texts: texts as string[] },
      );
    if (row?.n) found[table] = row.n;
  }
  return { searched: SEARCHED.length, found };
}
