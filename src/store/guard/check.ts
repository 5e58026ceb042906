/** Holds a statement against the lists, and remembers what passed: a dashboard asks the same every minute, of another range. */
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Engine, RawSession } from '../engine/engine.ts';
import { withCatalogueViews } from './catalogue.ts';
import { catalogueSelect } from './catalogue-statements.ts';
import { createJudge, type Judge } from './judge.ts';
import { type Options, settingsOfConnection, type TableFilter, withoutOptions } from './options.ts';
import { QueryError, refused, unknownTable } from './query-error.ts';
import { quotedAt, replaceParts } from './quotes.ts';
import type { Names } from './rules.ts';
import { assertBoundedText, assertPlainNames, hasLineFeeds } from './statement.ts';
import { type AllowsZone, createZones, ZONES_TAKEN } from './time-zones.ts';
import { isPlainType } from './type-text.ts';

/** What was asked: see `GuardedQuery`. */
interface Statement {
  sql: string;
  format: string;
  parameters?: Readonly<Record<string, string>>;
  /** Filters of tables beside those in the statement, as ClickHouse writes a map: `{'attempts':'region = \'eu\''}`. */
  filters?: string;
}

export interface Checked {
  /** As the engine's parser writes it. */
  sql: string;
  format: string;
  /** Of the connection that it runs on, beside the usual ones. */
  settings: Record<string, string | number>;
}

export interface Checker {
  /** Ends what it runs on. */
  close(): void;
  /**
   * The statement as it may run. Nothing of it is evaluated before it passed.
   * @throws QueryError when it may not
   */
  check(session: RawSession, asked: Statement): Promise<Checked>;
}

/** Of the engine's query tree, which is read as a whole: what may run has some hundred nodes, of a line each. */
const MAX_TREE_BYTES = 8 * 1024 * 1024;
/** Statements that passed, each by a digest. */
const REMEMBERED = 1_000;

/** A checker that knows no statement yet; it reads the catalogue of the engine once. */
export function createChecker(engine: Engine): Checker {
  let known: Promise<Known> | undefined;
  const passed = new LRUCache<string, true>({ max: REMEMBERED });
  const toldNames = () =>
    (known ??= knownOf(engine).catch((error: unknown) => {
      known = undefined;
      throw error;
    }));
  return {
    close: () => void known?.then(({ judge }) => judge.close()),
    async check(session, { sql, format, parameters, filters }) {
      const names = await toldNames();
      const { database } = names;
      names.judge.prepare();
      // One statement comes out, without comments, each of its clauses on a line, line breaks in literals escaped; two are a syntax error.
      // A parameter would stay on the connection, for whoever has it next.
      const canonical = await formattedBy(session, sql);
      const options = withoutOptions(canonical, database);
      const own = knownFormat(options.format ?? format);
      const found = catalogueSelect(options.statement, database);
      if (found !== undefined) return { sql: found, format: own, settings: {} };
      const { before, select, after } = withoutExplain(options.statement);
      const pass = async (text: string) => {
        assertOneStatement(text);
        assertPlainNames(text);
        const plain = withCatalogueViews(text, database);
        assertPlainParameters(plain, parameters, createZones(names.zones));
        const key = sameFor(plain, parameters);
        if (!passed.has(key)) {
          await assertHarmless(session, plain, parameters, names);
          passed.set(key, true);
        }
        return plain;
      };
      const harmless = await pass(select);
      // What stands in a statement goes before what comes beside it, as on a server.
      const asked = options.filters.length > 0 || filters === undefined ? options : await filtersBeside(session, filters, database);
      for (const filter of asked.filters) await pass(await selectOf(session, filter));
      const settings = settingsOfConnection({ filters: asked.filters, seconds: options.seconds }, database);
      return { sql: `${before}${harmless}${after}`, format: own, settings };
    },
  };
}

async function formattedBy(session: RawSession, sql: string): Promise<string> {
  try {
    const { bytes } = await session.run(`SELECT formatQuery(base64Decode('${Buffer.from(sql).toString('base64')}'))`, 'TSVRaw');
    return bytes.toString().trim();
  } catch (error) {
    // What its text was wrapped in says nothing to whoever wrote it.
    if (error instanceof Error) error.message = error.message.replace(/:? In scope SELECT formatQuery\(base64Decode\('[^']*'\)\)/, '');
    throw error;
  }
}

/** Filters that came beside a statement. @throws QueryError when the text is something else */
async function filtersBeside(session: RawSession, filters: string, database: string): Promise<Pick<Options, 'filters'>> {
  assertBoundedText(filters);
  const canonical = await formattedBy(session, `SELECT 1 SETTINGS additional_table_filters = ${filters}`);
  const options = withoutOptions(canonical, database);
  if (options.statement !== 'SELECT 1' || options.format !== undefined || options.seconds > 0)
    throw refused("additional_table_filters: expected {'table':'condition'}");
  return options;
}

/** A condition as a statement that reads what it reads, and nothing else: whatever stands in it goes through the lists. */
async function selectOf(session: RawSession, { table, quoted }: TableFilter): Promise<string> {
  const { bytes } = await session.run(`SELECT formatQuery(concat('SELECT 1 FROM ${table} WHERE ', ${quoted}))`, 'TSVRaw');
  return bytes.toString().trim();
}

/** Ways to be told of a statement that say no more of it than it does itself. */
const EXPLAINED = /^EXPLAIN(?: (?:AST|SYNTAX|PLAN|PIPELINE|QUERY TREE))?\n/;

/** What is asked about a SELECT, and the SELECT: EXPLAIN, or the columns that it has. */
function withoutExplain(statement: string): { before: string; select: string; after: string } {
  const [explain = ''] = EXPLAINED.exec(statement) ?? [];
  if (explain !== '') return { before: explain, select: statement.slice(explain.length), after: '' };
  const described = /^DESCRIBE TABLE\n\(\n([\s\S]*)\n\)$/.exec(statement)?.[1];
  if (described === undefined) return { before: '', select: statement, after: '' };
  return { before: 'DESCRIBE TABLE (', select: described.replaceAll(/^ {4}/gm, ''), after: ')' };
}

/** A moment as dashboards write it; which one it is changes nothing of what a statement reads or calls. */
const MOMENT = /(?<=\b(?:toDateTime|fromUnixTimestamp64Milli)\()\d{10}(?:\d{3})?(?=\))/g;

/** The same for two statements of which either both may run or none. */
function sameFor(select: string, parameters: Readonly<Record<string, string>> = {}): string {
  const timeless = replaceParts(select, {
    quoted: ({ start, end }) => select.slice(start, end),
    plain: (text) => text.replace(MOMENT, '?'),
  });
  return createHash('sha256')
    .update(JSON.stringify([timeless, Object.entries(parameters).sort()]))
    .digest('base64');
}

/** @throws QueryError */
async function assertHarmless(
  session: RawSession,
  select: string,
  parameters: Statement['parameters'],
  { judge, zones, tables }: Known,
): Promise<void> {
  if (!/^[(\s]*(SELECT|WITH|FROM)\b/.test(select)) throw refused('only SELECT is taken here');
  const hold = async (isWritten: boolean, passes: string) => {
    const { bytes } = await session.run(`EXPLAIN QUERY TREE ${passes} ${select}`, 'TSVRaw', parameters).catch((error: unknown) => {
      throw error instanceof Error && /TOO_MANY_ROWS_OR_BYTES/.test(error.message) ? tooLarge() : error;
    });
    if (bytes.length > MAX_TREE_BYTES) throw tooLarge();
    const answer = await judge.ask({ tree: bytes, isWritten, hasLineFeeds: hasLineFeeds(select), zones: [...zones] });
    for (const zone of answer.zones) zones.add(zone);
    const { refusal } = answer;
    // Most often a name that is misspelt.
    const isMissing = refusal?.table !== undefined && /^\w+$/.test(refusal.table) && !tables.has(refusal.table);
    if (refusal) throw isMissing ? unknownTable(refusal.reason) : refused(refusal.reason);
  };
  await hold(true, 'run_passes = 0');
  await hold(false, 'run_passes = 1, passes = 1');
}

const tooLarge = () =>
  refused('what its names stand for makes this statement too large; write it with shorter texts, or with fewer uses of a name');

/** What the lists are held against, and what was asked before. */
interface Known extends Names {
  zones: Set<string>;
  judge: Judge;
}

async function knownOf(engine: Engine): Promise<Known> {
  const session = engine.session('panels');
  const functions = await session.rows<{ name: string }>('SELECT name FROM system.functions');
  const combinators = await session.rows<{ name: string }>('SELECT name FROM system.aggregate_function_combinators');
  const tables = await session.rows<{ name: string }>(`SELECT name FROM system.tables WHERE database = '${engine.database}'`);
  const names = {
    database: engine.database,
    functions: new Set(functions.map(({ name }) => name.toLowerCase())),
    combinators: new Set(combinators.map(({ name }) => name.toLowerCase())),
    tables: new Set(tables.map(({ name }) => name)),
  };
  return { ...names, zones: new Set(), judge: createJudge(names) };
}

/**
 * Two statements are a syntax error, unless they are told to run side by side; and not every place of settings is in the tree that the engine
 * prints.
 */
function assertOneStatement(canonical: string): void {
  const plain = replaceParts(canonical, { quoted: () => '?', plain: (text) => text });
  if (/\bPARALLEL\s+WITH\b/i.test(plain)) throw refused('only one statement is taken here, without PARALLEL WITH');
  if (/(?<!\.)\bSETTINGS\s+[\w?]+\s*=/.test(plain)) throw refused('settings cannot be changed here: leave SETTINGS out');
}

/** A place for a value: its name, quoted or not, and its type, which may hold texts with brackets. */
interface Place {
  name: string;
  type: string;
  end: number;
}

/** The place whose bracket opens at a position; undefined when what stands there is none. */
function placeAt(canonical: string, at: number): Place | undefined {
  const opening = /\{\s*[`"]?(\w+)[`"]?\s*:/y;
  opening.lastIndex = at;
  const found = opening.exec(canonical);
  if (!found) return undefined;
  const stop = /[{}'`"]/g;
  stop.lastIndex = opening.lastIndex;
  for (let next = stop.exec(canonical); next; next = stop.exec(canonical)) {
    if (next[0] === '{') return undefined;
    if (next[0] === '}') return { name: found[1] as string, type: canonical.slice(opening.lastIndex, next.index), end: next.index + 1 };
    stop.lastIndex = quotedAt(canonical, next.index)?.end ?? canonical.length;
  }
  return undefined;
}

function* placesIn(canonical: string): Generator<Place | undefined> {
  const next = /[{'`"]/g;
  for (let found = next.exec(canonical); found; found = next.exec(canonical)) {
    if (found[0] !== '{') {
      next.lastIndex = quotedAt(canonical, found.index)?.end ?? canonical.length;
      continue;
    }
    const place = placeAt(canonical, found.index);
    yield place;
    if (place) next.lastIndex = place.end;
  }
}

/**
 * Types of parameters are made, and their values read, before any rule sees them; what a parameter names does not stand in the text that is looked
 * through.
 */
function assertPlainParameters(canonical: string, parameters: Readonly<Record<string, string>> = {}, allowsZone: AllowsZone): void {
  for (const place of placesIn(canonical)) {
    if (!place) throw refused('a bracket { here holds the name of a parameter and its type: {name:String}');
    const { name, type } = place;
    const value = parameters[name];
    if (type.trim().toLowerCase() === 'identifier') {
      if (value !== undefined && !/^\w+(\.\w+)?$/.test(value))
        throw refused(`the parameter ${name} names a table or column: letters, digits, underscores and a dot`);
    } else if (!isPlainType(type, allowsZone))
      throw refused(
        `the type of the parameter ${name}: numbers, texts, times and lists of them are taken, such as Array(String); ${ZONES_TAKEN}`,
      );
  }
}

/** Formats of results. Not those that need a schema: the engine makes files for them. */
const FORMATS =
  /^(?:(?:TabSeparated|TSV|CSV|CustomSeparated)(?:Raw)?(?:WithNames(?:AndTypes)?)?|TSKV|JSON(?:Strings|Columns|ColumnsWithMetadata|ObjectEachRow)?|JSONCompact(?:Strings|Columns)?|JSON(?:Compact)?(?:Strings)?EachRow(?:WithProgress|WithNames(?:AndTypes)?)?|Pretty\w*|Vertical|Values|Null|XML|Markdown|SQLInsert|RawBLOB|Native|RowBinary(?:WithNames(?:AndTypes)?)?|Parquet|Arrow(?:Stream)?|ORC|MsgPack|LineAsString)$/;

function knownFormat(format: string): string {
  if (FORMATS.test(format)) return format;
  throw new QueryError('MUSTER_BAD_QUERY', `no format for results is called ${JSON.stringify(format.slice(0, 60))}`, {
    code: 73,
    name: 'UNKNOWN_FORMAT',
  });
}
