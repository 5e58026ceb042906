/**
 * What the gate costs a statement: every query of every panel, through the gate and straight on a session of the same kind, side by side; and
 * attacks, which cost the gate alone.
 */

import { simulate } from '../../src/lab/simulate.ts';
import { expandMacros } from '../../src/publish/grafana/macros.ts';
import { DASHBOARDS, PANELS } from '../../src/publish/panels/index.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { createGuard, type Guard } from '../../src/store/guard/guard.ts';
import { takeIn, testServices } from '../support/store.ts';
import { median, quantile } from './figures.ts';

const ROUNDS = 9;
const MINUTE = 60_000;
const endMs = Math.floor(Date.now() / MINUTE) * MINUTE - MINUTE;

const services = await testServices();
const { guard, engine } = services.store;
for (const { events } of simulate({ seed: 3, days: 2, perDay: 2_000, endMs, faults: [] }).days) await takeIn(services, events as object[]);
const slos = await loadSlos();
/** As a dashboard asks: each round a minute later. */
const queriesOf = (round: number) => {
  const toMs = endMs + round * MINUTE;
  return PANELS.map((file) => expandMacros(file(slos).sql, { fromMs: toMs - 86_400_000, toMs, intervalMs: 900_000 }));
};
const rounds = Array.from({ length: ROUNDS }, (_, round) => queriesOf(round));
console.log(`${PANELS.length} queries of ${DASHBOARDS.length} dashboards, ${ROUNDS} rounds`);

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
};
/** In the same order of precedence as behind the gate. */
const direct = async (sql: string) => {
  const session = await engine.untrusted({ max_threads: 1, os_threads_nice_value_query: 10 });
  await session.run(sql, 'JSON');
  session.close();
};
/** A gate that knows no statement yet. */
const newcomer = async (): Promise<Guard> => {
  const guard = createGuard(engine);
  await guard.query({ sql: 'SELECT 1', format: 'TSV' });
  return guard;
};
await Promise.all(queriesOf(0).map((sql) => guard.query({ sql, format: 'JSON' })));

type Figures = Record<'first' | 'again' | 'alone', number[]>;
const perQuery: Figures[] = PANELS.map(() => ({ first: [], again: [], alone: [] }));
for (const queries of rounds) {
  const unaware = await newcomer();
  for (const [index, sql] of queries.entries()) {
    const figures = perQuery[index] as Figures;
    figures.first.push(await timed(() => unaware.query({ sql, format: 'JSON' })));
    figures.alone.push(await timed(() => direct(sql)));
    figures.again.push(await timed(() => guard.query({ sql, format: 'JSON' })));
  }
}
const line = (name: string, values: readonly number[]) =>
  console.log(
    `${name.padEnd(34)} p50 ${median(values).toFixed(1)}  p95 ${quantile(values, 0.95).toFixed(1)}  most ${Math.max(...values).toFixed(1)} ms`,
  );
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b);
const medians = (of: keyof Figures) => perQuery.map((figures) => median(figures[of]));
const alone = medians('alone');
line('straight', alone);
for (const [of, name] of [
  ['first', 'a statement that is new'],
  ['again', 'one asked before, of another range'],
] as const) {
  const through = medians(of);
  line(name, through);
  line(
    '  cost of the gate',
    through.map((ms, index) => ms - (alone[index] as number)),
  );
  console.log(`  ratio of the sums: ${(sum(through) / sum(alone)).toFixed(2)}`);
}
await services.dispose();
