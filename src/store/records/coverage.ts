/** Whether the collector was up and in time: written down by the process that runs it, minute by minute. */

import { readFile, writeFile } from 'node:fs/promises';
import { systemCode } from '../../errors.ts';
import { repeat } from '../../system/repeat.ts';
import { MINUTE_MS } from '../../system/time.ts';
import type { Session } from '../engine/engine.ts';

const TICK_MS = 5_000;
/** A restart within a minute, of which a look is up to a tick old, loses nothing, since senders try again: it makes no minute uncovered. */
const MAX_DOWN_MS = MINUTE_MS + TICK_MS;
/** Of a longer gap, the minutes at its ends of which it takes more are uncovered too. */
const MAX_MISSED_MS = 15_000;
/** A minute in which events waited longer for the store is uncovered: its figures could not be believed in time. */
const MAX_LAG_SECONDS = 60;
/** A gap is written down for at most so long. */
const MAX_GAP_MINUTES = 400 * 1_440;

export interface Coverage {
  /** Begins to record; what was missed since the last process ended becomes uncovered. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** The minutes (since 1970, half-open) of which a gap takes more than is forgiven. */
export function uncoveredMinutes(fromMs: number, toMs: number): { from: number; to: number } {
  const isUncovered = (minute: number) => Math.min(toMs, (minute + 1) * MINUTE_MS) - Math.max(fromMs, minute * MINUTE_MS) > MAX_MISSED_MS;
  const first = Math.floor(fromMs / MINUTE_MS);
  const last = Math.floor(toMs / MINUTE_MS);
  const from = isUncovered(first) ? first : first + 1;
  const to = isUncovered(last) ? last + 1 : last;
  return { from: Math.max(from, to - MAX_GAP_MINUTES), to };
}

/** Records coverage while it runs. A clock that jumps ahead, or a machine that slept, is a gap too. */
export function recordCoverage(deps: {
  session: Session;
  /** Holds the last moment at which the collector was seen alive. */
  alivePath: string;
  now: () => number;
  lagSeconds: () => number;
  onProblem: (message: string) => void;
}): Coverage {
  const ticking = repeat(TICK_MS, deps.onProblem);
  let aliveMs: number | undefined;
  let worstLag = 0;

  const write = async ({ from, to }: { from: number; to: number }, lagSeconds: number) => {
    if (from >= to) return;
    await deps.session.run(
      `INSERT INTO coverage (minute, covered, lag_seconds) SELECT toDateTime((${from} + number) * 60, 'UTC'), 0, ${lagSeconds}
        FROM numbers(${to - from})`,
    );
  };
  const tick = async () => {
    const now = deps.now();
    const lag = deps.lagSeconds();
    worstLag = Math.max(worstLag, lag);
    if (aliveMs !== undefined && now - aliveMs > MAX_DOWN_MS) await write(uncoveredMinutes(aliveMs, now), lag);
    const minute = Math.floor(now / MINUTE_MS);
    if (aliveMs !== undefined && minute > Math.floor(aliveMs / MINUTE_MS)) {
      if (worstLag > MAX_LAG_SECONDS) await write({ from: minute - 1, to: minute }, worstLag);
      worstLag = lag;
    }
    aliveMs = now;
    await writeFile(deps.alivePath, String(now), { mode: 0o600 });
  };
  return {
    async start() {
      aliveMs = await lastAlive(deps.alivePath);
      await tick();
      ticking.start(tick);
    },
    async stop() {
      await ticking.stop();
    },
  };
}

/** When a collector was last seen alive; undefined when none ever ran. */
export async function lastAlive(path: string): Promise<number | undefined> {
  try {
    const ms = Number(await readFile(path, 'utf8'));
    return Number.isFinite(ms) && ms > 0 ? ms : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
