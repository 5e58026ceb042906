/** `npm run bench -- detection`: how good the detectors are, and how fast. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { scoredNab } from './detection/nab.ts';
import { nabScore } from './detection/nab-score.ts';

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
