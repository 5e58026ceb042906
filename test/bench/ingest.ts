/**
 * `npm run bench -- ingest`: what intake and loader do per second, beside the raw engine and PostgreSQL on the same rows in the same run.
 * Ratios carry over to other machines, absolute figures do not.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { median, spread } from './figures.ts';
import { bytesPerEvent, closedLoop, eventSource, type Measured, openLoop, withMuster } from './ingest-load.ts';
import { withPostgres } from './postgres.ts';
import { rawEngine, rowLines } from './raw-engine.ts';

const EVENTS = Number(process.env.MUSTER_BENCH_EVENTS ?? 300_000);
const ROUNDS = Number(process.env.MUSTER_BENCH_ROUNDS ?? 3);
const BATCHES = [1, 100, 1_000, 10_000];
const CONNECTIONS = [1, 16, 64];
const OPEN_LOOPS = [
  { batch: 1, eventsPerSecond: 1_000 },
  { batch: 1, eventsPerSecond: 2_500 },
  { batch: 1_000, eventsPerSecond: 10_000 },
  { batch: 1_000, eventsPerSecond: 20_000 },
];
const OPEN_SECONDS = 8;
/** Single requests are slower by far, and more of them say no more. */
const eventsOf = (batch: number) => Math.min(EVENTS, batch === 1 ? 30_000 : batch === 100 ? 100_000 : EVENTS);

const row = (name: string, m: Measured) =>
  `  ${name.padEnd(28)}${m.acknowledgedPerSecond.toFixed(0).padStart(8)}${m.loadedPerSecond.toFixed(0).padStart(9)}${m.p50Ms.toFixed(1).padStart(8)}${m.p99Ms.toFixed(1).padStart(9)}${m.cpuSecondsPerMillion.toFixed(1).padStart(8)}${m.peakMb.toFixed(0).padStart(7)}${m.loopP99Ms.toFixed(0).padStart(7)}${m.load.toFixed(1).padStart(6)}`;

/** The engine allows one data directory per process: each measurement of it alone is a process of its own. */
function inProcess(): Promise<Awaited<ReturnType<typeof rawEngine>>> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'ingest', 'raw'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('close', (code) => (code === 0 ? resolve(JSON.parse(text) as never) : reject(new Error('the raw engine failed'))));
  });
}

/** COPY of the same rows, durable, and what they take. */
async function postgres(lines: readonly string[]): Promise<{ perSecond: number; bytesPerEvent: number } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-copy-'));
  try {
    const names = Object.keys(JSON.parse(lines[0] ?? '{}') as object);
    const quotedCell = (value: unknown) =>
      value === null ? '\\N' : String(typeof value === 'object' ? JSON.stringify(value) : value).replace(/[\\\t\n\r]/g, ' ');
    const file = join(folder, 'events.tsv');
    await writeFile(
      file,
      lines
        .map((line) =>
          Object.values(JSON.parse(line) as object)
            .map(quotedCell)
            .join('\t'),
        )
        .join('\n'),
    );
    execFileSync('chmod', ['-R', 'a+rX', folder]);
    return await withPostgres([], async (psql) => {
      psql(`CREATE TABLE events (${names.map((name) => `"${name}" text`).join(', ')})`);
      const startMs = performance.now();
      psql(`COPY events FROM '${file}'`);
      const seconds = (performance.now() - startMs) / 1_000;
      return { perSecond: lines.length / seconds, bytesPerEvent: Number(psql("SELECT pg_table_size('events')")) / lines.length };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[3] === 'raw') {
  console.log(JSON.stringify(await rawEngine(rowLines(eventSource(EVENTS / 5.6).next(EVENTS)))));
} else {
  console.log(
    `${EVENTS} events of a simulated day (time-ordered ids, attempts and trace ids included), ${ROUNDS} rounds, on ${cpus().length} cores shared with the client`,
  );
  const raws: Awaited<ReturnType<typeof rawEngine>>[] = [];
  const loads: Measured[] = [];
  const sizes: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    raws.push(await inProcess());
    await withMuster(async (target) => {
      loads.push(await closedLoop(target, eventSource(EVENTS / 5.6), { batch: 1_000, connections: 4, events: EVENTS }));
      sizes.push(await bytesPerEvent(target));
    });
    console.log(
      `  round ${i + 1}: raw ${raws[i]?.json.toFixed(0)}/s, loaded ${loads[i]?.loadedPerSecond.toFixed(0)}/s, load average ${loadavg()[0]?.toFixed(1)}`,
    );
  }
  const of = (pick: (measured: Measured) => number) => loads.map(pick);
  const rawJson = raws.map(({ json }) => json);
  console.log(`Batches of 1,000 over 4 connections; median (least to most):
  raw engine, one thread, JSONEachRow      ${spread(rawJson)} events/s
  raw engine, one thread, Native           ${spread(raws.map(({ native }) => native))} events/s
  acknowledged over HTTP                   ${spread(of((m) => m.acknowledgedPerSecond))} events/s
  acknowledged and loaded                  ${spread(of((m) => m.loadedPerSecond))} events/s
  ratio loaded / raw JSON                  ${spread(
    loads.map((m, i) => m.loadedPerSecond / (rawJson[i] ?? Number.NaN)),
    2,
  )}
  processor seconds per million events     ${spread(
    of((m) => m.cpuSecondsPerMillion),
    1,
  )}
  peak resident memory                     ${spread(of((m) => m.peakMb))} MB
  delay of the event loop, p99             ${spread(of((m) => m.loopP99Ms))} ms
  bytes per event on disk, all tables      ${spread(sizes, 1)}
  bytes per event, table of events alone   ${median(raws.map((raw) => raw.bytesPerEvent)).toFixed(1)}`);

  const copied = await postgres(rowLines(eventSource(EVENTS / 5.6).next(EVENTS)));
  if (copied)
    console.log(
      `  PostgreSQL 15, COPY of the same rows     ${copied.perSecond.toFixed(0)} events/s, ${copied.bytesPerEvent.toFixed(0)} bytes per event`,
    );
  else console.log('  PostgreSQL 15 is not here, or this is not root: not compared');

  console.log(
    '\nClosed loop                  acknow.   loaded     p50      p99   CPU s   peak   loop  load\n                                  /s       /s      ms       ms  /mill.     MB     ms',
  );
  for (const batch of BATCHES)
    await withMuster(async (target) => {
      const source = eventSource(EVENTS / 5.6);
      for (const connections of CONNECTIONS)
        console.log(
          row(
            `batches of ${batch}, ${connections} connections`,
            await closedLoop(target, source, { batch, connections, events: eventsOf(batch) }),
          ),
        );
    });

  console.log('\nOpen loop, latency from the moment at which a request was due');
  const told = (name: string, { p50Ms, p99Ms, loopP99Ms, load }: Awaited<ReturnType<typeof openLoop>>) =>
    console.log(
      `  ${name.padEnd(48)} p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, loop p99 ${loopP99Ms.toFixed(0)} ms, load average ${load.toFixed(1)}`,
    );
  for (const load of OPEN_LOOPS)
    await withMuster(async (target) => {
      const name = `${load.eventsPerSecond} events/s in batches of ${load.batch}`;
      told(name, await openLoop(target, eventSource(EVENTS / 5.6), { ...load, seconds: OPEN_SECONDS }));
    });
  // The engine is busy with what somebody asks; the log does not wait for it.
  await withMuster(async (target) => {
    const source = eventSource(EVENTS / 5.6);
    await closedLoop(target, source, { batch: 1_000, connections: 4, events: EVENTS });
    const alone = { batch: 1, eventsPerSecond: 1_000, seconds: OPEN_SECONDS };
    told('1000 single events/s, nobody asks anything', await openLoop(target, source, alone));
    let isDone = false;
    let queries = 0;
    const asking = (async () => {
      while (!isDone) {
        await ask(target.url, 'SELECT sum(sipHash64(id, arrayJoin(range(200)))) FROM events_v');
        queries += 1;
      }
    })();
    const beside = await openLoop(target, source, alone);
    isDone = true;
    await asking;
    told(`the same beside ${queries} heavy queries`, beside);
  });
}

async function ask(url: string, sql: string): Promise<void> {
  const response = await fetch(`${url}/api/query`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql, format: 'JSONEachRow' }),
  });
  if (!response.ok) throw new Error(await response.text());
  await response.arrayBuffer();
}
