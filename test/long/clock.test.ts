/** A clock that jumps, as after a suspended machine or a bad time server: intake, loader and figures go on, and nothing is lost or doubled. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { have, pathOf } from '../support/counterparts.ts';
import { type Running, removeData, startUnder, temporaryData } from '../support/process.ts';

const ATTEMPTS = 20;
/** Back enough for every clock of the test: an event may not lie ahead. */
const TIME = new Date(Date.now() - 3 * 3_600_000).toISOString();

async function send({ url }: Running, part: string): Promise<number> {
  const events = Array.from({ length: ATTEMPTS }, (_, n) => n).flatMap((n) =>
    ['enrollment.started', 'enrollment.completed'].map((type) => ({
      id: `${part}-${n}-${type}`,
      type,
      time: TIME,
      source: 'app',
      attempt_id: `${part}-${n}`,
      user: `user-${n}`,
    })),
  );
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(events),
  });
  return response.status;
}

async function figures({ url }: Running): Promise<string> {
  const response = await fetch(`${url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql: "SELECT sum(good), sum(total) FROM sli_minutes WHERE sli = 'M1' AND dimension = ''", format: 'TSV' }),
  });
  return (await response.text()).trim();
}

describe.runIf(have('faketime'))('a clock that jumps', () => {
  test('forward and back, while it runs and between two runs', async () => {
    const dataDir = await temporaryData();
    const clock = join(dataDir, '..', `${dataDir.split('/').at(-1)}-clock`);
    const set = (seconds: number) => writeFile(clock, `${seconds < 0 ? '' : '+'}${seconds}`);
    const library = pathOf('faketime').replace(/bin\/faketime$/, 'lib');
    const preload = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
      .map((architecture) => join(library, architecture, 'faketime/libfaketimeMT.so.1'))
      .find((path) => existsSync(path));
    expect(preload).toBeDefined();
    const environment = [
      `LD_PRELOAD=${preload}`,
      `FAKETIME_TIMESTAMP_FILE=${clock}`,
      'FAKETIME_NO_CACHE=1',
      // Timers go on as they would.
      'FAKETIME_DONT_FAKE_MONOTONIC=1',
    ];
    await set(0);
    let muster = await startUnder(['env', ...environment], dataDir);
    let parts = 0;
    const takesIn = async () => {
      parts += 1;
      // Just after a jump the loader may look late for a moment; the request waits for it.
      expect(await send(muster, `part-${parts}`)).toBe(200);
      await expect.poll(() => figures(muster), { timeout: 120_000, interval: 200 }).toBe(`${parts * ATTEMPTS}\t${parts * ATTEMPTS}`);
      expect((await fetch(`${muster.url}/readyz`)).status).toBe(200);
    };
    try {
      await takesIn();
      for (const seconds of [86_400, -3_600, 0]) {
        await set(seconds);
        // The header is made once a second.
        const ahead = async () => Date.parse((await fetch(`${muster.url}/healthz`)).headers.get('date') ?? '') - Date.now();
        await expect.poll(async () => (await ahead()) / 60_000, { timeout: 5_000 }).toBeCloseTo(seconds / 60, 0);
        await takesIn();
        // Sent again under another clock it is the same.
        expect(await send(muster, 'part-1')).toBe(200);
      }
      await muster.kill();
      await set(-3_600);
      muster = await startUnder(['env', ...environment], dataDir);
      await takesIn();
      await sleep(2_000);
      expect(await figures(muster)).toBe(`${parts * ATTEMPTS}\t${parts * ATTEMPTS}`);
      expect(muster.output()).not.toMatch(/failed|defect/i);
    } finally {
      await muster.stop();
      await removeData(dataDir);
    }
  });
});
