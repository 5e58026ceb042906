/** SLO definitions as OpenSLO v1 files (https://github.com/OpenSLO/OpenSLO): the part of the format that Muster reads, checked. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closest } from 'fastest-levenshtein';
import type { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { yamlDocuments } from '../../system/yaml-file.ts';
import type { Judged } from '../arithmetic/episode.ts';
import { type Pair, type PairSpec, pairsFor, type Severity } from '../arithmetic/pairs.ts';
import { CALENDAR_UNITS, type Period, rolling } from '../arithmetic/period.ts';
import { durationSeconds, windowSeconds } from '../arithmetic/windows.ts';
import { SLIS } from '../slis/index.ts';
import { knownId, type Sli } from '../slis/sli.ts';
import { type Narrowing, narrowed, narrowingLabels } from './narrow.ts';
import {
  type Condition,
  type IndicatorSpec,
  OBJECTS,
  type ObjectKind,
  type Policy,
  SHORT_WINDOW,
  type SloObject,
  settlesIt,
  type TimeWindow,
} from './openslo-objects.ts';

/** Alert policies that an SLO may name, and the severities that each brings. */
const ALERT_POLICIES = {
  'burn-rate-page': 'page',
  'burn-rate-ticket': 'ticket',
} as const satisfies Record<string, Severity>;
/** A longer window would keep an alert alive for weeks. */
const MAX_WINDOW_SECONDS = 30 * 86_400;

const SHIPPED = fileURLToPath(new URL('../../../schemas/slos/', import.meta.url));

/** An SLO, ready to be computed. */
export interface Slo {
  name: string;
  title: string;
  description: string;
  service: string;
  sli: Sli;
  /** Ratio, such as 0.98; null for what is only counted. */
  objective: number | null;
  period: Period;
  pairs: Pair[];
}

/** What the pairs of an SLO are judged against. */
export const judgedOf = ({ sli, objective }: Slo): Judged => ({ objective: objective ?? 1, isSliced: sli.slices !== undefined });

/** What a document is called in an error: its file, or what gives file and line of a field. */
type Source = string | ((path: string) => string);

/** An object of OpenSLO, and where it stands. */
interface Found<T> {
  object: T;
  source: Source;
  /** Of the object in its document. */
  path: string;
}

const bad = ({ source, path: at }: Pick<Found<unknown>, 'source' | 'path'>, path: string, problem: string) => {
  const whole = [at, path].filter(Boolean).join('.');
  return new MusterError('MUSTER_BAD_SLO', `${typeof source === 'string' ? source : source(whole)}: ${whole}: ${problem}`);
};

const MAX_PROBLEMS = 5;

function checked<T>(schema: z.ZodType<T>, { object, source, path }: Found<unknown>): Found<T> {
  const parsed = schema.safeParse(object);
  if (parsed.success) return { object: parsed.data, source, path };
  const settled = parsed.error.issues.find(({ message }) => settlesIt(message));
  const [first, ...others] = (settled ? [settled] : parsed.error.issues.slice(0, MAX_PROBLEMS)).map((issue) => ({
    // The line of a field that nobody knows is its own.
    path: [...issue.path, ...(issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])].join('.') || 'document',
    problem: issue.message.replace('Invalid input: ', ''),
  }));
  throw bad(
    { source, path },
    first?.path ?? 'document',
    [first?.problem, ...others.map(({ path: each, problem }) => `${each}: ${problem}`)].join('; '),
  );
}

/** Objects by kind and name, for those that refer to them. */
type Named = { readonly [Kind in ObjectKind]: Map<string, Found<z.infer<(typeof OBJECTS)[Kind]>>> };

/** What a reference leads to. @throws MUSTER_BAD_SLO naming those that there are */
function referred<T>(known: ReadonlyMap<string, T>, name: string, what: string, from: Found<unknown>, path: string): T {
  const found = known.get(name);
  if (found) return found;
  const others = [...known.keys()];
  throw bad(from, path, `no ${what} is called ${name}; there ${others.length === 0 ? 'are none' : `are ${others.join(', ')}`}`);
}

/** The window of a condition that names one: the Workbook's, a twelfth of it (SRE Workbook, "Alerting on SLOs", table 5-8). */
const twelfthOf = (long: string): string => `${Math.max(1, Math.round(windowSeconds(long) / 12 / 60))}m`;

function pairOf(spec: Condition, from: Found<unknown>, path: string): PairSpec {
  const { severity, condition } = spec.spec;
  const long = condition.lookbackWindow;
  const isWindow = (text: string) => {
    const seconds = durationSeconds(text);
    return seconds !== undefined && seconds <= MAX_WINDOW_SECONDS;
  };
  const assertWindow = (what: string, text: string) => {
    if (!isWindow(text)) throw bad(from, path, `${what}: expected minutes, hours or days up to 30d, such as 5m, 6h or 3d`);
  };
  assertWindow('lookbackWindow', long);
  const short = spec.metadata.annotations?.[SHORT_WINDOW] ?? twelfthOf(long);
  assertWindow(SHORT_WINDOW, short);
  if (windowSeconds(short) >= windowSeconds(long))
    throw bad(from, path, `the short window (${short}) must be shorter than the long one (${long})`);
  return { severity, long, short, factor: condition.threshold };
}

/** The pairs of an alert policy. @throws MUSTER_BAD_SLO with file, field and what was expected */
function pairsOf(policy: Found<Policy>, named: Named): PairSpec[] {
  return policy.object.spec.conditions.map((each, i) => {
    const path = `spec.conditions.${i}`;
    if (!('conditionRef' in each)) return pairOf(each, policy, path);
    const found = referred(named.AlertCondition, each.conditionRef, 'alert condition', policy, path);
    return pairOf(found.object, found, 'spec.condition');
  });
}

/** Severities of the Workbook's pairs that an SLO takes, and pairs of its own. */
function alertsOf(slo: Found<SloObject>, named: Named): { severities: Severity[]; own: PairSpec[] } {
  const severities: Severity[] = [];
  const own: PairSpec[] = [];
  for (const [i, policy] of (slo.object.spec.alertPolicies ?? []).entries()) {
    const path = `spec.alertPolicies.${i}`;
    if (typeof policy === 'object' && 'kind' in policy) {
      own.push(...pairsOf({ object: policy, source: slo.source, path: [slo.path, path].filter(Boolean).join('.') }, named));
      continue;
    }
    const name = typeof policy === 'string' ? policy : policy.alertPolicyRef;
    const shipped = Object.entries(ALERT_POLICIES).find(([known]) => known === name)?.[1];
    const found = named.AlertPolicy.get(name);
    if (found) own.push(...pairsOf(found, named));
    else if (shipped) severities.push(shipped);
    else {
      const there = [...Object.keys(ALERT_POLICIES), ...named.AlertPolicy.keys()].join(', ');
      throw bad(slo, path, `no policy is called ${name}; there are ${there}`);
    }
  }
  return { severities, own };
}

/** The SLI that an SLO counts, and where it says so. */
function sliOf(slo: Found<SloObject>, named: Named): Sli {
  const { indicator, indicatorRef } = slo.object.spec;
  if ((indicator === undefined) === (indicatorRef === undefined)) throw bad(slo, 'spec', 'expected either indicator or indicatorRef');
  const shared = indicatorRef === undefined ? undefined : referred(named.SLI, indicatorRef, 'SLI', slo, 'spec.indicatorRef');
  const [from, path, spec] = shared
    ? [shared, 'spec.ratioMetric', shared.object.spec]
    : [slo, 'spec.indicator.spec.ratioMetric', indicator?.spec as IndicatorSpec];
  const { good, bad: failed, total } = spec.ratioMetric;
  const sources = [good, failed, total].flatMap((metric) => (metric ? [metric.metricSource] : []));
  for (const { metricSourceRef: ref } of sources) if (ref !== undefined) referred(named.DataSource, ref, 'data source', from, path);
  const ids = new Set(sources.map((source) => source.spec.sli));
  const sli = SLIS.find(({ id }) => ids.has(id));
  const first = failed ? 'bad' : 'good';
  if (!sli || ids.size > 1) throw bad(from, path, `${first} and total name different SLIs`);
  const [wanted, ...others] = sources.map(({ spec: { where = [], threshold } }) => ({ where, thresholdMs: threshold }));
  if (!wanted || others.some((other) => narrowed(sli, other).id !== narrowed(sli, wanted).id))
    throw bad(from, path, `${first} and total have different where or threshold: write the same in both`);
  return narrowedSli(sli, wanted, { ...from, path: [from.path, path, first, 'metricSource.spec'].filter(Boolean).join('.') });
}

/** @throws MUSTER_BAD_SLO for labels that the SLI does not have, or a threshold where it has none */
function narrowedSli(sli: Sli, wanted: Narrowing, at: Found<unknown>): Sli {
  const labels = narrowingLabels(sli);
  for (const { label } of wanted.where) {
    if (labels.includes(label)) continue;
    const near = closest(label, labels);
    throw bad(at, `where.${label}`, `${sli.id} has no such label; did you mean ${near}? There are ${labels.join(', ')}`);
  }
  if (wanted.thresholdMs !== undefined && !sli.threshold) {
    const having = SLIS.filter(({ threshold }) => threshold !== undefined).map(({ id }) => id);
    throw bad(at, 'threshold', `${sli.id} has no threshold; ${having.join(' and ')} have one`);
  }
  const thresholdMs = wanted.thresholdMs === sli.threshold?.ms ? undefined : wanted.thresholdMs;
  return wanted.where.length === 0 && thresholdMs === undefined ? sli : narrowed(sli, { where: wanted.where, thresholdMs });
}

function sloFrom(slo: Found<SloObject>, named: Named): Slo {
  const { metadata, spec } = slo.object;
  const sli = sliOf(slo, named);
  const objective = objectiveOf(slo, sli);
  const period = periodOf(spec.timeWindow[0] as TimeWindow);
  const { severities, own } = alertsOf(slo, named);
  if (objective === null && severities.length + own.length > 0)
    throw bad(slo, 'spec.alertPolicies', 'without an objective nothing can fire');
  const pairs = objective === null ? [] : pairsFor(objective, period.seconds, severities, own);
  const tooLong = pairs.find(({ long }) => windowSeconds(long) > period.seconds);
  if (tooLong) throw bad(slo, 'spec.timeWindow', `${period.text} is shorter than the window ${tooLong.long} of pair ${tooLong.name}`);
  return {
    name: metadata.name,
    title: metadata.displayName ?? metadata.name,
    description: spec.description ?? '',
    service: spec.service,
    sli,
    objective,
    period,
    pairs,
  };
}

function objectiveOf(slo: Found<SloObject>, sli: Sli): number | null {
  const { objectives, budgetingMethod } = slo.object.spec;
  const { target, targetPercent, timeSliceTarget, timeSliceWindow } = objectives[0] ?? {};
  const goal = target ?? (targetPercent === undefined ? undefined : Number((targetPercent / 100).toPrecision(12)));
  if (sli.kind === 'count') {
    if (goal !== undefined)
      throw bad(slo, 'spec.objectives', `${knownId(sli)} is a count, which has no ratio to meet; leave objectives empty`);
    return null;
  }
  const method = sli.slices ? 'Timeslices' : 'Occurrences';
  if (budgetingMethod !== method) throw bad(slo, 'spec.budgetingMethod', `expected ${method} for ${knownId(sli)}`);
  if (goal === undefined) throw bad(slo, 'spec.objectives', 'expected one with a target, such as 0.98');
  const window = sli.slices && `${sli.slices.minutes === 60 ? '1h' : `${sli.slices.minutes}m`}`;
  for (const [name, given, own] of [
    ['timeSliceWindow', timeSliceWindow, window],
    ['timeSliceTarget', timeSliceTarget, sli.sliceTarget],
  ] as const)
    if (given !== undefined && given !== own)
      throw bad(
        slo,
        `spec.objectives.0.${name}`,
        own === undefined ? `${knownId(sli)} has no slices; leave it out` : `the slices of ${knownId(sli)} have ${own}`,
      );
  return goal;
}

function periodOf(window: TimeWindow): Period {
  if (window.isRolling) return rolling(window.duration);
  const { unit, seconds } = CALENDAR_UNITS[window.duration.at(-1) as keyof typeof CALENDAR_UNITS];
  const count = Number.parseInt(window.duration, 10);
  const { startTime, timeZone } = window.calendar;
  return {
    kind: 'calendar',
    text: window.duration,
    count,
    unit,
    anchor: startTime.replace(' ', 'T'),
    zone: timeZone,
    seconds: count * seconds,
  };
}

/** A file of SLOs that was read. */
export interface SloFile {
  /** As errors call it. */
  name: string;
  text: string;
}

/** Reads files and folders (their `*.yaml` and `*.yml`). @throws MUSTER_NO_SUCH_FILE */
export async function readSloFiles(paths: readonly string[]): Promise<SloFile[]> {
  const names = (await Promise.all(paths.map(yamlFiles))).flat();
  return Promise.all(names.map(async (name) => ({ name, text: await readFile(name, 'utf8') })));
}

/** The SLOs of files that were read. @throws MUSTER_BAD_SLO with file, line, field and what was expected */
export function slosIn(files: readonly SloFile[]): Slo[] {
  const slos = slosOf(files.flatMap(({ text, name }) => documentsOf(text, name)));
  if (slos.length === 0)
    throw new MusterError('MUSTER_BAD_SLO', `no object of kind SLO found in ${files.map(({ name }) => name).join(', ')}`);
  return slos;
}

/**
 * The SLOs of files and folders (their `*.yaml` and `*.yml`), by default those that ship.
 * @throws MUSTER_BAD_SLO, MUSTER_NO_SUCH_FILE
 */
export async function loadSlos(paths: readonly string[] = []): Promise<Slo[]> {
  const files = await readSloFiles(paths.length === 0 ? [SHIPPED] : paths);
  // An empty folder has no file to name.
  if (files.length === 0) throw new MusterError('MUSTER_BAD_SLO', `no object of kind SLO found in ${paths.join(', ')}`);
  return slosIn(files);
}

/**
 * The SLOs of YAML documents, each an object of OpenSLO or a list of them, which may refer to one another.
 * @throws MUSTER_BAD_SLO with file, field and what was expected
 */
export function slosOf(documents: readonly { document: unknown; source: Source }[]): Slo[] {
  const named: Named = {
    SLO: new Map(),
    SLI: new Map(),
    AlertPolicy: new Map(),
    AlertCondition: new Map(),
    Service: new Map(),
    DataSource: new Map(),
    AlertNotificationTarget: new Map(),
  };
  for (const { document, source } of documents) {
    const listed = Array.isArray(document) ? document.map((object: unknown, i) => [object, String(i)] as const) : [[document, ''] as const];
    for (const [object, path] of listed) {
      const found = { object, source, path };
      const kind = kindOf(found);
      const valid = checked<{ metadata: { name: string } }>(OBJECTS[kind] as never, found);
      const { name } = valid.object.metadata;
      // Services are only named: twice is no harm.
      if ((kind !== 'Service' && named[kind].has(name)) || (kind === 'AlertPolicy' && Object.hasOwn(ALERT_POLICIES, name)))
        throw bad(found, 'metadata.name', `two ${PLURALS[kind]} are called ${name}; give each a name of its own`);
      (named[kind] as Map<string, unknown>).set(name, valid);
    }
  }
  const slos = [...named.SLO.values()].map((slo) => sloFrom(slo, named));
  return slos.sort((a, b) => placeOf(a.sli) - placeOf(b.sli) || (a.name < b.name ? -1 : 1));
}

const PLURALS: Readonly<Record<ObjectKind, string>> = {
  SLO: 'SLOs',
  SLI: 'SLIs',
  AlertPolicy: 'alert policies',
  AlertCondition: 'alert conditions',
  Service: 'services',
  DataSource: 'data sources',
  AlertNotificationTarget: 'notification targets',
};

const placeOf = (sli: Sli): number => SLIS.findIndex(({ id }) => id === knownId(sli));

/** @throws MUSTER_BAD_SLO for what is no object of OpenSLO */
function kindOf(found: Found<unknown>): ObjectKind {
  const kinds = Object.keys(OBJECTS) as ObjectKind[];
  const { object } = found;
  if (typeof object !== 'object' || object === null || !('kind' in object)) throw bad(found, 'kind', `expected one of ${kinds.join(', ')}`);
  const kind = kinds.find((each) => each === object.kind);
  if (!kind) throw bad(found, 'kind', `${JSON.stringify(object.kind).slice(0, 64)} is no kind of OpenSLO; there are ${kinds.join(', ')}`);
  return kind;
}

/** What the store counts for these SLOs: all SLIs, and those that SLOs narrow. */
export const storedSlis = (slos: readonly Slo[]): Sli[] => [
  ...new Map([...SLIS, ...slos.map(({ sli }) => sli)].map((sli) => [sli.id, sli])).values(),
];

/** The SLO of a name. @throws MUSTER_NOT_FOUND naming those that there are */
export function sloNamed(slos: readonly Slo[], name: string): Slo {
  const slo = slos.find((each) => each.name === name);
  if (slo) return slo;
  throw new MusterError(
    'MUSTER_NOT_FOUND',
    `no SLO is called ${JSON.stringify(name.slice(0, 64))}; there are ${slos.map((each) => each.name).join(', ')}`,
  );
}

const documentsOf = (text: string, file: string): { document: unknown; source: Source }[] =>
  yamlDocuments(text, file, (where, problem) => new MusterError('MUSTER_BAD_SLO', `${where}: ${problem}`)).map(({ value, where }) => ({
    document: value,
    source: where,
  }));

async function yamlFiles(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path)).filter((name) => /\.ya?ml$/.test(name)).sort();
    return names.map((name) => join(path, name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new MusterError('MUSTER_NO_SUCH_FILE', `${path} does not exist`);
    throw error;
  }
}
