/** kill -9 in the middle of a load: what was acknowledged is there, and the figures are those of an undisturbed store. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { simulate } from '../../src/lab/simulate.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';

const END_MS = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
const BATCH = 400;
const KILLS = 4;

async function send(muster: Running, events: readonly unknown[]): Promise<boolean> {
  const response = await fetch(`${muster.url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: events.map((event) => JSON.stringify(event)).join('\n'),
  }).catch(() => undefined);
  if (!response?.ok) return false;
  const { accepted, duplicates } = (await response.json()) as { accepted: number; duplicates: number };
  expect(accepted + duplicates).toBe(events.length);
  return true;
}

test('after several kills every acknowledged event counts once, to the last count', async () => {
  const { days, truth } = simulate({ seed: 3, days: 2, perDay: 2_500, endMs: END_MS, faults: [] });
  const events = [...days].flatMap((day) => day.events);
  const batches = Array.from({ length: Math.ceil(events.length / BATCH) }, (_, i) => events.slice(i * BATCH, (i + 1) * BATCH));
  const dataDir = await temporaryData();
  let muster = await startMuster(dataDir);
  try {
    let acknowledged = 0;
    let kills = 0;
    for (const [index, batch] of batches.entries()) {
      // The kill comes while the next batch is on its way; whether it was acknowledged decides if it is sent again.
      const isKilled = kills < KILLS && index === Math.floor(((kills + 1) * batches.length) / (KILLS + 2));
      const sending = send(muster, batch);
      if (isKilled) {
        kills += 1;
        await sleep(kills * 3);
        await muster.kill();
      }
      if (await sending) acknowledged += batch.length;
      if (isKilled) muster = await startMuster(dataDir);
      if (isKilled && !(await sending)) {
        expect(await send(muster, batch)).toBe(true);
        acknowledged += batch.length;
      }
    }
    expect(kills).toBe(KILLS);
    expect(acknowledged).toBe(events.length);
    await muster.stop();

    // Without a running process the command opens the store itself, and first takes in what the log still holds.
    const { stdout, stderr, status } = await runMuster([
      'slo',
      'status',
      '--json',
      '--at',
      new Date(END_MS).toISOString(),
      '--data',
      dataDir,
    ]);
    expect([status, stderr]).toEqual([0, '']);
    const statuses = JSON.parse(stdout) as { sli: string; good: number; total: number }[];
    const expected = Object.entries(truth().windows['30d'] ?? {});
    expect(expected).toHaveLength(7);
    for (const [name, counts] of expected) {
      const { good, total } = statuses.find(({ sli }) => sli === name) ?? {};
      expect([name, good, total]).toEqual([name, ...counts]);
    }
  } finally {
    await muster.kill();
    await removeData(dataDir);
  }
});
