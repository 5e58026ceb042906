/** The failure modes F1 to F8, each through the simulator: an incident of its own by the right cause, and what lasts is told by a real Alertmanager. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Incident } from '../../src/detect/incidents/incident.ts';
import { incidentsSince } from '../../src/detect/incidents/incident-table.ts';
import { createIncidentWatch } from '../../src/detect/incidents/incident-watch.ts';
import { createAnomalyWatch } from '../../src/detect/series/anomaly-watch.ts';
import { parseFault } from '../../src/lab/faults.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { ALERTS } from '../../src/names.ts';
import { alertmanagerConfig } from '../../src/publish/alertmanager/config.ts';
import { parseEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { alertmanagerSender } from '../../src/publish/notify/alertmanager.ts';
import { BESIDE_ALERTS } from '../../src/slo/evaluate/alerts/index.ts';
import { DEFAULT_THRESHOLDS } from '../../src/slo/evaluate/alerts/thresholds.ts';
import { createAlertWatch } from '../../src/slo/evaluate/companion-watch.ts';
import { createEvaluator } from '../../src/slo/evaluate/evaluator.ts';
import { createNotifier } from '../../src/slo/evaluate/notifications.ts';
import { findingsSince } from '../../src/store/records/findings.ts';
import { have } from '../support/counterparts.ts';
import { receiver, startAlertmanager } from '../support/servers.ts';
import { type TestServices, testServices } from '../support/store.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A Friday, half an hour into what lasts. */
const END = Date.UTC(2026, 2, 13, 15, 30);
const day0 = (daysAgo: number) => Math.floor(END / DAY) * DAY - daysAgo * DAY;

/** Failure mode, fault, when, and what may be named as its cause; nothing where everybody is met alike. */
const STORIES: readonly (readonly [mode: string, fault: string, startMs: number, causes: readonly string[] | undefined])[] = [
  ['F1', 'provider_outage', day0(3) + 9 * HOUR, ['provider sms-aurora', 'factor_type sms']],
  ['F2', 'duplicate_factors', day0(3) + 14 * HOUR, ['client_version web-8.1']],
  ['F3', 'invalid_seed', day0(2) + 9 * HOUR, ['factor_type totp']],
  ['F4', 'bad_attestation', day0(2) + 14 * HOUR, ['factor_type webauthn']],
  ['F5', 'rate_limit', day0(1) + 9 * HOUR, undefined],
  ['F6', 'partial_enrollments', day0(1) + 14 * HOUR, undefined],
  ['F8', 'secret_exposure', day0(0) + 9 * HOUR, undefined],
  ['F7', 'migration_break', day0(0) + 15 * HOUR, undefined],
];

let services: TestServices;
let folder: string;
const problems: string[] = [];
const onProblem = (message: string) => problems.push(message);
const now = () => END;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-faults-'));
  services = await testServices({ now });
  const faults = STORIES.map(([, name, startMs]) => parseFault(`${name}@${new Date(startMs).toISOString()}+60m`, END));
  const { days } = simulate({ seed: 5, days: 8, perDay: 6_000, endMs: END, faults });
  for (const { events } of days)
    await services.intake.accept(
      events.map((value) => ({ value })),
      'import',
    );
  await services.drain();
  const { engine } = services.store;
  const watch = createAnomalyWatch({ engine, dataDir: services.dataDir, timeZone: 'UTC', now, lagSeconds: () => 0, onProblem });
  // History first, then what is learned from it.
  await watch.look();
  await watch.look();
  await createIncidentWatch({ engine, slos: services.slos, now, onProblem }).look();
});
afterAll(async () => {
  expect(problems).toEqual([]);
  await services.dispose();
  await rm(folder, { recursive: true, force: true });
});

const incidentsAt = async (startMs: number): Promise<Incident[]> =>
  (await incidentsSince(services.store.engine, 0)).filter(
    ({ detectedMs, lastSignMs }) => detectedMs < startMs + 90 * 60_000 && lastSignMs > startMs,
  );

test.each(STORIES.filter(([mode]) => mode !== 'F8'))(
  '%s, %s, is one incident within minutes, by its cause',
  async (_, name, startMs, causes) => {
    const found = await incidentsAt(startMs);
    expect(found.map(({ title }) => title)).toHaveLength(1);
    const [incident] = found as [Incident];
    expect(incident.detectedMs - startMs).toBeGreaterThan(0);
    // What stays partial shows when it has stayed longer than usual.
    expect(incident.detectedMs - startMs).toBeLessThan(30 * 60_000);
    if (causes) expect(causes).toContain(`${incident.cause?.dimension} ${incident.cause?.value}`);
    expect(incident.attempts).toBeGreaterThan(10);
    expect(incident.status).toBe(name === 'migration_break' ? 'open' : 'resolved');
  },
);

test('F8: a secret is a finding, and no incident of operations', async () => {
  const [, , startMs] = STORIES.find(([mode]) => mode === 'F8') ?? [];
  await services.exposures.stop();
  const findings = await findingsSince(services.store.engine, 0);
  expect(findings.filter(({ detector }) => detector === 'secret_exposure').length).toBeGreaterThan(0);
  expect(await incidentsAt(Number(startMs))).toEqual([]);
});

test('quiet days have no incident', async () => {
  const all = await incidentsSince(services.store.engine, 0);
  expect(all.filter(({ detectedMs }) => detectedMs < day0(3) + 9 * HOUR).map(({ title }) => title)).toEqual([]);
});

test.runIf(have('prometheus-alertmanager'))('what lasts is told by a real Alertmanager, and the incident knows', async () => {
  const { engine } = services.store;
  const { slos } = services;
  const onCall = await receiver();
  const escalation = parseEscalation(
    `receivers: { oncall: '${onCall.url}' }\nroutes:\n  - { name: all, receiver: oncall, wait: 1s, again: 1h }\n`,
    'own.yaml',
  );
  const alertmanager = await startAlertmanager(folder, alertmanagerConfig(slos, escalation).text);
  const sender = alertmanagerSender({
    url: alertmanager.url,
    generatorUrl: 'http://localhost:8686',
    statePath: join(folder, 'told.json'),
    now: Date.now,
  });
  const notifier = createNotifier({ slos, senders: [sender], baseUrl: 'http://localhost:8686', now: Date.now, onProblem });
  const watch = createAlertWatch({ engine, slos, alerts: BESIDE_ALERTS, thresholds: DEFAULT_THRESHOLDS, now, onProblem });
  const evaluation = await createEvaluator({ engine, slos, now, onProblem }).evaluate();
  const active = await watch.look(evaluation);
  expect(active.filter(({ alert }) => alert === ALERTS.anomaly)).toMatchObject([{ severity: 'page' }]);
  await notifier.tell(evaluation, active, new Map());
  const told = () => onCall.received.flatMap(({ body }) => (JSON.parse(body) as { alerts: { labels: Record<string, string> }[] }).alerts);
  // By the page of the budget, which inhibits what is an early sign of it, or by that itself.
  await expect
    .poll(
      () =>
        told().some(
          ({ labels }) => labels.severity === 'page' && [ALERTS.anomaly, ALERTS.errorBudgetBurn].some((name) => name === labels.alertname),
        ),
      {
        timeout: 60_000,
      },
    )
    .toBe(true);
  await createIncidentWatch({ engine, slos, now, told: notifier.told, onProblem }).look();
  const [incident] = await incidentsAt(day0(0) + 15 * HOUR);
  expect(incident?.notifiedMs).not.toBeNull();
  await alertmanager.stop();
  onCall.close();
});
