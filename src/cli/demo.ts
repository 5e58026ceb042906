/** The demo: days of simulated history, filled in behind the page, and people who then enroll for real. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Settings } from '../core/settings.ts';
import { MusterError, systemCode } from '../errors.ts';
import { liveTraffic } from '../lab/live-traffic.ts';
import { seededRandom } from '../lab/random.ts';
import { demoFaults, simulate } from '../lab/simulate.ts';
import { FILES } from '../names.ts';
import type { Fill } from '../serve/overview.ts';
import { readLoaderState } from '../store/roll/roll-state.ts';
import { writeDurably } from '../system/durable-files.ts';
import { DAY_MS } from '../system/time.ts';
import { type Context, print, progress } from './context.ts';
import type { Services } from './services.ts';

const SEED = 20_26;
const ATTEMPTS_PER_DAY = 1_770;
/** The fill waits while more than this many events wait for their roll. */
const MAX_WAITING_EVENTS = 60_000;
const EVENTS_PER_BATCH = 2_500;

/** Settings of the core, where no file says others: codes are printed, and every factor is tried now and then. */
export const DEMO_CORE: Partial<Settings> = {
  providers: [
    { kind: 'console', name: 'console', channels: ['sms', 'voice', 'email'], region: '', cost: { sms: 0.01, voice: 0.02 }, timeout: 5 },
  ],
  canary: { every_minutes: 5 },
};

const schema = z.object({ endMs: z.number().int(), daysDone: z.number().int(), days: z.number().int().default(30) });
export type Demo = z.infer<typeof schema>;

/**
 * The demo of a data directory, begun now if it is new.
 * @param days of history, where it is new
 * @throws MUSTER_DATA_NOT_DEMO when the directory holds other data
 */
export async function openDemo(dataDir: string, nowMs: number, days: number): Promise<Demo> {
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
  return { endMs: Math.floor(nowMs / 60_000) * 60_000, daysDone: 0, days };
}

export interface DemoRun {
  /** How far the history is, or null once it is complete. */
  fill(): Fill | null;
  /** Fills the history with progress, then lets live traffic begin; resolves when the signal is aborted. */
  start(deps: { services: Services; url: string; token: string; onFilled: () => Promise<unknown> }): Promise<void>;
}

/** The demo of a data directory, ready to be started. */
export function runDemo(options: {
  demo: Demo;
  dataDir: string;
  context: Context;
  signal: AbortSignal;
  onProblem: (message: string) => void;
  tell: (fill: Fill | null) => void;
}): DemoRun {
  const { demo, context, signal, onProblem } = options;
  let fill: Fill | null = { done: demo.daysDone, total: demo.days };
  const show = (now: Fill | null) => {
    fill = now;
    options.tell(now);
  };
  const run = async ({ services, url, token, onFilled }: Parameters<DemoRun['start']>[0]) => {
    const startMs = performance.now();
    const bar = progress(context, 'history (days)', demo.days);
    let sent = 0;
    try {
      sent = await fillHistory({ ...options, services }, (now) => {
        bar.update(now.done);
        show(now);
      });
      if (signal.aborted) return;
      await services.drain();
    } finally {
      bar.stop();
    }
    show(null);
    await onFilled();
    const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
    if (sent > 0) print(context, `History is in: ${sent} events of ${demo.days} days in ${seconds} s. Live traffic enrolls now.`);
    await liveTraffic({
      baseUrl: url,
      token,
      random: seededRandom(context.now() % 2 ** 31),
      now: context.now,
      history: { startMs: demo.endMs - demo.days * DAY_MS, endMs: demo.endMs, perDay: ATTEMPTS_PER_DAY },
      signal,
      onProblem,
    });
  };
  return {
    fill: () => fill,
    start: (deps) => run(deps).catch((error: unknown) => onProblem(`demo: ${error instanceof Error ? error.message : String(error)}`)),
  };
}

/**
 * Fills in what is missing of the history, a day at a time, oldest first; an interrupted fill goes on where it stopped.
 * Returns how many events were sent.
 */
async function fillHistory(
  deps: { demo: Demo; dataDir: string; services: Services; signal: AbortSignal; onProblem: (message: string) => void },
  onProgress: (fill: Fill) => void,
): Promise<number> {
  const { demo, services, signal } = deps;
  if (demo.daysDone >= demo.days) return 0;
  const save = (daysDone: number) => writeDurably(join(deps.dataDir, FILES.demo), JSON.stringify({ ...demo, daysDone }));
  const faults = demoFaults(demo.endMs).filter(({ startMs }) => startMs >= demo.endMs - demo.days * DAY_MS);
  const { days } = simulate({ seed: SEED, days: demo.days, perDay: ATTEMPTS_PER_DAY, endMs: demo.endMs, faults });
  let sent = 0;
  await save(demo.daysDone);
  for (const { day, events } of days) {
    if (signal.aborted) return sent;
    if (day < demo.daysDone) continue;
    for (let from = 0; from < events.length; from += EVENTS_PER_BATCH) {
      const batch = events.slice(from, from + EVENTS_PER_BATCH).map((value) => ({ value }));
      const { rejected, rejectedCount } = await services.intake.accept(batch, 'live');
      if (rejected[0]) deps.onProblem(`demo: ${rejectedCount} events of its history were refused; the first: ${rejected[0].message}`);
      sent += batch.length - rejectedCount;
    }
    await save(day + 1);
    onProgress({ done: day + 1, total: demo.days });
    while (services.store.loader.stats().pendingEvents > MAX_WAITING_EVENTS && !signal.aborted) await sleep(20);
  }
  return sent;
}
