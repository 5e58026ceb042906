/** Load on a Muster of its own: closed loops of connections and batches, and open loops at fixed rates. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { simulate } from '../../src/lab/simulate.ts';
import { startMuster } from '../support/process.ts';
import { type Connection, eventsRequest, openConnection } from './connection.ts';
import { folderBytes, quantile, usage } from './figures.ts';

/** An overloaded server asks for the request again; a client waits so long. */
const RETRY_MS = 100;
const LOADED_WITHIN_MS = 120_000;

export interface Target {
  url: string;
  pid: number;
  dataDir: string;
  /** Events that were acknowledged. */
  acknowledged: number;
}

/** A day of simulated enrollments that ends now; every call gives other ids. */
export function eventSource(perDay: number): { next: (count: number) => Record<string, unknown>[] } {
  const { days } = simulate({ seed: 1, days: 1, perDay, endMs: Math.floor(Date.now() / 60_000) * 60_000, faults: [] });
  const events = [...days].flatMap((day) => day.events) as unknown as Record<string, string>[];
  let at = 0;
  let lap = 0;
  return {
    next(count) {
      const taken: Record<string, unknown>[] = [];
      for (; taken.length < count; at++) {
        if (at === events.length) {
          at = 0;
          lap += 1;
        }
        const event = events[at] as Record<string, string>;
        // Another lap is another day's worth of attempts, users included.
        const other = (id: string | undefined) => (id === undefined ? undefined : `${id.slice(0, -4)}${lap.toString(16).padStart(4, '0')}`);
        taken.push(
          lap === 0
            ? event
            : {
                ...event,
                id: other(event.id),
                ...(event.attempt_id && { attempt_id: other(event.attempt_id) }),
                ...(event.user && { user: `${lap}-${event.user}` }),
              },
        );
      }
      return taken;
    },
  };
}

/** A Muster for the time of `use`. */
export async function withMuster<T>(use: (target: Target) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const muster = await startMuster(dataDir);
  try {
    const { pid } = JSON.parse(await readFile(join(dataDir, 'muster.json'), 'utf8')) as { pid: number };
    return await use({ url: muster.url, pid, dataDir, acknowledged: 0 });
  } finally {
    await muster.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

export interface Measured {
  acknowledgedPerSecond: number;
  loadedPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  cpuSecondsPerMillion: number;
  peakMb: number;
  /** Delay of the server's event loop, as it measures it itself. */
  loopP99Ms: number;
  load: number;
}

/** A request of some events. */
export type Form = (host: string, events: readonly Record<string, unknown>[]) => Buffer;

/** NDJSON to `POST /v1/events`. */
export const ndjsonOf: Form = (host, events) =>
  eventsRequest(host, Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')));

const requestsOf = (
  target: Target,
  events: readonly Record<string, unknown>[],
  batch: number,
  form: Form,
): { request: Buffer; events: number }[] =>
  Array.from({ length: Math.ceil(events.length / batch) }, (_, i) => {
    const part = events.slice(i * batch, (i + 1) * batch);
    return { request: form(new URL(target.url).host, part), events: part.length };
  });

async function sendUntilTaken(connection: Connection, request: Buffer): Promise<void> {
  for (;;) {
    const status = await connection.send(request);
    if (status === 200) return;
    if (status !== 503 && status !== 429) throw new Error(`status ${status}`);
    await sleep(RETRY_MS);
  }
}

async function loaded(target: Target): Promise<void> {
  for (const until = Date.now() + LOADED_WITHIN_MS; Date.now() < until; await sleep(50)) {
    const { loadedEvents } = (await (await fetch(`${target.url}/api/loader`)).json()) as { loadedEvents: number };
    if (loadedEvents >= target.acknowledged) return;
  }
  throw new Error('what was acknowledged was not loaded in time');
}

async function loopDelayMs(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^nodejs_eventloop_lag_p99_seconds (\S+)/m.exec(text)?.[1] ?? Number.NaN) * 1_000;
}

/** Connections that send one batch after the other for some seconds, then until all is loaded. */
export async function closedLoop(
  target: Target,
  source: ReturnType<typeof eventSource>,
  load: { batch: number; connections: number; events: number; form?: Form },
): Promise<Measured> {
  const requests = requestsOf(target, source.next(load.events), load.batch, load.form ?? ndjsonOf);
  const connections = await Promise.all(Array.from({ length: load.connections }, () => openConnection(target.url)));
  const latencies: number[] = [];
  // What was measured before goes.
  await loopDelayMs(target.url);
  const before = await usage(target.pid);
  const startMs = performance.now();
  let next = 0;
  await Promise.all(
    connections.map(async (connection) => {
      for (let each = requests[next++]; each; each = requests[next++]) {
        const sentMs = performance.now();
        await sendUntilTaken(connection, each.request);
        latencies.push(performance.now() - sentMs);
        target.acknowledged += each.events;
      }
    }),
  );
  const acknowledgedMs = performance.now() - startMs;
  const loopP99Ms = await loopDelayMs(target.url);
  await loaded(target);
  const loadedMs = performance.now() - startMs;
  const after = await usage(target.pid);
  for (const connection of connections) connection.close();
  return {
    acknowledgedPerSecond: load.events / (acknowledgedMs / 1_000),
    loadedPerSecond: load.events / (loadedMs / 1_000),
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuSecondsPerMillion: ((after.cpuSeconds - before.cpuSeconds) / load.events) * 1e6,
    peakMb: after.peakMb,
    loopP99Ms,
    load: loadavg()[0] ?? Number.NaN,
  };
}

/** Requests at a fixed rate, whether the earlier ones are answered or not; latency counts from the moment at which one was due. */
export async function openLoop(
  target: Target,
  source: ReturnType<typeof eventSource>,
  load: { batch: number; eventsPerSecond: number; seconds: number },
): Promise<Pick<Measured, 'p50Ms' | 'p99Ms' | 'loopP99Ms' | 'load'>> {
  const requests = requestsOf(target, source.next(load.eventsPerSecond * load.seconds), load.batch, ndjsonOf);
  const gapMs = (load.batch / load.eventsPerSecond) * 1_000;
  const idle: Connection[] = [];
  const connection = async () => {
    for (let each = idle.pop(); each; each = idle.pop()) if (each.isOpen()) return each;
    return openConnection(target.url);
  };
  const latencies: number[] = [];
  await loopDelayMs(target.url);
  const startMs = performance.now();
  const underway = new Set<Promise<void>>();
  for (const [i, each] of requests.entries()) {
    const dueMs = startMs + i * gapMs;
    const waitMs = dueMs - performance.now();
    if (waitMs > 1) await sleep(waitMs);
    const sending = (async () => {
      const mine = await connection();
      await sendUntilTaken(mine, each.request);
      latencies.push(performance.now() - dueMs);
      target.acknowledged += each.events;
      idle.push(mine);
    })();
    underway.add(sending);
    void sending.finally(() => underway.delete(sending));
  }
  await Promise.all(underway);
  const loopP99Ms = await loopDelayMs(target.url);
  for (const connection of idle) connection.close();
  return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99), loopP99Ms, load: loadavg()[0] ?? Number.NaN };
}

/** What the tables of a Muster take per event, once merges have had their time. */
export async function bytesPerEvent(target: Target): Promise<number> {
  await sleep(3_000);
  return (await folderBytes(join(target.dataDir, 'clickhouse'))) / target.acknowledged;
}
