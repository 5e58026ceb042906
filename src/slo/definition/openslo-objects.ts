/**
 * Objects of OpenSLO v1 (https://github.com/OpenSLO/OpenSLO, "Specification") as Muster reads them: what it does not do is refused, with what to write
 * instead, and nothing is passed over.
 */
import { DateTime } from 'luxon';
import { z } from 'zod';
import type { Severity } from '../arithmetic/pairs.ts';
import { SLIS } from '../slis/index.ts';
import type { LabelCondition } from './narrow.ts';
import { notDone, oneOf, strict } from './strict-object.ts';

/** Where an alert condition names its second window, which OpenSLO has no word for. */
export const SHORT_WINDOW = 'muster/short-window';
const FIRST_SLI = SLIS[0]?.id ?? 'M1';

/** Text that ends up in alert annotations, where `{{` would open a template, and in Grafana's files, which put variables and files for `$`. */
const prose = (limit: number) =>
  z
    .string()
    .max(limit)
    .refine((text) => !/\{\{|\$[\w{]/.test(text), 'must not contain {{, nor $ before a letter or a bracket');
export const objectName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens, at most 63');
const NOT_READ = ' is not read';
/** Whether a problem settles it: what is written for something else need not be gone through field by field. */
export const settlesIt = (problem: string): boolean => problem.includes(NOT_READ);
const apiVersion = z.literal('openslo/v1', {
  error: ({ input }) => `expected openslo/v1; ${JSON.stringify(input)?.slice(0, 60) ?? 'what has no version'}${NOT_READ}`,
});
const labels = z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional();
const annotations = z.record(z.string(), z.string()).optional();
const metadata = strict('metadata', { name: objectName, displayName: prose(120).optional(), labels, annotations });
/** Of an indicator: its name is nobody's but the file's. */
const anyMetadata = strict('metadata', { name: z.string().max(128), displayName: prose(120).optional(), labels, annotations });
const description = prose(1050).optional();

const MAX_LABELS = 8;
const MAX_VALUES = 50;
const NOT_PRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
/** A value of a label; one that is empty stands for those that have none. */
const labelValue = z
  .union([prose(64), z.boolean(), z.number()], { error: 'expected a value, such as eu-west, a list of values, or { not: … }' })
  .transform(String)
  .refine((text) => !NOT_PRINTABLE.test(text), 'must not contain control characters');
const labelValues = z.preprocess(
  (value) => (Array.isArray(value) ? value : [value]),
  z.array(labelValue).min(1, 'expected at least one value').max(MAX_VALUES, `at most ${MAX_VALUES} values`),
);
/** `region: eu-west`, `region: [eu-west, us-east]`, `region: { not: eu-west }`; `equals` and `in` say the same in more words. */
const labelCondition = oneOf<Omit<LabelCondition, 'label'>>((value) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? strict('where', { equals: labelValues.optional(), in: labelValues.optional(), not: labelValues.optional() })
        .refine((given) => Object.keys(given).length === 1, 'expected one of equals, in and not')
        .transform(({ equals, in: those, not }) =>
          not ? { is: 'not' as const, values: not } : { is: 'in' as const, values: equals ?? those ?? [] },
        )
    : labelValues.transform((values) => ({ is: 'in' as const, values })),
);
const where = z
  .record(z.string().max(64), labelCondition, { error: 'expected labels with their values, such as { region: eu-west }' })
  .refine((labels) => Object.keys(labels).length > 0, 'expected at least one label, such as region: eu-west; leave it out to count all')
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `at most ${MAX_LABELS} labels`)
  .transform((labels) => Object.entries(labels).map(([label, condition]): LabelCondition => ({ label, ...condition })));

const MAX_LIMIT_MS = 3_600_000;
const limit = z
  .string({ error: 'expected a duration with its unit, such as 30s or 750ms' })
  .regex(/^[1-9]\d{0,6}(ms|s|m)$/, 'expected a duration with its unit, such as 30s or 750ms')
  .transform((text) => Number.parseInt(text, 10) * { ms: 1, s: 1_000, m: 60_000 }[text.replace(/^\d+/, '') as 'ms'])
  .refine((ms) => ms <= MAX_LIMIT_MS, 'at most an hour');

const OWN_SLIS = `Muster computes its own SLIs: type: Muster, spec: { sli: ${FIRST_SLI}, outcome: good }`;
const ownSource = (outcome: 'good' | 'bad' | 'total') =>
  strict('metricSource', {
    type: z.literal('Muster').optional(),
    metricSourceRef: z.string().optional(),
    spec: strict('metricSource.spec', {
      sli: z.enum(SLIS.map(({ id }) => id) as [string, ...string[]]),
      outcome: z.literal(outcome),
      where: where.optional(),
      threshold: limit.optional(),
    }),
  });
/** Of another type nothing else is worth a word. */
const foreignSource = z.looseObject({
  type: z.never({ error: (issue) => `data of ${JSON.stringify(issue.input).slice(0, 60)}${NOT_READ}: ${OWN_SLIS}` }),
});
const metric = (outcome: 'good' | 'bad' | 'total') =>
  strict('ratioMetric', {
    metricSource: oneOf<z.infer<ReturnType<typeof ownSource>>>((value) => {
      const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : 'Muster';
      return type === 'Muster' ? ownSource(outcome) : (foreignSource as never);
    }),
  });

const indicatorSpec = strict('indicator.spec', {
  description,
  ratioMetric: strict('ratioMetric', {
    counter: z.boolean().optional(),
    good: metric('good').optional(),
    bad: metric('bad').optional(),
    total: metric('total'),
    raw: notDone(`a ratio that is computed elsewhere is not read; write good and total: ${OWN_SLIS}`),
    rawType: notDone('leave it out: there is no raw ratio'),
  }).refine(({ good, bad }) => (good === undefined) !== (bad === undefined), 'expected either good or bad, and total'),
  thresholdMetric: notDone(`a threshold of other data is not read; write ratioMetric with good and total: ${OWN_SLIS}`),
});
export type IndicatorSpec = z.infer<typeof indicatorSpec>;

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

const calendar = strict('calendar', {
  startTime: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}$/, 'expected a local time, such as 2026-01-01 00:00:00')
    .refine((text) => DateTime.fromISO(text.replace(' ', 'T'), { zone: 'utc' }).isValid, 'no such day or time'),
  timeZone: z.string().refine(isTimeZone, 'expected the IANA name of a time zone, such as Europe/Berlin'),
}).refine(({ startTime, timeZone }) => {
  const local = startTime.replace(' ', 'T');
  if (!isTimeZone(timeZone) || !DateTime.fromISO(local, { zone: 'utc' }).isValid) return true;
  return DateTime.fromISO(local, { zone: timeZone }).toFormat("yyyy-MM-dd'T'HH:mm:ss") === local;
}, 'startTime: there is no such moment: the clocks of the time zone go past it; name another day or time');

const timeWindow = z.discriminatedUnion('isRolling', [
  strict('timeWindow', {
    isRolling: z.literal(true),
    duration: z.string().regex(/^[1-9]\d{0,2}[dw]$/, 'expected days or weeks, such as 30d or 4w'),
    calendar: notDone('a rolling window has no calendar; write isRolling: false'),
  }),
  strict('timeWindow', {
    isRolling: z.literal(false),
    duration: z.string().regex(/^[1-9]\d?[dwMQY]$/, 'expected days, weeks, months, quarters or years, such as 1M'),
    calendar,
  }),
]);
export type TimeWindow = z.infer<typeof timeWindow>;

const ONE_EACH = 'SLOs made of others are not computed; write one SLO for each';
const objective = strict('objectives', {
  displayName: z.string().max(120).optional(),
  target: z.number().gt(0, 'expected a ratio above 0').lt(1, 'expected a ratio below 1, such as 0.98').optional(),
  targetPercent: z.number().gt(0, 'expected a percentage above 0').lt(100, 'expected a percentage below 100, such as 98').optional(),
  timeSliceTarget: z.number().optional(),
  timeSliceWindow: z.string().optional(),
  op: notDone('a ratio is compared with its target; leave op out'),
  value: notDone('a threshold is part of the SLI; leave value out'),
  indicator: notDone(ONE_EACH),
  indicatorRef: notDone(ONE_EACH),
  compositeWeight: notDone(ONE_EACH),
}).refine(({ target, targetPercent }) => target === undefined || targetPercent === undefined, 'expected target or targetPercent, not both');

const NO_TARGETS = 'who is told stands in the escalation matrix (muster generate alerts --escalation FILE); leave it out';
const conditionSpec = strict('AlertCondition spec', {
  description,
  severity: z.enum(['page', 'ticket'] satisfies Severity[], { error: 'expected page or ticket' }),
  condition: strict('condition', {
    kind: z.literal('burnrate', { error: 'expected burnrate' }),
    op: z.enum(['gt', 'gte'], { error: 'expected gt: an alert fires above its burn rate' }),
    threshold: z.number().gt(0, 'expected a burn rate above 0').lt(1e6),
    lookbackWindow: z.string(),
    alertAfter: z
      .string()
      .regex(/^0[smh]$/, 'an alert fires as soon as both windows burn, which already waits; leave alertAfter out')
      .optional(),
  }),
});
const condition = strict('AlertCondition', {
  apiVersion: apiVersion.optional(),
  kind: z.literal('AlertCondition'),
  metadata,
  spec: conditionSpec,
});
export type Condition = z.infer<typeof condition>;
const conditionRef = strict('conditions', { conditionRef: objectName });

const policySpec = strict('AlertPolicy spec', {
  description,
  alertWhenBreaching: z.literal(true, { error: 'an alert policy that does not alert has no use; leave it out of the SLO' }).optional(),
  alertWhenResolved: z.literal(true, { error: 'the end of an alert is always told' }).optional(),
  alertWhenNoData: z
    .literal(false, {
      error: 'silence is told by alerts of its own (EnrollmentTrafficStopped, EnrollmentTelemetryStale); leave alertWhenNoData out',
    })
    .optional(),
  conditions: z
    .array(
      oneOf<Condition | { conditionRef: string }>((value) =>
        typeof value === 'object' && value !== null && 'conditionRef' in value ? conditionRef : (condition as never),
      ),
    )
    .min(1, 'expected at least one condition')
    .max(8, 'expected at most eight conditions'),
  notificationTargets: z.array(z.unknown()).max(0, NO_TARGETS).optional(),
});
const policy = strict('AlertPolicy', { apiVersion: apiVersion.optional(), kind: z.literal('AlertPolicy'), metadata, spec: policySpec });
export type Policy = z.infer<typeof policy>;
const policyRef = strict('alertPolicies', { alertPolicyRef: objectName });

const slo = strict('SLO', {
  apiVersion,
  kind: z.literal('SLO'),
  metadata,
  spec: strict('spec', {
    description,
    service: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'expected letters, digits, dots and hyphens'),
    indicator: strict('indicator', { metadata: anyMetadata.optional(), spec: indicatorSpec }).optional(),
    indicatorRef: objectName.optional(),
    timeWindow: z.array(timeWindow).length(1, 'expected one time window'),
    budgetingMethod: z.enum(['Occurrences', 'Timeslices'], { error: 'expected Occurrences or Timeslices' }),
    objectives: z.array(objective).max(1, 'expected one objective'),
    alertPolicies: z
      .array(
        oneOf<string | Policy | { alertPolicyRef: string }>((value) =>
          typeof value === 'string'
            ? objectName
            : typeof value === 'object' && value !== null && 'alertPolicyRef' in value
              ? policyRef
              : (policy as never),
        ),
      )
      .nullish(),
  }),
});
export type SloObject = z.infer<typeof slo>;

/** What a file may hold, by its kind. */
export const OBJECTS = {
  SLO: slo,
  SLI: strict('SLI', { apiVersion, kind: z.literal('SLI'), metadata, spec: indicatorSpec }),
  AlertPolicy: policy.extend({ apiVersion }),
  AlertCondition: condition.extend({ apiVersion }),
  Service: strict('Service', {
    apiVersion,
    kind: z.literal('Service'),
    metadata,
    spec: strict('Service spec', { description }).optional(),
  }),
  DataSource: strict('DataSource', {
    apiVersion,
    kind: z.literal('DataSource'),
    metadata,
    spec: strict('DataSource spec', {
      description,
      type: z.literal('Muster', { error: ({ input }) => `data of ${JSON.stringify(input)?.slice(0, 60)}${NOT_READ}: ${OWN_SLIS}` }),
      connectionDetails: z.unknown().optional(),
    }),
  }),
  AlertNotificationTarget: z
    .looseObject({ kind: z.literal('AlertNotificationTarget'), metadata: z.looseObject({ name: z.string() }) })
    .refine(() => false, NO_TARGETS),
} as const;
export type ObjectKind = keyof typeof OBJECTS;
