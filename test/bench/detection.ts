/** `npm run bench -- detection [--months N] [--series N] [--seed N]`: how good the detectors are, and how fast. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { falseIncidents, foundFaults, month, scheduledFaults } from './detection/months.ts';
import { scoredNab } from './detection/nab.ts';
import { nabScore } from './detection/nab-score.ts';
import { speed } from './detection/speed.ts';

const NAB = fileURLToPath(new URL('../../../shared/nab', import.meta.url));

if (!existsSync(NAB)) console.log('NAB: not measured, because its data is not at ../shared/nab');
else {
  const startMs = performance.now();
  const files = await scoredNab(NAB);
  const points = files.reduce((sum, { scores }) => sum + scores.length, 0);
  const micros = ((performance.now() - startMs) * 1_000) / points;
  console.log(`NAB, standard profile, ${files.length} files: ${nabScore(files).toFixed(2)} (${micros.toFixed(0)} µs a point)`);
  for (const [group, of] of Map.groupBy(files, ({ name }) => name.split('/')[0])) {
    const windows = of.reduce((sum, file) => sum + file.windows.length, 0);
    console.log(`  ${group}: ${windows === 0 ? 'no windows' : nabScore(of).toFixed(2)}`);
  }
}

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    months: { type: 'string', default: '12' },
    series: { type: 'string', default: '300' },
    seed: { type: 'string', default: '1' },
  },
});
const [months, size, seed] = [Number(values.months), Number(values.series), Number(values.seed)];

if (size > 0) await speed(Math.ceil(1_000 / 3), seed);

const faults = (i: number) => scheduledFaults(seed, i);
const faulty = await month(seed, size, faults);
const perMinute = (faulty.judgingMs * 1_000) / faulty.judgedMinutes;
console.log(
  `\n${size} series, ${faulty.models.length} models: learned in ${(faulty.trainingMs / 1_000).toFixed(1)} s; judged at ${perMinute.toFixed(2)} µs per series and minute`,
);
console.log('recall (median minutes to detect) by attempts a minute');
const CLASSES = [
  [0, 1],
  [1, 5],
  [5, 20],
  [20, Number.POSITIVE_INFINITY],
] as const;
const found = foundFaults(faulty, faults);
for (const [kind, of] of Map.groupBy(found, (fault) => fault.kind)) {
  const cells = CLASSES.map(([from, to]) => {
    const some = of.filter(({ rate }) => rate >= from && rate < to);
    const times = some.flatMap(({ minutes }) => (minutes === undefined ? [] : [minutes])).sort((a, b) => a - b);
    return `${from}–${to}: ${(times.length / some.length).toFixed(3)} (${times[times.length >> 1] ?? '–'}) of ${some.length}`;
  });
  console.log(`  ${kind.padEnd(9)} ${cells.join('   ')}`);
}

console.log(`false incidents in ${months} healthy months of ${size} series`);
const all: Record<string, number> = {};
for (let m = 1; m <= months; m++) {
  const here = falseIncidents(await month(seed + 1_000 * m, size));
  for (const [detector, n] of Object.entries(here)) all[detector] = (all[detector] ?? 0) + n;
  console.log(`  month ${m}: ${JSON.stringify(here)}`);
}
const total = Object.values(all).reduce((sum, n) => sum + n, 0);
console.log(`  in 30 days: ${(total / months).toFixed(2)} ${JSON.stringify(all)}`);
