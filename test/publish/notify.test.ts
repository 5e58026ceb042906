/** Notifications: to a real Alertmanager that tells a web hook once, and to a web hook of our own, signed. */

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alertmanagerSender } from '../../src/publish/notify/alertmanager.ts';
import { noted, readDeliveries } from '../../src/publish/notify/deliveries.ts';
import { heartbeatSender } from '../../src/publish/notify/heartbeat.ts';
import { signed, webhookSender } from '../../src/publish/notify/webhook.ts';
import { burnAlert } from '../../src/publish/prometheus/rules.ts';
import { createMetrics } from '../../src/serve/metrics/metrics.ts';
import { createCauses } from '../../src/slo/evaluate/causes.ts';
import { createEvaluator } from '../../src/slo/evaluate/evaluator.ts';
import { addMaintenance } from '../../src/slo/evaluate/maintenance.ts';
import { createNotifier, type Notification, type Sender, sendAll, testRoutes } from '../../src/slo/evaluate/notifications.ts';
import { have } from '../support/counterparts.ts';
import { type Receiver, type RunningServer, receiver, startAlertmanager } from '../support/servers.ts';
import { type TestServices, takeIn, testServices } from '../support/store.ts';

const labels = {
  alertname: 'EnrollmentErrorBudgetBurn',
  slo: 'enrollment-success',
  service: 'mfa-enrollment',
  severity: 'page',
  pair: '1',
};
const firing = (startsAtMs: number): Notification => ({ labels, annotations: { summary: 'burns' }, startsAtMs, endsAtMs: null });

describe('web hook', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-hook-'));
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test('is signed as the example of the Standard Webhooks specification', () => {
    // Vector of the specification's reference libraries.
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    expect(signed(key, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1_614_265_330, '{"test": 2432232314}')['webhook-signature']).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    );
  });

  test('tells a beginning and an end once each, also over a restart, and tries again what was refused', async () => {
    const hook = await receiver();
    let now = Date.now();
    const open = () =>
      webhookSender({
        url: hook.url,
        secret: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
        statePath: join(folder, 'told.json'),
        now: () => now,
      });
    const alert = firing(now);
    hook.answer(503);
    await expect(open().send([alert], true)).rejects.toThrow(/answered 503/);
    hook.answer(200);
    const sender = open();
    await sender.send([alert], true);
    await sender.send([alert], true);
    await open().send([alert], true);
    now += 60_000;
    const ended = { ...alert, endsAtMs: now };
    await open().send([ended], true);
    await open().send([ended], true);
    // The end of what nobody was told of is no news.
    await open().send([{ ...ended, labels: { ...labels, pair: '2' } }], true);
    // One that ended while no process ran is told to have ended; a test of the routes says nothing of it.
    const other = { ...firing(now), labels: { ...labels, pair: '3' } };
    await open().send([other], true);
    await open().send([], false);
    await open().send([], true);
    hook.close();
    expect(hook.received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      'alert.firing',
      'alert.resolved',
      'alert.firing',
      'alert.resolved',
    ]);
    const [first] = hook.received;
    const id = String(first?.headers['webhook-id']);
    expect(signed(Buffer.alloc(24, 7), id, Number(first?.headers['webhook-timestamp']), String(first?.body))['webhook-signature']).toBe(
      first?.headers['webhook-signature'],
    );
  });

  test('user and password of an address go in a header, and are in no error', async () => {
    const hook = await receiver();
    const url = hook.url.replace('http://', 'http://ada%40ops:p%25ss@');
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
    const now = Date.now;
    const senders = (to: string) => [
      webhookSender({ url: to, secret, statePath: join(folder, 'with-password.json'), now }),
      alertmanagerSender({ url: to, now, generatorUrl: to, statePath: join(folder, 'told-with-password.json') }),
      heartbeatSender(to, now),
    ];
    for (const sender of senders(url)) expect(await sender.send([firing(now())], true)).toBe(true);
    hook.close();
    expect(hook.received.map(({ headers }) => headers.authorization)).toEqual(
      Array(3).fill(`Basic ${Buffer.from('ada@ops:p%ss').toString('base64')}`),
    );
    const unreachable = 'http://ada:secret-of-ada@127.0.0.1:1';
    for (const sender of senders(unreachable)) {
      const problems: string[] = [];
      await sendAll([sender], [{ ...firing(now()), labels: { ...labels, pair: '9' } }], (message) => problems.push(message));
      expect(problems).toHaveLength(1);
      expect(problems.join()).not.toMatch(/ada|secret/);
    }
  });

  test('what became of what was sent is known to whoever asks later', async () => {
    const hook = await receiver();
    let nowMs = 1_000_000;
    const path = join(folder, 'deliveries.json');
    const sender = () =>
      noted(
        heartbeatSender(hook.url, () => nowMs),
        path,
        () => nowMs,
      );
    const name = sender().name;
    hook.answer(500);
    await expect(sender().send([], true)).rejects.toThrow('answered 500');
    expect(await readDeliveries(path)).toEqual({ [name]: { takenMs: null, failedMs: 1_000_000, why: 'answered 500' } });
    hook.answer(200);
    nowMs += 70_000;
    const beating = sender();
    expect(await beating.send([], true)).toBe(true);
    // Nothing to send is no success.
    nowMs += 10_000;
    expect(await beating.send([], true)).toBe(false);
    expect(await readDeliveries(path)).toMatchObject({ [name]: { takenMs: 1_070_000, failedMs: 1_000_000 } });
    hook.close();
  });

  test('a receiver that sends elsewhere has not been told, and nobody else is', async () => {
    const elsewhere = await receiver();
    for (const status of [301, 302, 307, 308]) {
      const moved = createServer((_, response) => response.writeHead(status, { location: elsewhere.url }).end());
      const { port } = await new Promise<AddressInfo>((resolve) =>
        moved.listen(0, '127.0.0.1', () => resolve(moved.address() as AddressInfo)),
      );
      const url = `http://127.0.0.1:${port}`;
      const statePath = join(tmpdir(), `muster-moved-${port}.json`);
      const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
      const senders = [
        webhookSender({ url, secret, statePath, now: Date.now }),
        alertmanagerSender({ url, now: Date.now, generatorUrl: url, statePath }),
        heartbeatSender(url, Date.now),
      ];
      for (const sender of senders)
        await expect(sender.send([firing(Date.now())], true)).rejects.toThrow(`answered ${status}, which sends to "${elsewhere.url}"`);
      moved.close();
    }
    elsewhere.close();
    expect(elsewhere.received).toEqual([]);
  });

  test('a heartbeat beats once a minute, and one sender that fails keeps no other from being told', async () => {
    const hook = await receiver();
    let now = 1_000_000;
    const heart = heartbeatSender(hook.url, () => now);
    const broken: Sender = { name: 'broken', endsByTime: false, send: () => Promise.reject(new Error('no')) };
    const problems: string[] = [];
    await sendAll([broken, heart], [], (message) => problems.push(message));
    await sendAll([heart], [], () => {});
    now += 60_000;
    await sendAll([heart], [], () => {});
    hook.close();
    expect(hook.received).toHaveLength(2);
    expect(problems).toEqual(['broken: no']);
  });
});

describe.runIf(have('prometheus-alertmanager'))('a real Alertmanager', () => {
  let folder: string;
  let alertmanager: RunningServer;
  let url: string;
  let hook: Receiver;
  let services: TestServices;
  const told = () =>
    hook.received.map(({ body }) => JSON.parse(body) as { status: string; alerts: { labels: Record<string, string>; status: string }[] });

  const toAlertmanager = (to = url) =>
    alertmanagerSender({ url: to, now: Date.now, generatorUrl: 'http://localhost:8686/overview', statePath: join(folder, 'told.json') });

  beforeAll(async () => {
    hook = await receiver();
    folder = await mkdtemp(join(tmpdir(), 'muster-alertmanager-'));
    alertmanager = await startAlertmanager(
      folder,
      `route:\n  receiver: hook\n  group_by: [alertname, slo, pair, severity]\n  group_wait: 0s\n  group_interval: 1s\n  repeat_interval: 1h\nreceivers:\n  - name: hook\n    webhook_configs:\n      - url: ${hook.url}\n        send_resolved: true\n`,
    );
    url = alertmanager.url;
    services = await testServices();
  });
  afterAll(async () => {
    await alertmanager.stop();
    hook.close();
    await services.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  test('an outage is told once by two senders, over a restart, and resolves; labels are those of the Prometheus rule', async () => {
    const { engine } = services.store;
    const { slos } = services;
    const base = Math.floor(Date.now() / 60_000) * 60_000;
    await takeIn(
      services,
      Array.from({ length: 120 }, (_, i) => {
        const fields = { source: 'hand', attempt_id: `a${i}`, user: `user-${i}@example.org`, region: 'eu' };
        const time = (ms: number) => new Date(base - 50 * 60_000 + i * 20_000 + ms).toISOString();
        return [
          { id: `s${i}`, type: 'enrollment.started', time: time(0), ...fields },
          { id: `e${i}`, type: 'enrollment.failed', time: time(5_000), error_class: 'provider', ...fields },
        ];
      }).flat(),
    );
    const problems: string[] = [];
    const run = async (atMs: number) => {
      const evaluation = await createEvaluator({
        engine,
        slos,
        now: () => atMs,
        onProblem: (message) => problems.push(message),
      }).evaluate();
      const causes = createCauses({ engine, slos, onProblem: (message) => problems.push(message) });
      const notifier = createNotifier({
        slos: slos.filter(({ name }) => name === 'enrollment-success'),
        senders: [toAlertmanager()],
        baseUrl: 'http://localhost:8686',
        now: Date.now,
        onProblem: (message) => problems.push(message),
      });
      return { tell: async (told = evaluation) => notifier.tell(told, [], await causes.look(told)), evaluation, causes };
    };
    const at = base - 12 * 60_000;
    const first = await run(at);
    await first.tell();
    // The Prometheus rule reads the cause from here.
    const metrics = createMetrics({ lagSeconds: () => 0, openFindings: async () => [] });
    metrics.showCauses(first.causes.latest());
    expect(await metrics.registry.metrics()).toMatch(
      /\nmuster_slo_leading_cause\{slo="enrollment-success",cause="(error class|region) \w+"\} 1\n/,
    );
    metrics.showCauses(new Map());
    expect(await metrics.registry.metrics()).not.toContain('muster_slo_leading_cause{');
    const slo = slos.find(({ name }) => name === 'enrollment-success');
    const pair = slo?.pairs[0];
    if (!slo || !pair) throw new Error('no pair');
    const rule = burnAlert(slo, pair, { baseUrl: 'http://localhost:8686' });
    // Prometheus would send the same alert by its own rule.
    await fetch(`${url}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([
        { labels: { alertname: rule.alert, ...rule.labels }, annotations: rule.annotations, startsAt: new Date(at).toISOString() },
      ]),
    });
    const second = await run(at + 60_000);
    await second.tell();
    await sleep(2_500);
    const ofPair = () => told().filter(({ alerts }) => alerts.some(({ labels: of }) => of.pair === '1'));
    expect(ofPair()).toHaveLength(1);
    const [alert] = ofPair()[0]?.alerts ?? [];
    expect(alert?.labels).toEqual({ alertname: rule.alert, ...rule.labels });
    const shown = (await (await fetch(`${url}/api/v2/alerts`)).json()) as {
      labels: { pair: string };
      annotations: Record<string, string>;
    }[];
    expect(shown.find(({ labels: of }) => of.pair === '1')?.annotations.description).toMatch(
      /bad in 1h\. Burns since \d\d:\d\d UTC on [\d-]+, fired at .*\. Leading: .* accounts for 100 % of the excess failures/,
    );

    // Announced work ends it.
    const window = { slo: '*', startMs: at + 5 * 60_000, endMs: at + 20 * 60_000, reason: 'repair', actorRef: '' };
    await addMaintenance(engine, slos, window, Date.now());
    const third = await run(at + 9 * 60_000);
    // Another process than that which said that it fires.
    await third.tell();
    await sleep(2_500);
    expect(ofPair().map(({ status }) => status)).toEqual(['firing', 'resolved']);
    expect(problems).toEqual([]);
  });

  test('what fires does not end because nothing more is heard of it', async () => {
    const alert = { ...firing(Date.now()), labels: { ...labels, slo: 'silent' } };
    await toAlertmanager().send([alert], true);
    const shown = (await (await fetch(`${url}/api/v2/alerts`)).json()) as { labels: { slo: string }; endsAt: string }[];
    const endsAt = Date.parse(shown.find(({ labels: of }) => of.slo === 'silent')?.endsAt ?? '');
    expect(endsAt - Date.now()).toBeGreaterThan(23 * 3_600_000);
    await toAlertmanager().send([], true);
    await sleep(2_500);
    const ofSilent = told().filter(({ alerts }) => alerts.some(({ labels: of }) => of.slo === 'silent'));
    expect(ofSilent.map(({ status }) => status)).toEqual(['firing', 'resolved']);
  });

  test('muster alert test sends a marked page and a marked ticket, and names a route that is down', async () => {
    const senders = [toAlertmanager(), toAlertmanager('http://127.0.0.1:1')];
    const routes = await testRoutes(senders, 'mfa-enrollment', 'http://localhost:8686', Date.now());
    expect(routes.map(({ problem }) => problem !== undefined)).toEqual([false, true]);
    await sleep(1_500);
    const tests = told().flatMap(({ alerts }) => alerts.filter(({ labels: of }) => of.alertname === 'MusterTest'));
    expect(tests.map(({ labels: of }) => of.severity).sort()).toEqual(['page', 'ticket']);
    expect(tests.every(({ labels: of }) => of.test === 'true')).toBe(true);
  });
});
