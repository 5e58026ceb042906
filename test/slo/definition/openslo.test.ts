import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadSlos, slosOf } from '../../../src/slo/definition/openslo.ts';
import { windowsOf } from '../../../src/slo/measure/figures.ts';
import { SLIS } from '../../../src/slo/slis/index.ts';
import { documentOf } from '../../support/slo.ts';

const good = parse(await readFile(new URL('../../../schemas/slos/enrollment-success.yaml', import.meta.url), 'utf8')) as Record<
  string,
  never
>;

test('one SLO ships per SLI, with the objectives of the contract', async () => {
  const slos = await loadSlos();
  const contract = [
    ['M1', 0.98, '30d'],
    ['M1S', 0.995, '30d'],
    ['A1', 0.999, '30d'],
    ['M2', 0.95, '30d'],
    ['M3', 0.99, '30d'],
    ['M4', 0.95, '30d'],
    ['M5', 0.995, '30d'],
    ['M6', 0.95, '30d'],
    ['M7', 0.99, '30d'],
    ['M8', 0.95, '30d'],
    ['M9', null, '30d'],
    ['M10', null, '1Q'],
  ];
  expect(slos.map(({ sli, objective, period }) => [sli.id, objective, period.text])).toEqual(expect.arrayContaining(contract));
  expect(slos.map(({ sli }) => sli)).toEqual(SLIS);
});

test('M1, M1S, A1 and M5 page, M9 and M10 are only reported, the others are tickets', async () => {
  const severities = Object.fromEntries((await loadSlos()).map(({ sli, pairs }) => [sli.id, pairs.map(({ severity }) => severity)]));
  for (const sli of ['M1', 'M1S', 'A1', 'M5']) expect(severities[sli]).toEqual(['page', 'page', 'ticket', 'ticket']);
  for (const sli of ['M2', 'M3', 'M4', 'M6', 'M7', 'M8']) expect(severities[sli]).toEqual(['ticket', 'ticket']);
  for (const sli of ['M9', 'M10']) expect(severities[sli]).toEqual([]);
});

/** The SLOs of documents of a file. */
const read = (...documents: unknown[]) => slosOf(documents.map((document) => ({ document, source: 'mine.yaml' })));

/** Changes one field of a good document, by its path. */
function changed(path: string, value: unknown): unknown {
  const document = structuredClone(good) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((node, key) => node[key] as Record<string, unknown>, document);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return document;
}

describe('refuses, naming file, field and what is expected:', () => {
  test.each([
    [
      'a metric of somebody else',
      'spec.indicator.spec.ratioMetric.good.metricSource.type',
      'Prometheus',
      /ratioMetric\.good\.metricSource\.type: data of "Prometheus" is not read: Muster computes its own SLIs/,
    ],
    ['an unknown SLI', 'spec.indicator.spec.ratioMetric.total.metricSource.spec.sli', 'M99', /metricSource\.spec\.sli/],
    ['two SLIs in one ratio', 'spec.indicator.spec.ratioMetric.good.metricSource.spec.sli', 'M2', /good and total name different SLIs/],
    ['an objective of 98', 'spec.objectives.0.target', 98, /objectives\.0\.target: expected a ratio below 1/],
    ['an objective of 1', 'spec.objectives.0.target', 1, /target: expected a ratio below 1/],
    ['an objective of 0', 'spec.objectives.0.target', 0, /target: expected a ratio above 0/],
    ['a window in hours', 'spec.timeWindow.0.duration', '720h', /timeWindow\.0\.duration: expected days or weeks/],
    ['another version of OpenSLO', 'apiVersion', 'openslo/v2alpha', /apiVersion/],
    ['a name with spaces', 'metadata.name', 'Enrollment success', /metadata\.name: expected lower-case/],
    ['a template in the title', 'metadata.displayName', '{{ .Labels }}', /metadata\.displayName: must not contain/],
    ['an objective of 100', 'spec.objectives.0.target', 100, /objectives\.0\.target: expected a ratio below 1/],
    ['a window of 0 days', 'spec.timeWindow.0.duration', '0d', /timeWindow\.0\.duration: expected days or weeks/],
    ['a window of 0 minutes', 'spec.timeWindow.0.duration', '0m', /timeWindow\.0\.duration: expected days or weeks/],
    ['a window that its longest pair does not fit into', 'spec.timeWindow.0.duration', '2d', /2d is shorter than the window 3d of pair 4/],
    ['slices of what has none', 'spec.budgetingMethod', 'Timeslices', /budgetingMethod: expected Occurrences for M1/],
    [
      'an unknown alert policy',
      'spec.alertPolicies',
      ['call-me'],
      /alertPolicies\.0: no policy is called call-me; there are burn-rate-page/,
    ],
    ['no objectives', 'spec.objectives', undefined, /spec\.objectives/],
  ])('%s', (_title, path, value, message) => {
    expect(() => read(changed(path, value))).toThrow(message);
    expect(() => read(changed(path, value))).toThrow(/^mine\.yaml: /);
  });
});

test('files of any place are read; text that is no YAML, a missing file and a name used twice are errors', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-slos-'));
  try {
    await writeFile(join(folder, 'strict.good.yaml'), stringify(changed('spec.objectives.0.target', 0.999)));
    expect(await loadSlos([folder])).toMatchObject([{ objective: 0.999 }]);
    await writeFile(join(folder, 'same-name.bad.yaml'), stringify(good));
    await expect(loadSlos([folder])).rejects.toThrow(/two SLOs are called enrollment-success/);
    await writeFile(join(folder, 'broken.bad.yaml'), 'kind: [SLO');
    await expect(loadSlos([join(folder, 'broken.bad.yaml')])).rejects.toThrow(/broken\.bad\.yaml:\d+: /);
    await expect(loadSlos([join(folder, 'none.yaml')])).rejects.toMatchObject({ code: 'MUSTER_NO_SUCH_FILE' });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

describe("pairs of one's own", () => {
  const policy = (condition: object = {}, annotations: object = { 'muster/short-window': '2m' }, severity = 'page') => ({
    apiVersion: 'openslo/v1',
    kind: 'AlertPolicy',
    metadata: { name: 'quick' },
    spec: {
      conditions: [
        {
          kind: 'AlertCondition',
          metadata: { name: 'quick-page', annotations },
          spec: { severity, condition: { kind: 'burnrate', op: 'gt', threshold: 10, lookbackWindow: '15m', ...condition } },
        },
      ],
    },
  });

  test('an SLO takes them beside those of the Workbook, or alone', () => {
    const [alone] = read(policy(), documentOf({ alertPolicies: ['quick'] }));
    expect(alone?.pairs).toMatchObject([{ name: '1', severity: 'page', long: '15m', short: '2m', factor: 10, isFitted: false }]);
    const [both] = read(documentOf({ alertPolicies: ['burn-rate-page', 'quick'] }), policy());
    expect(both?.pairs.map((pair) => [pair.name, pair.long])).toEqual([
      ['1', '1h'],
      ['2', '6h'],
      ['5', '15m'],
    ]);
    expect(both && windowsOf(both)).toEqual(['2m', '5m', '15m', '30m', '1h', '2h', '6h', '1d', '3d']);
    // 10 × 50 % could not be reached: fitted to 0.5 / 0.5.
    const [half] = read(policy(), documentOf({ alertPolicies: ['quick'], objectives: [{ target: 0.5 }] }));
    expect(half?.pairs[0]).toMatchObject({ isFitted: true, fittedFactor: 1 });
  });

  test.each([
    [
      'a short window longer than the long one',
      policy({}, { 'muster/short-window': '20m' }),
      /the short window \(20m\) must be shorter than the long one \(15m\)/,
    ],
    ['a window of 0 minutes', policy({ lookbackWindow: '0m' }), /lookbackWindow: expected minutes, hours or days up to 30d/],
    ['a window of months', policy({ lookbackWindow: '1M' }), /lookbackWindow: expected minutes, hours or days/],
    ['a threshold of 0', policy({ threshold: 0 }), /threshold: expected a burn rate above 0/],
    ['an alert below its burn rate', policy({ op: 'lte' }), /op: expected gt/],
    ['another severity', policy({}, undefined, 'critical'), /severity/],
  ])('refuses %s', (_name, document, message) => {
    const reading = () => read(document, documentOf({ alertPolicies: ['quick'] }));
    expect(reading).toThrow(message);
    expect(reading).toThrow(/^mine\.yaml: /);
  });
});

test.each([
  [/target: 0\.98/, 'target: 98', /mine\.yaml:\d+: spec\.objectives\.0\.target: expected a ratio below 1/],
  [/name: enrollment-success/, 'name: Enrollment Success', /mine\.yaml:\d+: metadata\.name: expected lower-case letters/],
  [/- burn-rate-page/, '- burn-rate-pager', /mine\.yaml:\d+: spec\.alertPolicies\.0: no policy is called burn-rate-pager/],
  [/kind: SLO/, 'kind: ]', /mine\.yaml:\d+: /],
])('a file in which %s became %s is refused with the line', async (pattern, replacement, message) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-slo-'));
  const text = await readFile('schemas/slos/enrollment-success.yaml', 'utf8');
  const broken = text.replace(pattern, replacement);
  expect(broken).not.toBe(text);
  await writeFile(join(folder, 'mine.yaml'), broken);
  const error = await loadSlos([join(folder, 'mine.yaml')]).catch((reason: Error) => reason);
  await rm(folder, { recursive: true });
  expect(error).toMatchObject({ message: expect.stringMatching(message) });
  const line = Number(/mine\.yaml:(\d+)/.exec((error as Error).message)?.[1]);
  // The line of what is wrong, or the list that it is in.
  const changed = broken.split('\n').findIndex((each) => each.includes(replacement)) + 1;
  expect(Math.abs(line - changed)).toBeLessThanOrEqual(1);
});

describe('objects of OpenSLO', () => {
  const source = (outcome: string, more: object = {}) => ({ metricSource: { type: 'Muster', spec: { sli: 'M1', outcome }, ...more } });
  const ratioMetric = { good: source('good'), total: source('total') };
  const of = (kind: string, name: string, spec: object) => ({ apiVersion: 'openslo/v1', kind, metadata: { name }, spec });
  const condition = (more: object = {}, spec: object = {}) => ({
    severity: 'ticket',
    condition: { kind: 'burnrate', op: 'gte', threshold: 3, lookbackWindow: '1h', ...more },
    ...spec,
  });

  test('refer to one another, in lists, in any order, in several documents', () => {
    const { indicator: _, ...withoutIndicator } = documentOf().spec;
    const slo = {
      ...documentOf(),
      spec: {
        ...withoutIndicator,
        indicatorRef: 'completed',
        alertPolicies: [
          { alertPolicyRef: 'burn-rate-page' },
          { alertPolicyRef: 'mine' },
          { kind: 'AlertPolicy', metadata: { name: 'inline' }, spec: { conditions: [{ conditionRef: 'slow' }] } },
        ],
      },
    };
    const [made] = read(
      [slo, of('SLI', 'completed', { ratioMetric: { bad: source('bad', { metricSourceRef: 'here' }), total: source('total') } })],
      [of('Service', 'mfa-enrollment', { description: 'Enrollment' }), of('DataSource', 'here', { type: 'Muster' })],
      of('AlertPolicy', 'mine', {
        alertWhenBreaching: true,
        conditions: [{ kind: 'AlertCondition', metadata: { name: 'quick' }, spec: condition({ lookbackWindow: '15m', threshold: 12 }) }],
      }),
      of('AlertCondition', 'slow', condition()),
    );
    expect(made?.sli.id).toBe('M1');
    expect(made?.pairs.map(({ severity, long, short, factor }) => [severity, long, short, factor])).toEqual([
      ['page', '1h', '5m', 14.4],
      ['page', '6h', '30m', 6],
      ['ticket', '15m', '1m', 12],
      ['ticket', '1h', '5m', 3],
    ]);
  });

  test('a percentage is a target, and no policies are none', () => {
    expect(read(documentOf({ objectives: [{ targetPercent: 99.9 }], alertPolicies: null }))).toMatchObject([
      { objective: 0.999, pairs: [] },
    ]);
  });

  const spec = (more: object) => documentOf(more as Record<string, unknown>);
  const calendar = (startTime: string, timeZone: string) =>
    spec({ timeWindow: [{ duration: '1M', isRolling: false, calendar: { startTime, timeZone } }] });
  const metric = (more: object) => spec({ indicator: { spec: { ratioMetric: { ...ratioMetric, ...more } } } });
  test.each<[string, unknown, RegExp]>([
    [
      'a misspelt field',
      spec({ alertPolices: ['burn-rate-page'] }),
      /spec\.alertPolices: unknown field "alertPolices"; did you mean alertPolicies\?/,
    ],
    ['a field in another place', spec({ objectives: [{ target: 0.98, alertPolicies: [] }] }), /alertPolicies"; it belongs to spec/],
    [
      'a filter that would do nothing',
      metric({ good: { metricSource: { type: 'Muster', spec: { sli: 'M1', outcome: 'good', region: 'eu' } } } }),
      /unknown field "region"; there are sli, outcome/,
    ],
    [
      'a threshold',
      spec({ indicator: { spec: { thresholdMetric: source('good') } } }),
      /thresholdMetric: a threshold of other data is not read; write ratioMetric/,
    ],
    ['a raw ratio', metric({ raw: source('good') }), /raw: a ratio that is computed elsewhere is not read/],
    ['good and bad', metric({ bad: source('bad') }), /expected either good or bad/],
    [
      'data of others, in one line',
      metric({ total: { metricSource: { type: 'Prometheus', spec: { query: 'up' } } } }),
      /total\.metricSource\.type: data of "Prometheus" is not read: Muster computes its own SLIs[^;]*$/,
    ],
    [
      'a source that is not there',
      metric({ good: source('good', { metricSourceRef: 'there' }) }),
      /no data source is called there; there are none/,
    ],
    [
      'an SLI that is not there',
      { ...spec({}), spec: { ...spec({}).spec, indicator: undefined, indicatorRef: 'gone' } },
      /no SLI is called gone/,
    ],
    ['an operator', spec({ objectives: [{ target: 0.98, op: 'gt' }] }), /op: a ratio is compared with its target; leave op out/],
    ['a target twice', spec({ objectives: [{ target: 0.98, targetPercent: 98 }] }), /expected target or targetPercent, not both/],
    ['slices of what has none', spec({ objectives: [{ target: 0.98, timeSliceWindow: '1m' }] }), /M1 has no slices; leave it out/],
    ['a composite', spec({ objectives: [{ target: 0.98, indicatorRef: 'x' }] }), /SLOs made of others are not computed/],
    ['30 February', calendar('2026-02-30 00:00:00', 'Europe/Berlin'), /no such day or time/],
    ['a midnight that never was', calendar('2026-03-29 00:00:00', 'Asia/Beirut'), /the clocks of the time zone go past it/],
    [
      'a wait before an alert',
      of('AlertCondition', 'slow', condition({ alertAfter: '5m' })),
      /alertAfter: an alert fires as soon as both windows burn/,
    ],
    [
      'an alert on silence',
      of('AlertPolicy', 'p', { alertWhenNoData: true, conditions: [{ conditionRef: 'c' }] }),
      /alertWhenNoData: silence is told by alerts of its own/,
    ],
    [
      'a target of notifications',
      of('AlertNotificationTarget', 'mail', { target: 'email' }),
      /who is told stands in the escalation matrix/,
    ],
    [
      'another version',
      { ...spec({}), apiVersion: 'openslo.com/v2alpha' },
      /apiVersion: expected openslo\/v1; "openslo\.com\/v2alpha" is not read$/,
    ],
    ['another kind', of('SLOs', 'x', {}), /kind: "SLOs" is no kind of OpenSLO; there are SLO, SLI/],
    ['text', 'SLO', /kind: expected one of SLO/],
  ])('%s is refused by name', (_, document, message) => {
    expect(() => read(document)).toThrow(message);
    expect(() => read([documentOf({}, 'other'), document])).toThrow(/^mine\.yaml: 1\./);
  });

  test('a time slice says what the SLI has, or is refused', () => {
    const slices = (more: object) =>
      read(documentOf({ budgetingMethod: 'Timeslices', objectives: [{ target: 0.99, ...more }] }, 'mine', 'M3'));
    expect(slices({ timeSliceTarget: 0.99, timeSliceWindow: '1m' })).toHaveLength(1);
    expect(() => slices({ timeSliceWindow: '5m' })).toThrow(/the slices of M3 have 1m/);
    expect(() => slices({ timeSliceTarget: 0.9 })).toThrow(/the slices of M3 have 0\.99/);
  });
});

test.each([
  ['a key that stands twice', 'kind: SLO\nkind: SLO\n', /mine\.yaml:2: the key "kind" stands twice in one map/],
  ['a map that holds itself', '&a { kind: *a }\n', /mine\.yaml:1: is nested too deeply, or holds itself/],
  ['lists without end', `${'['.repeat(3_000)}${']'.repeat(3_000)}`, /mine\.yaml:1: is nested too deeply/],
  [
    'aliases that multiply',
    `a: &a [x, x]\nb: &b [${'*a,'.repeat(99)}*a]\nc: [${'*b,'.repeat(99)}*b]\n`,
    /mine\.yaml:1: Excessive alias count/,
  ],
  ['a file that is too large', `# ${'x'.repeat(1_100_000)}`, /mine\.yaml: larger than 1024 KiB/],
  ['a variable of Grafana', stringify(changed('metadata.displayName', 'Of $HOME')), /displayName: must not contain \{\{, nor \$ before/],
])('%s is refused in words', async (_, text, message) => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-slo-'));
  await writeFile(join(folder, 'mine.yaml'), text);
  await expect(loadSlos([join(folder, 'mine.yaml')])).rejects.toThrow(message);
  await rm(folder, { recursive: true });
});
