/**
 * Live: a real Prometheus scrapes a real Muster, decides by the generated rules, and a real Alertmanager with the generated
 * configuration tells a web hook of an outage once, although Muster is killed while it lasts.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COLLECTOR_METRICS } from '../../src/publish/panels/collector-metrics.ts';
import { have } from '../support/counterparts.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { type Receiver, type RunningServer, receiver, startAlertmanager, startPrometheus } from '../support/servers.ts';

/** Windows of one and two minutes, so that minutes are enough to see an alert come and go. */
const SLO = `apiVersion: openslo/v1
kind: SLO
metadata: { name: quick-success, displayName: Enrollment success }
spec:
  service: mfa-enrollment
  indicator:
    metadata: { name: M1 }
    spec:
      ratioMetric:
        good: { metricSource: { type: Muster, spec: { sli: M1, outcome: good } } }
        total: { metricSource: { type: Muster, spec: { sli: M1, outcome: total } } }
  timeWindow: [{ duration: 1d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ target: 0.9 }]
  alertPolicies: [quick]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: { name: quick }
spec:
  conditions:
    - kind: AlertCondition
      metadata: { name: quick-page, annotations: { muster/short-window: 1m } }
      spec: { severity: page, condition: { kind: burnrate, op: gt, threshold: 2, lookbackWindow: 2m } }
`;
const MINUTE = 60_000;

interface Told {
  status: string;
  alerts: { labels: Record<string, string>; annotations: Record<string, string> }[];
}

describe.runIf(have('prometheus', 'prometheus-alertmanager'))('an outage', () => {
  let folder: string;
  let dataDir: string;
  let muster: Running;
  let prometheus: RunningServer;
  let alertmanager: RunningServer;
  let hook: Receiver;
  let sent = 0;

  /** The port stays the same over a restart, as Prometheus expects. */
  const start = async (port = '0') => startMuster(dataDir, '--slo', join(folder, 'slo.yaml'), '--port', port);
  const send = async (fromMs: number, toMs: number, count: number, outcome: 'completed' | 'failed') => {
    const events = Array.from({ length: count }, (_, i) => {
      const time = new Date(fromMs + ((toMs - fromMs) * i) / count).toISOString();
      const base = {
        source: 'live',
        attempt_id: `a${++sent}`,
        user: `user-${sent}@example.org`,
        region: 'eu',
        provider: 'sms-aurora',
        time,
      };
      return [
        { ...base, id: `s${sent}`, type: 'enrollment.started' },
        { ...base, id: `e${sent}`, type: `enrollment.${outcome}`, ...(outcome === 'failed' && { error_class: 'provider' }) },
      ];
    }).flat();
    const response = await fetch(`${muster.url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: events.map((event) => JSON.stringify(event)).join('\n'),
    });
    expect(response.status).toBe(200);
  };
  const valuesOf = async (query: string) => {
    const answer = (await (await fetch(`${prometheus.url}/api/v1/query?${new URLSearchParams({ query })}`)).json()) as {
      data: { result: { value: [number, string] }[] };
    };
    return answer.data.result.map(({ value: [, value] }) => value);
  };
  const told = () =>
    hook.received.map(({ body }) => JSON.parse(body) as Told).filter(({ alerts }) => alerts[0]?.labels.slo === 'quick-success');
  const overview = async () => (await (await fetch(`${muster.url}/api/overview`)).json()) as { verdict: { detail: string } };
  const absences = () =>
    hook.received
      .map(({ body }) => JSON.parse(body) as Told)
      .filter(({ alerts }) => alerts[0]?.labels.alertname === 'EnrollmentMonitoringAbsent')
      .map(({ status }) => status);
  const until = async (what: string, seconds: number, holds: () => boolean | Promise<boolean>) => {
    for (const end = Date.now() + seconds * 1_000; Date.now() < end; await sleep(500)) if (await holds()) return;
    throw new Error(`${what}: not within ${seconds} s\n${muster.output().slice(-2_000)}`);
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-live-'));
    dataDir = await temporaryData();
    hook = await receiver();
    await writeFile(join(folder, 'slo.yaml'), SLO);
    await writeFile(
      join(folder, 'escalation.yaml'),
      `receivers: { oncall: '${hook.url}' }\nroutes:\n  - { name: page, receiver: oncall, severity: page, wait: 1s, again: 1h }\n`,
    );
    const generated = ['--slo', join(folder, 'slo.yaml'), '--escalation', join(folder, 'escalation.yaml'), '--out', folder];
    expect(await runMuster(['generate', 'alerts', ...generated])).toMatchObject({ status: 0 });
    muster = await start();
    const rules = join(folder, 'alerts', 'prometheus', 'muster-slo.rules.yaml');
    // Minutes in production.
    await writeFile(rules, (await readFile(rules, 'utf8')).replaceAll(' for: 3m', ' for: 5s'));
    const configuration = await readFile(join(folder, 'alerts', 'alertmanager', 'alertmanager.yaml'), 'utf8');
    // The end is told with the next look at the group: five minutes in production.
    alertmanager = await startAlertmanager(folder, configuration.replace('group_interval: 5m', 'group_interval: 2s'));
    prometheus = await startPrometheus(
      folder,
      `global: { scrape_interval: 1s }
rule_files: ['${rules}']
scrape_configs: [{ job_name: muster, static_configs: [{ targets: ['${new URL(muster.url).host}'] }] }]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['${new URL(alertmanager.url).host}'] }] }] }
`,
    );
  });
  afterAll(async () => {
    for (const server of [prometheus, alertmanager, muster]) await server?.stop();
    hook.close();
    await rm(folder, { recursive: true, force: true });
    await removeData(dataDir);
  });

  test('that is heard of late, and outlives Muster, is told once and resolves', async () => {
    // Prometheus remembers what fires only once it has restored what it knew before: with its third look at the rules.
    const looks = new Set<string>();
    await until('three evaluations', 90, async () => {
      const answer = (await (await fetch(`${prometheus.url}/api/v1/rules`)).json()) as { data: { groups: { lastEvaluation: string }[] } };
      looks.add(answer.data.groups[0]?.lastEvaluation ?? '');
      return looks.size > 3;
    });
    // These failed up to two minutes ago; their events come now. A minute may end before the evaluator has seen them: then others follow.
    let minute = 0;
    await until('the page', 120, async () => {
      const now = Math.floor(Date.now() / MINUTE) * MINUTE;
      if (now !== minute) await send(now - 110_000, now, 40, 'failed');
      minute = now;
      return told().length > 0;
    });

    // The dashboard's panels of Prometheus have figures, once there is a request to rate.
    await send(minute - 110_000, minute, 5, 'failed');
    for (const { name, promql } of COLLECTOR_METRICS) {
      const query = promql.replaceAll(/=~"\$\w+"/g, '=~".+"').replace('$__rate_interval', '1m');
      await until(name, 20, async () => (await valuesOf(query)).some((value) => /^\d/.test(value)));
    }

    const { port } = new URL(muster.url);
    await muster.kill();
    await until('the page that says that Muster is gone', 90, () => absences().includes('firing'));
    await sleep(60_000);
    expect(told().map(({ status }) => status)).toEqual(['firing']);
    expect(await valuesOf('ALERTS{alertname="EnrollmentErrorBudgetBurn",slo="quick-success",alertstate="firing"}')).toEqual(['1']);
    muster = await start(port);
    await until('the end of its absence', 90, () => absences().includes('resolved'));
    await until('state after the restart', 45, async () =>
      /muster_slo_alert_state\{[^}]*state="firing"\} 1/.test(await (await fetch(`${muster.url}/metrics`)).text()),
    );
    // A failure that comes later still belongs to the same outage.
    await send(minute - 100_000, minute - 40_000, 5, 'failed');
    await sleep(20_000);
    expect(told().map(({ status }) => status)).toEqual(['firing']);

    // People get through again: the page waits for as many as show that it is over, and says so.
    const waits = async () => (await overview()).verdict.detail;
    await until('the calm', 200, async () => {
      const now = Math.floor(Date.now() / MINUTE) * MINUTE;
      if (now !== minute) await send(now - MINUTE / 2, now, 40, 'completed');
      minute = now;
      return /stopped at .*, and waits for \d+ attempts to show it \(\d+ so far\); ends by/.test(await waits());
    });
    expect(told().map(({ status }) => status)).toEqual(['firing']);
    // Announced work ends it at once.
    const window = {
      slo: '*',
      start: new Date(Date.now() - MINUTE).toISOString(),
      end: new Date(Date.now() + 10 * MINUTE).toISOString(),
      reason: 'repair',
    };
    const announced = await fetch(`${muster.url}/api/maintenance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(window),
    });
    expect(announced.ok).toBe(true);
    await until('the end', 120, () => told().length > 1);
    expect(told().map(({ status, alerts }) => [status, alerts.length])).toEqual([
      ['firing', 1],
      ['resolved', 1],
    ]);
    const [page] = told()[0]?.alerts ?? [];
    expect(page?.labels).toMatchObject({ alertname: 'EnrollmentErrorBudgetBurn', slo: 'quick-success', severity: 'page', pair: '1' });
    expect(page?.annotations.runbook_url).toMatch(/runbooks\/error-budget-burn$/);
  }, 620_000);
});
