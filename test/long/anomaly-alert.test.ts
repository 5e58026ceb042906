/** An incident of flags is told: by a web hook and a real Alertmanager, once, in the metrics and findings too, until somebody says that it is none. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeFlags } from '../../src/detect/series/flags.ts';
import { ALERTS } from '../../src/names.ts';
import { alertmanagerConfig } from '../../src/publish/alertmanager/config.ts';
import { parseEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { have } from '../support/counterparts.ts';
import { type Running, removeData, runMuster, startUnder, temporaryData } from '../support/process.ts';
import { type Receiver, type RunningServer, receiver, startAlertmanager } from '../support/servers.ts';
import { testServices } from '../support/store.ts';

const SECRET = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
const nowMinute = Math.floor(Date.now() / 60_000);
const WAIT = { timeout: 120_000, interval: 500 };

let dataDir: string;
let folder: string;
let muster: Running;
let hook: Receiver;
/** What Alertmanager tells. */
let onCall: Receiver;
let alertmanager: RunningServer | undefined;

const flag = (minute: number, region: string) => ({
  minute,
  since: nowMinute - 6,
  metric: 'latency',
  dimension: 'region',
  value: region,
  detector: 'latency',
  score: 0.7,
  observed: 0.6,
  expected: 0.05,
  expectedLow: 0,
  expectedHigh: 0.2,
});

beforeAll(async () => {
  dataDir = await temporaryData();
  folder = await mkdtemp(join(tmpdir(), 'muster-anomaly-alert-'));
  [hook, onCall] = await Promise.all([receiver(), receiver()]);
  const services = await testServices({ dataDir });
  const flags = [flag(nowMinute - 4, 'eu'), flag(nowMinute - 3, 'eu'), flag(nowMinute - 4, '<us & "co">\n')];
  await writeFlags(services.store.engine, { flags, gone: [] }, Date.now());
  await services.close();
  const environment = [`MUSTER_WEBHOOK_URL=${hook.url}`, `MUSTER_WEBHOOK_SECRET=${SECRET}`];
  if (have('prometheus-alertmanager')) {
    const escalation = parseEscalation(
      `receivers: { oncall: '${onCall.url}' }\nroutes:\n  - { name: all, receiver: oncall, wait: 1s, again: 1h }\n`,
      'own.yaml',
    );
    alertmanager = await startAlertmanager(folder, alertmanagerConfig(await loadSlos(), escalation).text);
    environment.push(`MUSTER_ALERTMANAGER_URL=${alertmanager.url}`);
  }
  muster = await startUnder(['env', ...environment], dataDir);
});
afterAll(async () => {
  await muster?.stop();
  await alertmanager?.stop();
  hook.close();
  onCall.close();
  await rm(folder, { recursive: true, force: true });
  await removeData(dataDir);
});

interface Told {
  type: string;
  data: { labels: Record<string, string>; annotations: Record<string, string> };
}
const toldOf = (value: string): Told[] =>
  hook.received.map(({ body }) => JSON.parse(body) as Told).filter(({ data }) => data.labels.value === value);

test('each incident is told once, with its place as labels, and links to itself', async () => {
  await expect.poll(() => toldOf('eu').length, WAIT).toBe(1);
  expect(toldOf('eu')).toMatchObject([
    {
      type: 'alert.firing',
      data: {
        labels: {
          alertname: ALERTS.anomaly,
          severity: 'ticket',
          service: 'mfa-enrollment',
          metric: 'latency',
          dimension: 'region',
          value: 'eu',
        },
        annotations: {
          summary: expect.stringMatching(/^Completions are slow: region eu \(INC-\d\)$/),
          dashboard_url: expect.stringMatching(/\/incidents\/INC-\d$/),
          runbook_url: expect.stringContaining('/runbooks/anomaly'),
        },
      },
    },
  ]);
  const metrics = await (await fetch(`${muster.url}/metrics`)).text();
  expect(metrics).toContain(
    `muster_alert_active{alert="${ALERTS.anomaly}",severity="ticket",service="mfa-enrollment",provider="",region="",deployment="",metric="latency",dimension="region",value="eu"} 1`,
  );
  expect(metrics).toContain('muster_findings_open{detector="anomaly",severity="ticket"} 2');
});

test('the incident knows that it was told, and its finding', async () => {
  const of = async () => JSON.parse((await runMuster(['incidents', '--json', '--data', dataDir])).stdout) as Incident[];
  await expect
    .poll(async () => (await of()).map(({ notified, findings }) => [notified !== null, findings.length]), WAIT)
    .toEqual([
      [true, 1],
      [true, 1],
    ]);
  const findings = JSON.parse((await runMuster(['findings', '--json', '--data', dataDir])).stdout) as Finding[];
  for (const {
    id,
    findings: [finding],
  } of await of())
    expect(findings.find((each) => each.id === finding)).toMatchObject({ detector: 'anomaly', status: 'open', incident: id });
});

test.runIf(have('prometheus-alertmanager'))('a real Alertmanager tells who is on call', async () => {
  const values = () =>
    onCall.received.flatMap(({ body }) =>
      (JSON.parse(body) as { alerts: { status: string; labels: Record<string, string> }[] }).alerts
        .filter(({ labels, status }) => labels.alertname === ALERTS.anomaly && status === 'firing')
        .map(({ labels }) => labels.value ?? ''),
    );
  await expect.poll(() => [...new Set(values())].includes('eu'), WAIT).toBe(true);
});

test('what somebody dismisses is told to have ended, and is in no metric any more', async () => {
  const [incident] = (JSON.parse((await runMuster(['incidents', '--json', '--data', dataDir])).stdout) as Incident[]).filter(({ title }) =>
    title.endsWith('region eu'),
  );
  expect((await runMuster(['incidents', 'dismiss', String(incident?.id), '--reason', 'a load test', '--data', dataDir])).status).toBe(0);
  await expect.poll(() => toldOf('eu').map(({ type }) => type), WAIT).toEqual(['alert.firing', 'alert.resolved']);
  expect(await (await fetch(`${muster.url}/metrics`)).text()).not.toContain('dimension="region",value="eu"} 1');
});

interface Incident {
  id: string;
  title: string;
  notified: string | null;
  findings: string[];
}
interface Finding {
  id: string;
}
