/** SLO definitions as OpenSLO v1 files (https://github.com/OpenSLO/OpenSLO): the part of the format that Muster reads, checked. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { yamlDocuments } from '../../system/yaml-file.ts';
import type { Judged } from '../arithmetic/alert-state.ts';
import { type Pair, type PairSpec, pairsFor, type Severity } from '../arithmetic/pairs.ts';
import { CALENDAR_UNITS, type Period, rolling } from '../arithmetic/period.ts';
import { durationSeconds, windowSeconds } from '../arithmetic/windows.ts';
import { SLIS } from '../slis/index.ts';
import type { Sli } from '../slis/sli.ts';

/** Alert policies that an SLO may name, and the severities that each brings. */
const ALERT_POLICIES = {
  'burn-rate-page': 'page',
  'burn-rate-ticket': 'ticket',
} as const satisfies Record<string, Severity>;
/** Where an alert condition of one's own names its second window, which OpenSLO has no word for. */
const SHORT_WINDOW = 'muster/short-window';
/** A longer window would keep an alert alive for weeks. */
const MAX_WINDOW_SECONDS = 30 * 86_400;

const SHIPPED = fileURLToPath(new URL('../../../schemas/slos/', import.meta.url));

/** Text that ends up in alert annotations, where `{{` would open a template. */
const prose = (limit: number) =>
  z
    .string()
    .max(limit)
    .refine((text) => !text.includes('{{'), 'must not contain {{');

const metricSource = (outcome: 'good' | 'total') =>
  z.object({
    metricSource: z.object({
      type: z.literal('Muster', { error: 'expected Muster: the indicator must name one of the SLIs that Muster computes' }),
      spec: z.object({ sli: z.enum(SLIS.map(({ id }) => id) as [string, ...string[]]), outcome: z.literal(outcome) }),
    }),
  });

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens, at most 63');

const ratio = (what: string) => z.number().gt(0, `expected ${what} above 0`).lt(1, `expected ${what} below 1, such as 0.98`);

const timeWindow = z.discriminatedUnion('isRolling', [
  z.object({
    isRolling: z.literal(true),
    duration: z.string().regex(/^[1-9]\d{0,2}[dw]$/, 'expected days or weeks, such as 30d or 4w'),
  }),
  z.object({
    isRolling: z.literal(false),
    duration: z.string().regex(/^[1-9]\d?[dwMQY]$/, 'expected days, weeks, months, quarters or years, such as 1M'),
    calendar: z.object({
      startTime: z
        .string()
        .regex(/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}$/, 'expected a local time, such as 2026-01-01 00:00:00')
        .refine((text) => !Number.isNaN(Date.parse(`${text.replace(' ', 'T')}Z`)), 'no such day or time'),
      timeZone: z.string().refine(isTimeZone, 'expected the IANA name of a time zone, such as Europe/Berlin'),
    }),
  }),
]);

const sloSchema = z.object({
  apiVersion: z.literal('openslo/v1'),
  kind: z.literal('SLO'),
  metadata: z.object({ name, displayName: prose(120).optional() }),
  spec: z.object({
    description: prose(1050).optional(),
    service: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'expected letters, digits, dots and hyphens'),
    indicator: z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        ratioMetric: z.object({ counter: z.boolean().optional(), good: metricSource('good'), total: metricSource('total') }),
      }),
    }),
    timeWindow: z.array(timeWindow).length(1),
    budgetingMethod: z.enum(['Occurrences', 'Timeslices']),
    objectives: z
      .array(
        z.object({
          displayName: z.string().optional(),
          target: ratio('a ratio').optional(),
          timeSliceTarget: z.number().optional(),
          timeSliceWindow: z.string().optional(),
        }),
      )
      .max(1, 'expected one objective'),
    alertPolicies: z.array(name).default([]),
  }),
});

const policySchema = z.object({
  apiVersion: z.literal('openslo/v1'),
  kind: z.literal('AlertPolicy'),
  metadata: z.object({ name }),
  spec: z.object({
    conditions: z
      .array(
        z.object({
          kind: z.literal('AlertCondition'),
          metadata: z.object({
            name,
            annotations: z.object({ [SHORT_WINDOW]: z.string() }, { error: `expected the short window, as annotation ${SHORT_WINDOW}` }),
          }),
          spec: z.object({
            severity: z.enum(['page', 'ticket']),
            condition: z.object({
              kind: z.literal('burnrate'),
              op: z.literal('gt', { error: 'expected gt: an alert fires above its burn rate' }),
              threshold: z.number().gt(0, 'expected a burn rate above 0').lt(1e6),
              lookbackWindow: z.string(),
            }),
          }),
        }),
      )
      .min(1)
      .max(8),
  }),
});

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

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

/** Pairs that files define as alert policies of their own, by the policy's name. */
type Policies = ReadonlyMap<string, readonly PairSpec[]>;

/** What a document is called in an error: its file, or what gives file and line of a field. */
type Source = string | ((path: string) => string);

const bad = (source: Source, path: string, problem: string) =>
  new MusterError('MUSTER_BAD_SLO', `${typeof source === 'string' ? source : source(path)}: ${path}: ${problem}`);

function checked<T>(schema: z.ZodType<T>, document: unknown, source: Source): T {
  const parsed = schema.safeParse(document);
  if (parsed.success) return parsed.data;
  const [first, ...others] = parsed.error.issues.slice(0, 5).map(({ path, message }) => ({
    path: path.join('.') || 'document',
    problem: message.replace('Invalid input: ', ''),
  }));
  throw bad(source, first?.path ?? 'document', [first?.problem, ...others.map(({ path, problem }) => `${path}: ${problem}`)].join('; '));
}

/**
 * The pairs of an alert policy.
 * @throws MUSTER_BAD_SLO with file, field and what was expected
 */
export function parsePolicy(document: unknown, file: Source): { name: string; pairs: PairSpec[] } {
  const { metadata, spec } = checked(policySchema, document, file);
  const pairs = spec.conditions.map(({ metadata: { annotations }, spec: { severity, condition } }, i): PairSpec => {
    const long = condition.lookbackWindow;
    const short = annotations[SHORT_WINDOW];
    for (const [what, text] of [
      ['lookbackWindow', long],
      [SHORT_WINDOW, short],
    ] as const) {
      const seconds = durationSeconds(text);
      if (seconds === undefined || seconds > MAX_WINDOW_SECONDS)
        throw bad(file, `spec.conditions.${i}`, `${what}: expected minutes, hours or days up to 30d, such as 5m, 6h or 3d`);
    }
    if (windowSeconds(short) >= windowSeconds(long))
      throw bad(file, `spec.conditions.${i}`, `the short window (${short}) must be shorter than the long one (${long})`);
    return { severity, long, short, factor: condition.threshold };
  });
  return { name: metadata.name, pairs };
}

/**
 * The SLO of one YAML document.
 * @param file named in the error, or what gives file and line of a field
 * @throws MUSTER_BAD_SLO with file, field and what was expected
 */
export function parseSlo(document: unknown, file: Source, policies: Policies = new Map()): Slo {
  const { metadata, spec } = checked(sloSchema, document, file);
  const { good, total } = spec.indicator.spec.ratioMetric;
  const sli = SLIS.find(({ id }) => id === total.metricSource.spec.sli);
  if (!sli || good.metricSource.spec.sli !== sli.id)
    throw bad(file, 'spec.indicator.spec.ratioMetric', 'good and total name different SLIs');
  const objective = objectiveOf(spec, sli, file);
  const period = periodOf(spec.timeWindow[0] as z.infer<typeof timeWindow>);
  const severities: Severity[] = [];
  const own: PairSpec[] = [];
  for (const policy of spec.alertPolicies) {
    const ours = policies.get(policy);
    if (ours) own.push(...ours);
    else if (policy in ALERT_POLICIES) severities.push(ALERT_POLICIES[policy as keyof typeof ALERT_POLICIES]);
    else
      throw bad(
        file,
        'spec.alertPolicies',
        `no policy is called ${policy}; there are ${[...Object.keys(ALERT_POLICIES), ...policies.keys()].join(', ')}`,
      );
  }
  if (objective === null && spec.alertPolicies.length > 0) throw bad(file, 'spec.alertPolicies', 'without an objective nothing can fire');
  const pairs = objective === null ? [] : pairsFor(objective, period.seconds, severities, own);
  const tooLong = pairs.find(({ long }) => windowSeconds(long) > period.seconds);
  if (tooLong) throw bad(file, 'spec.timeWindow', `${period.text} is shorter than the window ${tooLong.long} of pair ${tooLong.name}`);
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

function objectiveOf(spec: z.infer<typeof sloSchema>['spec'], sli: Sli, file: Source): number | null {
  const target = spec.objectives[0]?.target;
  if (sli.kind === 'count') {
    if (target !== undefined)
      throw bad(file, 'spec.objectives', `${sli.id} is a count, which has no ratio to meet; leave objectives empty`);
    return null;
  }
  const method = sli.slices ? 'Timeslices' : 'Occurrences';
  if (spec.budgetingMethod !== method) throw bad(file, 'spec.budgetingMethod', `expected ${method} for ${sli.id}`);
  if (target === undefined) throw bad(file, 'spec.objectives', 'expected one with a target, such as 0.98');
  return target;
}

function periodOf(window: z.infer<typeof timeWindow>): Period {
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

/**
 * The SLOs of files and folders (their `*.yaml` and `*.yml`), by default those that ship.
 * @throws MUSTER_BAD_SLO, MUSTER_NO_SUCH_FILE
 */
export async function loadSlos(paths: readonly string[] = []): Promise<Slo[]> {
  const files = paths.length === 0 ? await yamlFiles(SHIPPED) : (await Promise.all(paths.map(yamlFiles))).flat();
  const documents: { document: unknown; file: Source }[] = [];
  for (const file of files) documents.push(...documentsOf(await readFile(file, 'utf8'), file));
  const policies = new Map<string, PairSpec[]>();
  for (const { document, file } of documents.filter(isPolicy)) {
    const { name: policy, pairs } = parsePolicy(document, file);
    if (policies.has(policy) || policy in ALERT_POLICIES)
      throw bad(file, 'metadata.name', `two alert policies are called ${policy}; give each a name of its own`);
    policies.set(policy, pairs);
  }
  const slos: Slo[] = [];
  for (const { document, file } of documents.filter((each) => !isPolicy(each))) {
    const slo = parseSlo(document, file, policies);
    if (slos.some(({ name }) => name === slo.name))
      throw bad(file, 'metadata.name', `two SLOs are called ${slo.name}; give each a name of its own`);
    slos.push(slo);
  }
  if (slos.length === 0) throw new MusterError('MUSTER_BAD_SLO', `no SLO found in ${paths.join(', ')}`);
  return slos.sort((a, b) => SLIS.indexOf(a.sli) - SLIS.indexOf(b.sli) || (a.name < b.name ? -1 : 1));
}

/** The SLO of a name. @throws MUSTER_NOT_FOUND naming those that there are */
export function sloNamed(slos: readonly Slo[], name: string): Slo {
  const slo = slos.find((each) => each.name === name);
  if (slo) return slo;
  throw new MusterError(
    'MUSTER_NOT_FOUND',
    `no SLO is called ${JSON.stringify(name.slice(0, 64))}; there are ${slos.map((each) => each.name).join(', ')}`,
  );
}

const isPolicy = ({ document }: { document: unknown }): boolean =>
  typeof document === 'object' && document !== null && 'kind' in document && document.kind === 'AlertPolicy';

const documentsOf = (text: string, file: string): { document: unknown; file: Source }[] =>
  yamlDocuments(text, file, (where, problem) => new MusterError('MUSTER_BAD_SLO', `${where}: ${problem}`)).map(({ value, where }) => ({
    document: value,
    file: where,
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
