/**
 * A mapping file: YAML that says what the records of a product mean, in expressions of JSONata (https://docs.jsonata.org), with tests inside.
 * It makes a connector without any code.
 */
import { isDeepStrictEqual } from 'node:util';
import jsonata from 'jsonata';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { EVENT_TYPES, eventSchema } from '../../events/catalogue.ts';
import { checkEvent, importBounds } from '../../events/checker.ts';
import { yamlDocuments } from '../../system/yaml-file.ts';
import {
  type ConnectorContext,
  cut,
  eventsOf,
  ignored,
  type Mapped,
  type MappedConnector,
  type RecordMeaning,
} from '../connectors/connector.ts';
import { factorNamed } from '../connectors/factor-names.ts';
import { productTime } from '../connectors/product-time.ts';

/** Of one expression over one record: its steps, their depth, what it makes. */
const LIMITS = { timeout: 1_000, stack: 200, sequence: 10_000 } as const;
/** Records of tests are of any time. */
const LATEST_MS = Date.UTC(2100, 0, 1);
const NUMBERS = new Set(['http_status', 'duration_ms', 'risk_score', 'cost', 'cold_start', 'assisted']);
/** What is not a field of its own: said elsewhere in the file, or no business of a mapping. */
const OWN = new Set(['id', 'type', 'time', 'source', 'attributes', 'schema_version', 'user', 'actor']);
const FIELDS = Object.keys(eventSchema.shape).filter((name) => !OWN.has(name)) as [string, ...string[]];

const expression = z.string().min(1).max(4_096);
const values = z.partialRecord(z.enum(FIELDS), expression).default({});
const attributes = z.record(z.string().regex(/^[\w.]{1,64}$/, 'expected a name of letters, digits, . and _'), expression).default({});
const people = { user: expression.optional(), actor: expression.optional() };
const mappingSchema = z.strictObject({
  source: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/, 'expected small letters, digits and _'),
  reads: z.string().min(1).max(200),
  /** What the product calls a record: for the counts of those that are ignored. */
  kind: expression.optional(),
  id: expression.optional(),
  time: expression,
  /** Whether starts and ends of a registration come without a common id. */
  joins: z.boolean().default(false),
  ...people,
  fields: values,
  attributes,
  events: z
    .array(z.strictObject({ when: expression, type: z.enum(EVENT_TYPES), ...people, fields: values, attributes }))
    .min(1)
    .max(100),
  tests: z
    .array(z.strictObject({ says: z.string().min(1).max(200), record: z.unknown(), events: z.array(z.record(z.string(), z.unknown())) }))
    .min(1)
    .max(1_000),
});
export type Mapping = z.infer<typeof mappingSchema>;

type Compiled = { where: string; evaluate(record: unknown): Promise<unknown> };

/** What a mapping file makes, with the tests that stand in it. */
export interface LoadedMapping {
  connector: MappedConnector;
  /** What its tests found wrong: a line each; none when they pass. */
  problems(): Promise<string[]>;
}

/**
 * Reads and compiles a mapping file.
 * @param file what it is called in errors
 * @throws MUSTER_BAD_MAPPING with file, line, field and what was expected
 */
export function loadMapping(text: string, file: string): LoadedMapping {
  const fail = (where: string, problem: string) => new MusterError('MUSTER_BAD_MAPPING', `${where}: ${problem}`);
  const [document, second] = yamlDocuments(text, file, fail);
  if (!document) throw fail(file, 'is empty');
  if (second) throw fail(file, 'has several documents; a mapping is one');
  const parsed = mappingSchema.safeParse(document.value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const unknown = issue?.code === 'unrecognized_keys' ? `.${issue.keys[0]}` : '';
    const path = `${issue?.path.map(String).join('.') ?? ''}${unknown}`.replace(/^\./, '');
    throw fail(document.where(path), `${path || 'the file'}: ${unknown ? 'is not known here' : (issue?.message ?? 'cannot be read')}`);
  }
  const mapping = parsed.data;
  const compile = (path: string, source: string): Compiled => {
    try {
      const compiled = jsonata(source, LIMITS);
      compiled.registerFunction('factor', (named: unknown) => (typeof named === 'string' ? factorNamed(named) : undefined), '<x-:s>');
      // A text of the record is data, and never an expression.
      compiled.registerFunction('eval', () => {
        throw new Error('$eval is not there');
      });
      return { where: path, evaluate: (record) => compiled.evaluate(record) };
    } catch (error) {
      throw fail(document.where(path), `${path}: ${messageOf(error)}`);
    }
  };
  const connector = connectorOf(mapping, compile);
  return { connector, problems: () => problemsOf(mapping, connector, document.where) };
}

function messageOf(error: unknown): string {
  const { message, position } = error as { message?: unknown; position?: unknown };
  return `${String(message ?? error).slice(0, 200)}${typeof position === 'number' ? ` (at letter ${position})` : ''}`;
}

type Compile = (path: string, source: string) => Compiled;

function connectorOf(mapping: Mapping, compile: Compile): MappedConnector {
  const some = (path: string, source: string | undefined) => (source === undefined ? undefined : compile(path, source));
  const all = (path: string, of: Readonly<Record<string, string | undefined>>) =>
    Object.entries(of).flatMap(([name, source]) => (source === undefined ? [] : [{ name, value: compile(`${path}.${name}`, source) }]));
  const common = { id: some('id', mapping.id), time: compile('time', mapping.time), kind: some('kind', mapping.kind) };
  const rules = mapping.events.map((rule, i) => {
    const own = (name: 'user' | 'actor') =>
      rule[name] === undefined ? some(name, mapping[name]) : some(`events.${i}.${name}`, rule[name]);
    const merged = (name: 'fields' | 'attributes') => {
      const entries = new Map(all(name, mapping[name]).map((each) => [each.name, each]));
      for (const each of all(`events.${i}.${name}`, rule[name])) entries.set(each.name, each);
      return [...entries.values()];
    };
    return {
      type: rule.type,
      when: compile(`events.${i}.when`, rule.when),
      user: own('user'),
      actor: own('actor'),
      fields: merged('fields'),
      attributes: merged('attributes'),
    };
  });

  return {
    name: mapping.source,
    reads: mapping.reads,
    tells: [...new Set(mapping.events.map(({ type }) => type))],
    async map(record, context): Promise<Mapped> {
      try {
        for (const rule of rules) {
          const holds = await resultOf(rule.when, record);
          if (holds !== true && holds !== false && holds !== undefined)
            return { kind: 'rejected', message: `${rule.when.where}: gives neither true nor false` };
          if (holds !== true) continue;
          const { meaning, users } = await meaningOf(rule, record);
          const id = await textOf(common.id, record);
          const told = { id, time: productTime(await resultOf(common.time, record)), content: record, joins: mapping.joins };
          return eventsOf(mapping.source, users, meaning, told, context);
        }
        return ignored(cut(await textOf(common.kind, record)));
      } catch (error) {
        // Nothing of the record: it may hold what must not be told.
        if (error instanceof MappingProblem) return { kind: 'rejected', message: error.message };
        throw error;
      }
    },
  };
}

class MappingProblem extends Error {}

async function resultOf(compiled: Compiled | undefined, record: unknown): Promise<unknown> {
  if (compiled === undefined) return undefined;
  try {
    return (await compiled.evaluate(record)) ?? undefined;
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    throw new MappingProblem(
      `${compiled.where}: cannot be computed for this record${typeof code === 'string' ? ` (JSONata ${code})` : ''}`,
    );
  }
}

async function textOf(compiled: Compiled | undefined, record: unknown): Promise<string | undefined> {
  const value = await resultOf(compiled, record);
  if (value === undefined || value === '') return undefined;
  if (typeof value === 'object') throw new MappingProblem(`${compiled?.where}: gives no text`);
  return String(value);
}

interface CompiledRule {
  type: RecordMeaning['type'];
  user: Compiled | undefined;
  actor: Compiled | undefined;
  fields: readonly { name: string; value: Compiled }[];
  attributes: readonly { name: string; value: Compiled }[];
}

async function meaningOf(rule: CompiledRule, record: unknown) {
  const fields: Record<string, string | number | boolean | undefined> = {};
  for (const { name, value } of rule.fields) {
    if (!NUMBERS.has(name)) fields[name] = await textOf(value, record);
    else {
      const found = await resultOf(value, record);
      if (typeof found === 'object') throw new MappingProblem(`${value.where}: gives neither a number nor true or false`);
      fields[name] = found as string | number | boolean | undefined;
    }
  }
  const attributes: Record<string, string | undefined> = {};
  for (const { name, value } of rule.attributes) attributes[name] = await textOf(value, record);
  const found = await resultOf(rule.user, record);
  const users = (Array.isArray(found) ? found : [found]).map((each) => (each === undefined || each === '' ? undefined : each));
  if (users.some((each) => typeof each === 'object')) throw new MappingProblem(`${rule.user?.where}: gives no text`);
  const meaning = { type: rule.type, actor: await textOf(rule.actor, record), fields, attributes };
  return { meaning, users: users.length === 0 ? [undefined] : users.map((each) => (each === undefined ? undefined : String(each))) };
}

/** What the tests of a mapping find wrong. */
async function problemsOf(mapping: Mapping, connector: MappedConnector, where: (path: string) => string): Promise<string[]> {
  const context: ConnectorContext = { fingerprint: (text) => Buffer.from(text).toString('hex').slice(-40) };
  const problems: string[] = [];
  for (const [i, test] of mapping.tests.entries()) {
    const say = (problem: string) => problems.push(`${where(`tests.${i}`)}: ${JSON.stringify(test.says)}: ${problem}`);
    const mapped = await connector.map(test.record, context);
    const made = mapped.kind === 'events' ? (mapped.events as Record<string, unknown>[]) : [];
    if (mapped.kind === 'rejected') say(`is refused: ${mapped.message}`);
    else if (made.length !== test.events.length) say(`gives ${made.length} events, and ${test.events.length} are expected`);
    for (const [n, expected] of test.events.entries()) {
      const checked = made[n] && checkEvent(made[n], importBounds(LATEST_MS));
      if (checked && !checked.ok) say(`makes no event: ${checked.message}`);
      for (const [name, value] of Object.entries(expected))
        if (made[n] && !matches(made[n]?.[name], value))
          say(`${name} is ${JSON.stringify(made[n]?.[name] ?? null)}, and ${JSON.stringify(value)} is expected`);
    }
  }
  return problems;
}

/** A map is held to what it names; null means that there is none. */
function matches(found: unknown, expected: unknown): boolean {
  if (expected === null) return found === undefined;
  if (typeof expected !== 'object' || Array.isArray(expected) || typeof found !== 'object' || found === null)
    return isDeepStrictEqual(found, expected);
  return Object.entries(expected as object).every(([name, value]) => matches((found as Record<string, unknown>)[name], value));
}
