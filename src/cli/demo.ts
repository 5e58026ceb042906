/** The demo: thirty days of simulated history, filled in behind the page, and people who then enroll for real. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MusterError, systemCode } from '../errors.ts';
import { demoFaults, simulate } from '../lab/simulate.ts';
import { FILES } from '../names.ts';
import type { Fill } from '../serve/overview.ts';
import { writeDurably } from '../store/durable-files.ts';
import { readLoaderState } from '../store/loader-state.ts';
import type { Services } from './services.ts';

const SEED = 20_26;
const DAYS = 30;
export const ATTEMPTS_PER_DAY = 1_770;
const DAY_MS = 86_400_000;
/** The fill waits while more than this many events wait for their roll. */
const MAX_WAITING_EVENTS = 60_000;
const EVENTS_PER_BATCH = 2_500;

const schema = z.object({ endMs: z.number().int(), daysDone: z.number().int() });
export type Demo = z.infer<typeof schema>;

/**
 * The demo of a data directory, begun now if it is new.
 * @throws MUSTER_DATA_NOT_DEMO when the directory holds other data
 */
export async function openDemo(dataDir: string, nowMs: number): Promise<Demo> {
  try {
    return schema.parse(JSON.parse(await readFile(join(dataDir, FILES.demo), 'utf8')));
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
  const { cursor } = await readLoaderState(join(dataDir, FILES.loaderState));
  if (cursor > 0) {
    throw new MusterError(
      'MUSTER_DATA_NOT_DEMO',
      `${dataDir} holds other than demo data; leave out --demo, or name another directory with --data`,
    );
  }
  return { endMs: Math.floor(nowMs / 60_000) * 60_000, daysDone: 0 };
}

/** First and last moment of the demo's history, and its rate: what live traffic goes on from. */
export const demoHistory = (demo: Demo) => ({ startMs: demo.endMs - DAYS * DAY_MS, endMs: demo.endMs, perDay: ATTEMPTS_PER_DAY });

/**
 * Fills in what is missing of the history, a day at a time, oldest first; an interrupted fill goes on where it stopped.
 * Returns how many events were sent.
 */
export async function fillHistory(
  deps: { services: Services; dataDir: string; signal: AbortSignal; onProgress: (fill: Fill) => void },
  demo: Demo,
): Promise<number> {
  const { services } = deps;
  const { days } = simulate({ seed: SEED, days: DAYS, perDay: ATTEMPTS_PER_DAY, endMs: demo.endMs, faults: demoFaults(demo.endMs) });
  let sent = 0;
  await writeDurably(join(deps.dataDir, FILES.demo), JSON.stringify(demo));
  for (const { day, events } of days) {
    if (deps.signal.aborted) return sent;
    if (day < demo.daysDone) continue;
    for (let from = 0; from < events.length; from += EVENTS_PER_BATCH) {
      const batch = events.slice(from, from + EVENTS_PER_BATCH);
      await services.intake.accept(
        batch.map((value) => ({ value })),
        'live',
      );
      sent += batch.length;
    }
    await writeDurably(join(deps.dataDir, FILES.demo), JSON.stringify({ ...demo, daysDone: day + 1 }));
    deps.onProgress({ done: day + 1, total: DAYS });
    while (services.store.loader.stats().pendingEvents > MAX_WAITING_EVENTS && !deps.signal.aborted) await sleep(20);
  }
  return sent;
}
