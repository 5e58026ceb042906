/**
 * What the gate costs a statement: every query of every panel, through the gate and straight on a session of the same kind, side by side; and
 * attacks, which cost the gate alone.
 */

import { simulate } from '../../src/lab/simulate.ts';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import { DASHBOARDS, PANELS } from '../../src/publish/panels/index.ts';
import { loadSlos } from '../../src/slo/openslo.ts';
import { takeIn, testServices } from '../support/store.ts';
import { median, quantile } from './figures.ts';

const ROUNDS = 9;
const MINUTE = 60_000;
const endMs = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;

const services = await testServices();
const { guard, engine } = services.store;
for (const { events } of simulate({ seed: 3, days: 2, perDay: 2_000, endMs, faults: [] }).days) await takeIn(services, events as object[]);
const slos = await loadSlos();
const range = { fromMs: endMs - 86_400_000, toMs: endMs, intervalMs: 900_000 };
const queries = PANELS.map((file) => expandMacros(file(slos).sql, range));
console.log(`${queries.length} queries of ${DASHBOARDS.length} dashboards, ${ROUNDS} rounds`);

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
};
const direct = async (sql: string) => {
  const session = await engine.untrusted({ max_threads: 1 });
  await session.run(sql, 'JSON');
  session.close();
};
for (const sql of queries) await guard.query({ sql, format: 'JSON' });

const costs: number[] = [];
const [through, alone]: [number[], number[]] = [[], []];
for (const sql of queries) {
  const pairs: [number, number][] = [];
  for (let round = 0; round < ROUNDS; round++)
    pairs.push([await timed(() => guard.query({ sql, format: 'JSON' })), await timed(() => direct(sql))]);
  const [withGate, without] = [median(pairs.map(([first]) => first)), median(pairs.map(([, second]) => second))];
  through.push(withGate);
  alone.push(without);
  costs.push(withGate - without);
}
const line = (name: string, values: readonly number[]) =>
  console.log(
    `${name.padEnd(22)} p50 ${median(values).toFixed(1)}  p95 ${quantile(values, 0.95).toFixed(1)}  most ${Math.max(...values).toFixed(1)} ms`,
  );
line('through the gate', through);
line('straight', alone);
line('cost of the gate', costs);
console.log(`ratio of the sums: ${(through.reduce((a, b) => a + b) / alone.reduce((a, b) => a + b)).toFixed(2)}`);
await services.dispose();
