/** `npm run bench -- soak`: the faults that tests inject a few times, many times over. Ends with 1 at the first that breaks a promise. */
import { deepStrictEqual } from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crashRounds } from '../support/crash-rounds.ts';
import { writeDamaged } from '../support/damaged-log.ts';
import { testServices } from '../support/store.ts';

const ROUNDS = Number(process.env.MUSTER_BENCH_ROUNDS ?? 50);
const KILLS_PER_STORE = 10;

let seed = 0;
for (let left = ROUNDS; left > 0; left -= KILLS_PER_STORE) {
  seed += 1;
  const kills = Math.min(KILLS_PER_STORE, left);
  const startMs = performance.now();
  const { killed, sent, repeated, expected, found, problems } = await crashRounds({ kills, seed, perDay: 5_000 });
  deepStrictEqual(found, expected, `seed ${seed}: figures differ from the truth`);
  deepStrictEqual(problems, '');
  console.log(
    `kill -9, seed ${seed}: ${killed} kills, ${sent} events in random order, ${repeated} batches twice; ${expected.length} SLIs to the last count (${((performance.now() - startMs) / 1_000).toFixed(0)} s)`,
  );
}

const dataDir = await mkdtemp(join(tmpdir(), 'muster-soak-'));
try {
  const startMs = performance.now();
  const { whole, damaged } = await writeDamaged(join(dataDir, 'log'), 1, 1);
  const services = await testServices({ dataDir });
  const ids = await services.store.read.rows<{ id: string }>('SELECT id FROM events_v ORDER BY id');
  deepStrictEqual(
    ids.map(({ id }) => id),
    whole.sort(),
  );
  deepStrictEqual((await readdir(join(dataDir, 'quarantine'))).length, damaged);
  await services.close();
  console.log(
    `damage at every byte of three records, cut, zeroed and flipped: ${damaged} set aside, ${whole.length} records around them loaded (${((performance.now() - startMs) / 1_000).toFixed(0)} s)`,
  );
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
