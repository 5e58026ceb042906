/** `/metrics`: accepted by promtool, and the same counts as the status. */
import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { simulate } from '../../src/lab/simulate.ts';
import { SLIS } from '../../src/slo/slis/index.ts';
import { have, pathOf } from '../support/counterparts.ts';
import { type Running, removeData, startMuster, temporaryData } from '../support/process.ts';

let muster: Running;
let text: string;
beforeAll(async () => {
  muster = await startMuster(await temporaryData());
  const { days } = simulate({ seed: 4, days: 1, perDay: 3_000, endMs: Math.floor(Date.now() / 60_000) * 60_000, faults: [] });
  const events = [...days].flatMap((day) => day.events);
  const response = await fetch(`${muster.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  });
  expect(response.status).toBe(200);
  for (const until = Date.now() + 40_000; Date.now() < until; await sleep(500)) {
    text = await (await fetch(`${muster.url}/metrics`)).text();
    if (Number(value('muster_slo_window_events', { slo: 'enrollment-success', window: '1d', outcome: 'good' })) > 2_000) break;
  }
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
});

function value(name: string, labels: Record<string, string>): number | undefined {
  const line = text
    .split('\n')
    .find((each) => each.startsWith(`${name}{`) && Object.entries(labels).every(([label, is]) => each.includes(`${label}="${is}"`)));
  return line === undefined ? undefined : Number(line.split(' ').at(-1));
}

test('the window gauges are the counts of the status at the same minute', async () => {
  const overview = (await (await fetch(`${muster.url}/api/overview`)).json()) as { at: string };
  text = await (await fetch(`${muster.url}/metrics`)).text();
  const statuses = (await (await fetch(`${muster.url}/api/slos?at=${overview.at}`)).json()) as {
    slo: string;
    objective: number | null;
    burnRates: Record<string, number | null>;
    errorBudgetRemaining: number | null;
  }[];
  expect(statuses).toHaveLength(SLIS.length);
  for (const { slo, objective, burnRates, errorBudgetRemaining } of statuses) {
    expect(value('muster_slo_objective_ratio', { slo })).toBe(objective ?? undefined);
    expect(value('muster_slo_error_budget_remaining_ratio', { slo })).toBe(errorBudgetRemaining ?? undefined);
    for (const [window, burn] of Object.entries(burnRates)) {
      const [good = Number.NaN, bad = Number.NaN, users = Number.NaN] = ['good', 'bad', 'users_bad'].map((outcome) =>
        value('muster_slo_window_events', { slo, window, outcome }),
      );
      expect(users).toBeLessThanOrEqual(bad);
      if (burn !== null) expect(bad / (good + bad) / (1 - (objective ?? 1))).toBeCloseTo(burn, 9);
      expect(value('muster_slo_burn_rate', { slo, window })).toBe(burn ?? undefined);
    }
  }
});

test('the collector is counted by source and result', () => {
  expect(value('muster_collector_events_total', { source: 'enrollment-api', result: 'accepted' })).toBeGreaterThan(10_000);
  expect(
    value('muster_collector_request_duration_seconds_count', {}) ??
      Number(/^muster_collector_request_duration_seconds_count (\d+)/m.exec(text)?.[1]),
  ).toBeGreaterThan(0);
  expect(Number(/^muster_collector_lag_seconds (\S+)/m.exec(text)?.[1])).toBeLessThan(10);
  expect(Number(/^muster_pending_attempts (\d+)/m.exec(text)?.[1])).toBeGreaterThanOrEqual(0);
});

test.runIf(have('promtool'))('promtool accepts the metrics', () => {
  const output = execFileSync(pathOf('promtool'), ['check', 'metrics'], { input: text, encoding: 'utf8' });
  expect(output).toBe('');
});

test('the process is alive and ready', async () => {
  expect(await (await fetch(`${muster.url}/healthz`)).text()).toBe('ok\n');
  expect(await (await fetch(`${muster.url}/readyz`)).text()).toBe('ready\n');
});

test('who asks for OpenMetrics, as Prometheus does, gets the same series in that form', async () => {
  const asking = 'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  const answer = await fetch(`${muster.url}/metrics`, { headers: { accept: asking } });
  expect(answer.headers.get('content-type')).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
  const open = (await answer.text()).split('\n');
  expect(open.slice(-2)).toEqual(['# EOF', '']);
  const isDescribed = (line: string) => line.startsWith('# ');
  const seriesOf = (lines: readonly string[]) =>
    lines.filter((line) => line !== '' && !isDescribed(line)).map((line) => line.replace(/ \S+$/, ''));
  const own = (lines: readonly string[]) => seriesOf(lines).filter((line) => line.startsWith('muster_slo_'));
  expect(own(open)).toEqual(own(text.split('\n')));
  expect(open.filter((line) => line === '')).toHaveLength(1);
  // Of a counter the family has no ending, its samples have.
  expect(open).toContain('# TYPE muster_collector_events counter');
  expect(open.filter(isDescribed).join('\n')).not.toMatch(/_total /);
  expect(seriesOf(open).some((line) => line.startsWith('muster_collector_events_total{'))).toBe(true);
});
