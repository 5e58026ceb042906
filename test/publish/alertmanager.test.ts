/** Alertmanager's configuration: accepted by its own tool, and every alert goes where the escalation matrix says. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ALERTS } from '../../src/names.ts';
import { alertmanagerConfig } from '../../src/publish/alertmanager/config.ts';
import { loadEscalation, parseEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { have, pathOf } from '../support/counterparts.ts';

const run = promisify(execFile);
const slos = await loadSlos();
const shipped = await loadEscalation();

const OWN = `receivers: { oncall: 'http://127.0.0.1:9/o', queue: 'http://127.0.0.1:9/q' }
routes:
  - { name: page, receiver: oncall, severity: page, wait: 10s, again: 1h }
  - { name: rest, receiver: queue, severity: ticket, wait: 5m, again: 1d }
maintenance:
  - { name: sunday-night, weekdays: [sunday], from: '02:00', to: '04:00', zone: Europe/Berlin }
`;

describe.runIf(have('amtool'))('amtool', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-amtool-'));
    await writeFile(join(folder, 'shipped.yaml'), alertmanagerConfig(slos, shipped).text);
    await writeFile(join(folder, 'own.yaml'), alertmanagerConfig(slos, parseEscalation(OWN, 'own.yaml')).text);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(['shipped.yaml', 'own.yaml'])('accepts %s', async (file) => {
    expect((await run(pathOf('amtool'), ['check-config', join(folder, file)])).stdout).toContain('SUCCESS');
  });

  const routed = (receivers: string, ...labels: string[]) =>
    run(pathOf('amtool'), [
      'config',
      'routes',
      'test',
      `--config.file=${folder}/shipped.yaml`,
      `--verify.receivers=${receivers}`,
      ...labels,
    ]);

  it.each([
    ['a page of a burning budget', 'oncall', [`alertname=${ALERTS.errorBudgetBurn}`, 'severity=page', 'slo=enrollment-success']],
    ['a ticket of a burning budget', 'tickets', [`alertname=${ALERTS.errorBudgetBurn}`, 'severity=ticket', 'slo=enrollment-success']],
    ['a provider that is down', 'oncall', [`alertname=${ALERTS.providerOutage}`, 'severity=page']],
    ['a provider that is down for few', 'tickets', [`alertname=${ALERTS.providerOutage}`, 'severity=ticket']],
    ['a mass lockout, to both', 'secops,oncall', [`alertname=${ALERTS.massLockout}`, 'severity=page']],
    ['stopped traffic', 'oncall', [`alertname=${ALERTS.trafficStopped}`, 'severity=page']],
    ['an advised rollback', 'oncall', [`alertname=${ALERTS.rollbackAdvised}`, 'severity=page']],
    ['stale telemetry', 'oncall', [`alertname=${ALERTS.telemetryStale}`, 'severity=page']],
    ['a test', 'tickets', ['alertname=MusterTest', 'severity=ticket']],
    ['what nobody foresaw', 'oncall', ['alertname=Other']],
  ])('sends %s to %s', async (_, receivers, labels) => {
    await expect(routed(receivers, ...labels)).resolves.toBeDefined();
  });

  it('would notice a page in the queue', async () => {
    await expect(routed('tickets', 'severity=page')).rejects.toMatchObject({ code: 1 });
  });
});

describe('the configuration', () => {
  const config = parse(alertmanagerConfig(slos, shipped).text);

  it('groups by what stays the same while an alert lasts', () => {
    expect(config.route.group_by).toEqual(['alertname', 'slo', 'service']);
  });

  it('has labels that its sources always carry in each inhibition', () => {
    for (const { equal } of config.inhibit_rules) expect(['slo', 'service']).toEqual(expect.arrayContaining(equal));
  });

  it('lets a provider outage silence the budgets that it burns, and no other', () => {
    const [, outage] = config.inhibit_rules;
    expect(outage.target_matchers).toEqual([
      `alertname="${ALERTS.errorBudgetBurn}"`,
      'slo=~"enrollment-success|system-success|time-to-enroll|provider-fallback"',
    ]);
  });

  it('mutes every route in a maintenance window', () => {
    const own = parse(alertmanagerConfig(slos, parseEscalation(OWN, 'own.yaml')).text);
    expect(own.route.routes.map((route: { mute_time_intervals: string[] }) => route.mute_time_intervals)).toEqual([
      ['sunday-night'],
      ['sunday-night'],
    ]);
    expect(own.time_intervals[0].time_intervals[0]).toEqual({
      weekdays: ['sunday'],
      times: [{ start_time: '02:00', end_time: '04:00' }],
      location: 'Europe/Berlin',
    });
  });
});

describe('a wrong matrix', () => {
  it.each([
    ['severity: page', 'severity: urgent', 'own.yaml:3: routes.0.severity'],
    ['receiver: oncall', 'receiver: nobody', 'own.yaml:3: routes.0.receiver: no receiver is called nobody'],
    ['wait: 5m', 'wait: soon', 'own.yaml:4: routes.1.wait: expected a duration'],
    ["from: '02:00'", "from: '2am'", 'own.yaml:6: maintenance.0.from: expected a time of day'],
    ['http://127.0.0.1:9/o', 'file:///etc/passwd', 'own.yaml:1: receivers.oncall: expected a URL'],
    ['maintenance:', 'maintenance', 'own.yaml:'],
  ])('%s made %s names file and line', (good, bad, words) => {
    expect(() => parseEscalation(OWN.replace(good, bad), 'own.yaml')).toThrow(words);
  });
});
