/** SLO definitions as OpenSLO v1 files (https://github.com/OpenSLO/OpenSLO): the part of the format that Muster reads, checked. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { MusterError, systemCode } from '../errors.ts';
import { type Pair, pairsFor, type Severity } from './pairs.ts';
import { SLIS } from './slis/index.ts';
import type { Sli } from './slis/sli.ts';

/** Alert policies that an SLO may name, and the severities that each brings. */
export const ALERT_POLICIES = {
  'burn-rate-page': 'page',
  'burn-rate-ticket': 'ticket',
} as const satisfies Record<string, Severity>;
type AlertPolicy = keyof typeof ALERT_POLICIES;

const DAY_SECONDS = 86_400;
const UNIT_SECONDS = { d: DAY_SECONDS, w: 7 * DAY_SECONDS } as const;
const SHIPPED = fileURLToPath(new URL('../../schemas/slos/', import.meta.url));

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

const sloSchema = z.object({
  apiVersion: z.literal('openslo/v1'),
  kind: z.literal('SLO'),
  metadata: z.object({
    name: z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens, at most 63'),
    displayName: prose(120).optional(),
  }),
  spec: z.object({
    description: prose(1050).optional(),
    service: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'expected letters, digits, dots and hyphens'),
    indicator: z.object({
      metadata: z.object({ name: z.string() }),
      spec: z.object({
        ratioMetric: z.object({ counter: z.boolean().optional(), good: metricSource('good'), total: metricSource('total') }),
      }),
    }),
    timeWindow: z
      .array(
        z.object({
          duration: z.string().regex(/^[1-9]\d{0,2}[dw]$/, 'expected days or weeks, such as 30d or 4w'),
          isRolling: z.literal(true),
        }),
      )
      .length(1),
    budgetingMethod: z.literal('Occurrences'),
    objectives: z
      .array(
        z.object({
          displayName: z.string().optional(),
          target: z.number().gt(0, 'expected a ratio above 0').lt(1, 'expected a ratio below 1, such as 0.98'),
        }),
      )
      .length(1),
    alertPolicies: z.array(z.enum(Object.keys(ALERT_POLICIES) as [AlertPolicy, ...AlertPolicy[]])).default([]),
  }),
});

/** An SLO, ready to be computed. */
export interface Slo {
  name: string;
  title: string;
  description: string;
  service: string;
  sli: Sli;
  /** Ratio, such as 0.98. */
  objective: number;
  /** As written, such as `30d`. */
  window: string;
  windowSeconds: number;
  pairs: Pair[];
}

/**
 * The SLO of one YAML document.
 * @param file named in the error
 * @throws MUSTER_BAD_SLO with file, field and what was expected
 */
export function parseSlo(document: unknown, file: string): Slo {
  const parsed = sloSchema.safeParse(document);
  if (!parsed.success) {
    const problems = parsed.error.issues
      .slice(0, 5)
      .map((issue) => `${issue.path.join('.') || 'document'}: ${issue.message.replace('Invalid input: ', '')}`);
    throw new MusterError('MUSTER_BAD_SLO', `${file}: ${problems.join('; ')}`);
  }
  const { metadata, spec } = parsed.data;
  const { good, total } = spec.indicator.spec.ratioMetric;
  const sli = SLIS.find(({ id }) => id === total.metricSource.spec.sli);
  if (!sli || good.metricSource.spec.sli !== sli.id) {
    throw new MusterError('MUSTER_BAD_SLO', `${file}: spec.indicator.spec.ratioMetric: good and total name different SLIs`);
  }
  const [timeWindow] = spec.timeWindow;
  const [objective] = spec.objectives;
  if (!timeWindow || !objective) throw new MusterError('MUSTER_BAD_SLO', `${file}: needs one timeWindow and one objective`);
  const windowSeconds = Number.parseInt(timeWindow.duration, 10) * UNIT_SECONDS[timeWindow.duration.at(-1) as 'd' | 'w'];
  const severities = spec.alertPolicies.map((policy) => ALERT_POLICIES[policy]);
  return {
    name: metadata.name,
    title: metadata.displayName ?? metadata.name,
    description: spec.description ?? '',
    service: spec.service,
    sli,
    objective: objective.target,
    window: timeWindow.duration,
    windowSeconds,
    pairs: pairsFor(objective.target, windowSeconds, severities),
  };
}

/**
 * The SLOs of files and folders (their `*.yaml` and `*.yml`), by default those that ship.
 * @throws MUSTER_BAD_SLO, MUSTER_NO_SUCH_FILE
 */
export async function loadSlos(paths: readonly string[] = []): Promise<Slo[]> {
  const files = paths.length === 0 ? await yamlFiles(SHIPPED) : (await Promise.all(paths.map(yamlFiles))).flat();
  const slos: Slo[] = [];
  for (const file of files) slos.push(...parseFile(await readFile(file, 'utf8'), file));
  const names = slos.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new MusterError('MUSTER_BAD_SLO', `two SLOs are called ${twice}; give each a name of its own`);
  if (slos.length === 0) throw new MusterError('MUSTER_BAD_SLO', `no SLO found in ${paths.join(', ')}`);
  return slos.sort((a, b) => SLIS.indexOf(a.sli) - SLIS.indexOf(b.sli) || (a.name < b.name ? -1 : 1));
}

function parseFile(text: string, file: string): Slo[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error) throw new MusterError('MUSTER_BAD_SLO', `${file}: ${error.message.split('\n')[0]}`);
    return parseSlo(document.toJS({ maxAliasCount: 100 }), file);
  });
}

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
