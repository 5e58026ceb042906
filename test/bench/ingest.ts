/**
 * `npm run bench`: what intake and loader do per second, beside the raw engine's own load of the same rows in the same run.
 * Ratios carry over to other machines, absolute figures do not.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LineBuffer } from '../../src/collect/line-buffer.ts';
import { mask } from '../../src/collect/mask.ts';
import { pseudonyms } from '../../src/collect/pseudonyms.ts';
import { checkEvent, importBounds } from '../../src/events/checker.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { openEngine } from '../../src/store/engine.ts';
import { EVENT_COLUMN_NAMES, EVENT_SELECT, EVENT_STRUCTURE } from '../../src/store/event-row.ts';
import { migrate } from '../../src/store/migrate.ts';
import { startMuster } from '../support/process.ts';

const BATCH = 1_000;
const CONNECTIONS = 4;
const BLOCK = 100_000;
const TARGET = Number(process.env.MUSTER_BENCH_EVENTS ?? 300_000);
const ROUNDS = 3;

/** A day of simulated enrollments that ends now, in batches of NDJSON. */
function payload(): { batches: Buffer[]; events: Record<string, unknown>[] } {
  const { days } = simulate({
    seed: 1,
    days: 1,
    perDay: Math.ceil(TARGET / 5.6),
    endMs: Math.floor(Date.now() / 60_000) * 60_000,
    faults: [],
  });
  const events = [...days].flatMap((day) => day.events);
  const batches = Array.from({ length: Math.ceil(events.length / BATCH) }, (_, i) =>
    Buffer.from(
      events
        .slice(i * BATCH, (i + 1) * BATCH)
        .map((event) => `${JSON.stringify(event)}\n`)
        .join(''),
    ),
  );
  return { batches, events };
}

/** One thread of the raw engine: INSERT … SELECT FROM file(…, JSONEachRow) of the same rows into the same table, in blocks of 100,000. */
async function rawEngine(events: readonly Record<string, unknown>[]): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-raw-'));
  const keys = pseudonyms(Buffer.alloc(32, 1));
  const bounds = importBounds(Date.now());
  const lines = events.flatMap((event) => {
    const checked = checkEvent(event, bounds);
    if (!checked.ok) throw new Error(checked.message);
    const lines = new LineBuffer();
    lines.add(mask(checked.event, { timeMs: checked.timeMs, expiresAtMs: checked.expiresAtMs }, keys).content, Date.now());
    const cells = JSON.parse(String(lines.payloads()[0]?.bytes)) as unknown[];
    return [JSON.stringify(Object.fromEntries(EVENT_COLUMN_NAMES.map((name, i) => [name, cells[i]])))];
  });
  const files: string[] = [];
  for (let from = 0; from < lines.length; from += BLOCK) {
    const path = join(folder, `${from}.ndjson`);
    await writeFile(path, lines.slice(from, from + BLOCK).join('\n'));
    files.push(path);
  }
  const engine = await openEngine({ path: join(folder, 'engine'), scratch: join(folder, 'scratch') });
  await migrate(engine.session('load'));
  const startMs = performance.now();
  for (const path of files) {
    await engine.session('load').run(
      `INSERT INTO events (${EVENT_COLUMN_NAMES.join(', ')}) SELECT ${EVENT_SELECT} FROM file('${path}', 'JSONEachRow', '${EVENT_STRUCTURE.replaceAll("'", "\\'")}')
       SETTINGS max_threads = 1, max_insert_threads = 1, input_format_parallel_parsing = 0, max_insert_block_size = ${BLOCK}, min_insert_block_size_rows = ${BLOCK}`,
    );
  }
  const seconds = (performance.now() - startMs) / 1_000;
  await engine.close();
  await rm(folder, { recursive: true, force: true });
  return events.length / seconds;
}

/** Processor seconds and resident memory of a process, from /proc. */
async function usage(pid: number): Promise<{ cpuSeconds: number; residentMb: number; peakMb: number }> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const megabytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
  return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100, residentMb: megabytes('VmRSS'), peakMb: megabytes('VmHWM') };
}

async function folderBytes(folder: string): Promise<number> {
  let total = 0;
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) total += (await stat(join(entry.parentPath, entry.name)).catch(() => ({ size: 0 }))).size;
  }
  return total;
}

interface Round {
  acknowledgedPerSecond: number;
  loadedPerSecond: number;
  rolledPerSecond: number;
  cpuSecondsPerMillion: number;
  peakMb: number;
  bytesPerEvent: number;
}

/** All batches over HTTP, until acknowledged, until in `events_v`, until in the SLI minutes. */
async function overHttp(batches: readonly Buffer[], events: number, attempts: number): Promise<Round> {
  const dataDir = await mkdtemp(join(tmpdir(), 'muster-bench-'));
  const muster = await startMuster(dataDir);
  const { pid } = JSON.parse(await readFile(join(dataDir, 'muster.json'), 'utf8')) as { pid: number };
  const before = await usage(pid);
  const startMs = performance.now();
  let next = 0;
  const client = async () => {
    for (let batch = batches[next++]; batch; batch = batches[next++]) {
      for (;;) {
        const response = await fetch(`${muster.url}/v1/events`, {
          method: 'POST',
          headers: { 'content-type': 'application/x-ndjson' },
          body: batch as unknown as string,
        });
        await response.arrayBuffer();
        if (response.ok) break;
        if (response.status !== 503) throw new Error(`status ${response.status}`);
        await sleep(1_000);
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  const acknowledged = (performance.now() - startMs) / 1_000;
  const seconds = async (isThere: (stats: { loaded: number; settled: number }) => boolean) => {
    for (;;) {
      const { loadedEvents } = (await (await fetch(`${muster.url}/api/loader`)).json()) as { loadedEvents: number };
      const settled = loadedEvents >= events ? await settledAttempts(muster.url) : 0;
      if (isThere({ loaded: loadedEvents, settled })) return (performance.now() - startMs) / 1_000;
      await sleep(50);
    }
  };
  const loaded = await seconds(({ loaded: n }) => n >= events);
  const rolled = await seconds(({ settled }) => settled >= attempts);
  const after = await usage(pid);
  await sleep(3_000);
  await muster.stop();
  const bytes = await folderBytes(join(dataDir, 'clickhouse'));
  await rm(dataDir, { recursive: true, force: true });
  return {
    acknowledgedPerSecond: events / acknowledged,
    loadedPerSecond: events / loaded,
    rolledPerSecond: events / rolled,
    cpuSecondsPerMillion: ((after.cpuSeconds - before.cpuSeconds) / events) * 1e6,
    peakMb: after.peakMb,
    bytesPerEvent: bytes / events,
  };
}

async function settledAttempts(url: string): Promise<number> {
  const at = new Date(Date.now() + 120_000).toISOString();
  const statuses = (await (await fetch(`${url}/api/slos?at=${at}`)).json()) as { sli: string; total: number }[];
  return statuses.find(({ sli }) => sli === 'M1')?.total ?? 0;
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const spread = (values: number[], digits = 0) =>
  `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)})`;

async function firstPage(): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'muster-bench-page-'));
  const startMs = performance.now();
  const muster = await startMuster(dataDir);
  await (await fetch(`${muster.url}/api/overview`)).arrayBuffer();
  const ms = performance.now() - startMs;
  await muster.stop();
  await rm(dataDir, { recursive: true, force: true });
  return ms;
}

if (process.argv[3] === 'raw') {
  // The engine allows one data directory per process: each measurement of the raw engine is a process of its own.
  console.log(await rawEngine(payload().events));
} else {
  const { batches, events } = payload();
  const attempts = events.filter(({ type }) => type === 'enrollment.started').length;
  console.log(
    `${events.length} events (${attempts} attempts) in batches of ${BATCH} over ${CONNECTIONS} connections, ${ROUNDS} rounds, on ${cpus().length} cores shared with the client`,
  );
  const rounds: Round[] = [];
  const raws: number[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const raw = await new Promise<string>((resolve, reject) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'ingest', 'raw'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.once('close', (code) => (code === 0 ? resolve(text) : reject(new Error('the raw engine failed'))));
    });
    raws.push(Number(raw));
    rounds.push(await overHttp(batches, events.length, attempts));
    console.log(
      `  round ${i + 1}: raw ${Number(raw).toFixed(0)}/s, acknowledged ${rounds[i]?.acknowledgedPerSecond.toFixed(0)}/s, loaded ${rounds[i]?.loadedPerSecond.toFixed(0)}/s, in the minutes ${rounds[i]?.rolledPerSecond.toFixed(0)}/s, load average ${loadavg()[0]?.toFixed(1)}`,
    );
  }
  const of = (pick: (round: Round) => number) => rounds.map(pick);
  console.log(`median (least to most):
  raw engine, one thread, JSONEachRow      ${spread(raws)} events/s
  acknowledged over HTTP                   ${spread(of((r) => r.acknowledgedPerSecond))} events/s
  acknowledged and loaded                  ${spread(of((r) => r.loadedPerSecond))} events/s
  acknowledged, loaded and in the minutes  ${spread(of((r) => r.rolledPerSecond))} events/s
  ratio loaded / raw                       ${spread(
    rounds.map((r, i) => r.loadedPerSecond / (raws[i] ?? Number.NaN)),
    2,
  )}
  ratio in the minutes / raw               ${spread(
    rounds.map((r, i) => r.rolledPerSecond / (raws[i] ?? Number.NaN)),
    2,
  )}
  processor seconds per million events     ${spread(
    of((r) => r.cpuSecondsPerMillion),
    1,
  )}
  peak resident memory                     ${spread(of((r) => r.peakMb))} MB
  bytes per event on disk                  ${spread(
    of((r) => r.bytesPerEvent),
    1,
  )}
  process start to first answer            ${(await firstPage()).toFixed(0)} ms`);
}
