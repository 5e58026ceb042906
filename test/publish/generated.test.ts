/** What `muster generate` writes: committed as it would be written now, accepted by the real tools, and with data in every panel. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import type { Incident } from '../../src/detect/incidents/incident.ts';
import { incidentsSince } from '../../src/detect/incidents/incident-table.ts';
import { createIncidentWatch } from '../../src/detect/incidents/incident-watch.ts';
import { createAnomalyWatch } from '../../src/detect/series/anomaly-watch.ts';
import { parseFault } from '../../src/lab/faults.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { loadEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { GENERATORS } from '../../src/publish/generate.ts';
import type { GeneratedFile } from '../../src/publish/generated.ts';
import { DASHBOARD_SQL } from '../../src/publish/grafana/dashboard.ts';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import { COLLECTOR_METRICS } from '../../src/publish/panels/collector-metrics.ts';
import { DASHBOARDS, PANELS } from '../../src/publish/panels/index.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { addMaintenance } from '../../src/slo/evaluate/maintenance.ts';
import { opened } from '../../src/store/records/finding-life.ts';
import { writeFindings } from '../../src/store/records/findings.ts';
import { have, pathOf } from '../support/counterparts.ts';
import { type TestServices, testServices } from '../support/store.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LINKS = { baseUrl: 'http://localhost:8686' };
const run = promisify(execFile);
const slos = await loadSlos();
const escalation = await loadEscalation();
const files: GeneratedFile[] = Object.values(GENERATORS).flatMap((generate) => generate({ slos, links: LINKS, escalation }));
const fileAt = (path: string) => files.find((file) => file.path === path)?.text ?? '';

test.each(files.map(({ path, text }) => [path, text]))('%s is committed as it would be generated', async (path, text) => {
  expect(await readFile(join(ROOT, path), 'utf8')).toBe(text);
});

describe.runIf(have('promtool'))('Prometheus', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-rules-'));
    for (const { path, text } of files.filter((file) => file.path.startsWith('alerts/'))) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const promtool = async (...parameters: string[]) => run(pathOf('promtool'), parameters, { cwd: join(folder, 'alerts/prometheus') });

  test('promtool accepts the rules, lint included', async () => {
    const { stdout } = await promtool('check', 'rules', '--lint=all', '--lint-fatal', 'muster-slo.rules.yaml');
    const rules = fileAt('alerts/prometheus/muster-slo.rules.yaml').match(/^ +- (?:alert|record):/gm) ?? [];
    expect(rules.length).toBeGreaterThan(slos.length);
    expect(stdout).toContain(`SUCCESS: ${rules.length} rules found`);
  });
});

interface Dashboard {
  uid: string;
  editable: boolean;
  schemaVersion: number;
  id?: number;
  links: unknown[];
  annotations: { list: { name: string; target?: { rawSql?: string } }[] };
  panels: (Record<string, unknown> & { id: number; gridPos: { x: number; y: number; w: number; h: number } })[];
  templating: { list: Record<string, unknown>[] };
}
const dashboards = DASHBOARDS.map(({ uid }) => JSON.parse(fileAt(`dashboards/${uid}.json`)) as Dashboard);

const isOfPrometheus = (panel: Record<string, unknown>) => JSON.stringify(panel.datasource).includes('prometheus');

// The rules of grafana/dashboard-linter that apply.
describe.each(dashboards.map((dashboard) => [dashboard.uid, dashboard] as const))('Grafana: %s', (uid, dashboard) => {
  test('cannot be edited, has a stable uid and no id', () => {
    expect(dashboard).toMatchObject({ uid, editable: false, schemaVersion: 42 });
    expect(uid).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
    expect(dashboard.id).toBeUndefined();
  });
  test('has its data source as a variable, and renews every query variable with the time range', () => {
    const [datasource, ...queries] = dashboard.templating.list.slice(0, 7);
    expect(datasource).toMatchObject({
      name: 'datasource',
      label: 'Data source',
      type: 'datasource',
      query: 'grafana-clickhouse-datasource',
    });
    expect(queries.map(({ name }) => name)).toEqual(['environment', 'region', 'provider', 'factor_type', 'deployment', 'tenant']);
    for (const variable of queries)
      expect(variable).toMatchObject({ type: 'query', refresh: 2, multi: true, includeAll: true, label: expect.any(String) });
  });
  test('asks Prometheus by variables for its source, job and instance, and rates over the scrape interval', () => {
    const ours = dashboard.panels.filter(isOfPrometheus) as unknown as { targets: { expr: string }[] }[];
    const variables = dashboard.templating.list.slice(7);
    expect(variables.map(({ name }) => name)).toEqual(ours.length > 0 ? ['prometheus', 'job', 'instance'] : []);
    for (const variable of variables.slice(1))
      expect(variable).toMatchObject({ datasource: { uid: '${prometheus}' }, refresh: 2, multi: true, includeAll: true, allValue: '.+' });
    for (const { targets } of ours) {
      expect(targets[0]?.expr).toMatch(/\{job=~"\$job",instance=~"\$instance"\}/);
      expect(targets[0]?.expr).not.toMatch(/rate\([^[]*\[(?!\$__rate_interval\])/);
    }
  });
  test('opens the attempt from every row that is one', () => {
    const names = PANELS.map((file) => file(slos)).filter(({ opensAttempts }) => opensAttempts);
    expect(names.length).toBeGreaterThanOrEqual(2);
    for (const { id, sql } of names) {
      expect(sql).toMatch(/\bsource, attempt_id\b/);
      const panel = dashboard.panels.find((each) => each.id === id);
      if (panel) expect(JSON.stringify(panel.fieldConfig)).toContain('/attempts/${__data.fields.attempt_id:percentencode}?source=');
    }
  });
  test('marks deploys, incidents and maintenance, and links to the others', () => {
    expect(dashboard.annotations.list.map(({ name }) => name)).toEqual(expect.arrayContaining(['Deploys', 'Incidents', 'Maintenance']));
    expect(dashboard.links).toMatchObject([{ type: 'dashboards', tags: ['muster'], keepTime: true, includeVars: true }]);
  });
  test('says how fresh its telemetry is', () => {
    expect(dashboard.panels.map(({ title }) => title)).toContain('Newest event');
  });
  test('has in every panel a title, a description that says what to do, a unit, a target and the data source of the variable', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const panel of dashboard.panels) {
      expect(panel).toMatchObject({
        title: expect.stringMatching(/\w/),
        description: expect.stringMatching(/\?.{40}/s),
        fieldConfig: { defaults: { unit: expect.any(String), noValue: 'No data' } },
        ...(isOfPrometheus(panel)
          ? { datasource: { type: 'prometheus', uid: '${prometheus}' }, targets: [{ refId: 'A', expr: expect.stringMatching(/\w/) }] }
          : {
              datasource: { type: 'grafana-clickhouse-datasource', uid: '${datasource}' },
              targets: [{ refId: 'A', editorType: 'sql', rawSql: expect.stringContaining('SELECT'), format: expect.any(Number) }],
            }),
      });
    }
  });
  test('fills the grid without overlapping', () => {
    const cells = new Set<string>();
    for (const { gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.has(`${x},${y}`)).toBe(false);
          cells.add(`${x},${y}`);
        }
    }
  });
});

test('every panel has an id of its own', () => {
  const ids = [...PANELS.map((panel) => panel(slos).id), ...COLLECTOR_METRICS.map(({ id }) => id)];
  expect(new Set(ids).size).toBe(ids.length);
});

test('the SQL for Grafana has no macro that its data source does not have since version 4.0', () => {
  const OLDEST = ['timeFilter', 'timeInterval', 'conditionalAll', 'fromTime', 'toTime', 'interval_s'];
  // Grafana's own, and Prometheus's, are no macros of the data source.
  const OTHERS = ['__data', 'all', 'rate_interval', 'auto_interval_interval'];
  const used = new Set(
    files
      .filter(({ path }) => /grafana|dashboards/.test(path))
      .flatMap(({ text }) => [...text.matchAll(/\$__(\w+)/g)].map(([, name = '']) => name)),
  );
  expect([...used].filter((name) => ![...OLDEST, ...OTHERS].includes(name))).toEqual([]);
  expect([...used].sort()).toEqual(expect.arrayContaining(['fromTime', 'timeFilter', 'toTime']));
});

test('macros are expanded as the plugin expands them', () => {
  const range = { fromMs: 1_790_000_000_000, toMs: 1_790_003_600_000, intervalMs: 37_500 };
  expect(expandMacros('$__timeFilter(time)', range)).toBe('time >= toDateTime(1790000000) AND time <= toDateTime(1790003600)');
  expect(expandMacros('$__timeInterval(settled_at)', range)).toBe('toStartOfInterval(toDateTime(settled_at), INTERVAL 37 second)');
  expect(expandMacros('$__conditionalAll(region IN (${region:singlequote}), $region)', range)).toBe('1=1');
  expect(expandMacros('$__fromTime - 3600, $__toTime, $__interval_s', range)).toBe(
    'toDateTime(1790000000) - 3600, toDateTime(1790003600), 37',
  );
});

describe('SQL on a store of the demo', () => {
  let services: TestServices;
  // One day, so that chance is the same each time: a Wednesday, in the evening.
  const endMs = Date.UTC(2026, 10, 25, 18);
  const now = () => endMs;
  // Yesterday, while people are awake: at night nobody would notice.
  const yesterdayMs = (Math.floor(endMs / 86_400_000) - 1) * 86_400_000;
  const [outageMs, migrationMs] = [yesterdayMs + 10 * 3_600_000, yesterdayMs + 15 * 3_600_000];
  const iso = (ms: number) => new Date(ms).toISOString();
  const range = { fromMs: endMs - 2 * 86_400_000, toMs: endMs, intervalMs: 900_000 };
  beforeAll(async () => {
    services = await testServices();
    const finding = opened(
      {
        kind: 'security',
        detector: 'secret_exposure',
        severity: 'ticket',
        dimensions: { source: 'idp' },
        evidence: { summary: 'a secret' },
        place: ['idp'],
      },
      endMs - 3_600_000,
    );
    await writeFindings(services.store.engine, [finding], endMs);
    const { days } = simulate({
      seed: 9,
      days: 8,
      perDay: 1_500,
      endMs,
      faults: [parseFault(`provider_outage@${iso(outageMs)}+90m`, endMs), parseFault(`migration_break@${iso(migrationMs)}+40m`, endMs)],
    });
    for (const { events } of days)
      await services.intake.accept(
        events.map((value) => ({ value })),
        'import',
      );
    const pending = {
      id: 'p',
      type: 'enrollment.started',
      // What waits does so now.
      time: new Date().toISOString(),
      source: 'app',
      attempt_id: 'p',
      region: 'eu-west',
      tenant: 'acme',
    };
    await services.intake.accept([{ value: pending }], 'import');
    await addMaintenance(
      services.store.engine,
      slos,
      {
        slo: '*',
        startMs: endMs - 86_400_000,
        endMs: endMs - 86_000_000,
        reason: 'database move',
        actorRef: '',
      },
      endMs,
    );
    await services.drain();
    const watch = createAnomalyWatch({
      engine: services.store.engine,
      dataDir: services.dataDir,
      timeZone: 'UTC',
      now,
      lagSeconds: () => 0,
      onProblem: (message) => services.problems.push(message),
    });
    // History first, then what is learned from it.
    await watch.look();
    await watch.look();
    const deps = { engine: services.store.engine, slos: services.slos, now };
    const incidents = createIncidentWatch({ ...deps, onProblem: (message) => services.problems.push(message) });
    await incidents.look();
    // Nothing is taken in twice.
    await incidents.look();
  });
  afterAll(async () => {
    expect(services.problems).toEqual([]);
    await services.dispose();
  });

  test('each fault is one incident, with what leads it, and what was changed before', async () => {
    const found = await incidentsSince(services.store.engine, 0);
    expect(found.map(({ cause, status, severity }) => [cause, status, severity])).toEqual([
      [{ dimension: 'deployment', value: expect.any(String) }, 'resolved', 'page'],
      [{ dimension: 'provider', value: 'sms-aurora' }, 'resolved', 'page'],
    ]);
    const [migration, outage] = found as [Incident, Incident];
    expect(Math.abs(outage.startMs - outageMs)).toBeLessThan(30 * 60_000);
    expect(Math.abs(migration.startMs - migrationMs)).toBeLessThan(10 * 60_000);
    expect(migration.change).toMatchObject({ type: 'deploy.completed', deployment: migration.cause?.value });
    for (const { startMs, detectedMs, endMs: end, attempts, users, slos: spent } of found) {
      expect(detectedMs).toBeGreaterThan(startMs);
      expect(detectedMs).toBeLessThan(end ?? 0);
      expect(attempts).toBeGreaterThan(10);
      expect(users).toBeGreaterThan(5);
      expect(spent.length).toBeGreaterThan(1);
    }
    const [flags] = await services.store.read.rows<{ n: number }>("SELECT toUInt32(countIf(incident = '')) AS n FROM anomaly_flags");
    expect(flags?.n).toBe(0);
  });

  test.each(PANELS.map((file) => [file(slos).name, file(slos)] as const))('%s has rows', async (_name, panel) => {
    const sql = expandMacros(panel.sql, range);
    expect(sql).not.toContain('$');
    const rows = await services.store.panels.rows<Record<string, unknown>>(sql);
    expect(rows.length).toBeGreaterThan(0);
    const { row, column: across, value, count } = panel.matrix ?? {};
    for (const named of [row, across, value, count]) if (named !== undefined) expect(Object.keys(rows[0] ?? {})).toContain(named);
    for (const column of Object.keys(panel.columnUnits ?? {})) expect(Object.keys(rows[0] ?? {})).toContain(column);
    if (panel.kind !== 'timeseries' && panel.kind !== 'bars') return;
    // A series needs a time, at most one label and one number, and must come in order of time.
    const [first = {}] = rows;
    expect(Object.keys(first)[0]).toBe('time');
    expect(Object.values(first).filter((value) => typeof value === 'number')).toHaveLength(1);
    const times = rows.map(({ time }) => String(time));
    expect(times).toEqual([...times].sort());
  });

  test('the in-flight panel counts the attempt that waits', async () => {
    const panel = PANELS.map((file) => file(slos)).find(({ name }) => name === 'attempts-in-flight');
    expect(await services.store.panels.rows(expandMacros(String(panel?.sql), range))).toMatchObject([{ in_flight: 1 }]);
  });

  test.each(DASHBOARD_SQL.map(({ name, sql }) => [name, sql]))('the query of %s has rows', async (_name, sql) => {
    expect((await services.store.panels.rows(expandMacros(sql, { ...range, fromMs: endMs - 8 * 86_400_000 }))).length).toBeGreaterThan(0);
  });

  // What Grafana asks comes through the ClickHouse endpoint.
  test('every query of every dashboard passes the gate, in Native and in JSON', async () => {
    const queries = [...PANELS.map((file) => file(slos)), ...DASHBOARD_SQL];
    for (const { name, sql } of queries) {
      const text = expandMacros(sql, range);
      const native = await services.store.guard.query({ sql: text, format: 'Native' });
      expect(native.bytes.length, name).toBeGreaterThan(0);
      const json = await services.store.guard.query({ sql: text, format: 'JSON' });
      expect(JSON.parse(json.bytes.toString()), name).toHaveProperty('data');
    }
  });

  test('every query of every runbook runs, through the gate', async () => {
    const folder = join(ROOT, 'alerts/runbooks');
    for (const name of await readdir(folder)) {
      const queries = [...(await readFile(join(folder, name), 'utf8')).matchAll(/```sql\n(.*?)\n```/gs)];
      expect(queries.length, name).toBeGreaterThanOrEqual(2);
      for (const [, sql = ''] of queries) {
        await expect(services.store.guard.query({ sql, format: 'JSON' }), `${name}: ${sql}`).resolves.toBeDefined();
      }
    }
  });

  test('every statement in the files that ship passes the gate: dashboards with a choice in each variable, alert rules, documents', async () => {
    const statements: string[] = [];
    const collect = (value: unknown) => {
      if (typeof value !== 'object' || value === null) return;
      for (const [name, inner] of Object.entries(value)) {
        if (typeof inner === 'string' && (name === 'rawSql' || (name === 'query' && /^SELECT/.test(inner)))) statements.push(inner);
        else collect(inner);
      }
    };
    const dashboards = (await readdir(join(ROOT, 'dashboards'))).filter((name) => name.endsWith('.json'));
    for (const name of dashboards) collect(JSON.parse(await readFile(join(ROOT, 'dashboards', name), 'utf8')));
    collect(parseYaml(await readFile(join(ROOT, 'alerts/grafana/muster-rules.yaml'), 'utf8')));
    for (const name of ['README.md', 'docs/configuration.md', 'docs/sources.md', 'docs/privacy.md', 'docs/core.md'])
      for (const [, sql = ''] of (await readFile(join(ROOT, name), 'utf8')).matchAll(/muster query [^"`]*"([^"]+)"/g)) statements.push(sql);
    expect(statements.length).toBeGreaterThan(100);
    for (const statement of new Set(statements)) {
      const chosen = statement.replace(/\$__conditionalAll\((\w+ IN )\(\$\{(\w+):singlequote\}\), \$\w+\)/g, "$1('x', 'y')");
      const sql = expandMacros(chosen, range);
      await expect(services.store.guard.query({ sql, format: 'Native' }), sql).resolves.toBeDefined();
    }
  });

  // "All" leaves a filter out, so each is also asked for as if somebody had chosen a value.
  test('every panel takes a choice in each variable', async () => {
    for (const { name, sql } of PANELS.map((file) => file(slos))) {
      const chosen = sql.replace(/\$__conditionalAll\((\w+ IN )\(\$\{(\w+):singlequote\}\), \$\w+\)/g, "$1('x')");
      expect(chosen).not.toContain('conditionalAll');
      await expect(services.store.panels.rows(expandMacros(chosen, range)), name).resolves.toBeDefined();
    }
  });
});
