/**
 * `npm run bench -- core`: TOTP enrollments from start to finish over HTTP under 64 clients, beside the bare commits of SQLite in the same run.
 * Ratios carry over to other machines, absolute figures do not.
 */
import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from 'otpauth';
import { openSqlite } from '../../src/system/sqlite.ts';
import { type Connection, jsonRequest, openConnection } from './connection.ts';
import { quantile, spread, usage } from './figures.ts';
import { type Target, withMuster } from './ingest-load.ts';

const CLIENTS = 64;
const ENROLLMENTS = Number(process.env.MUSTER_BENCH_ENROLLMENTS ?? 100_000);
const ROUNDS = Number(process.env.MUSTER_BENCH_ROUNDS ?? 5);
const COMMITS = 2_000;

/** What an enrollment commits, three times: start, proof, and the report of each request; here one row and two events, each commit synced. */
async function bareCommits(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-commits-'));
  const file = openSqlite(
    join(folder, 'bare.sqlite'),
    'CREATE TABLE attempts (id TEXT PRIMARY KEY, state TEXT, sealed BLOB) STRICT; CREATE TABLE outbox (n INTEGER PRIMARY KEY, event TEXT) STRICT',
  );
  const sealed = Buffer.alloc(200, 1);
  const event = 'x'.repeat(250);
  const startMs = performance.now();
  for (let i = 0; i < COMMITS; i++)
    file.transaction(() => {
      file.run('INSERT INTO attempts VALUES (?, ?, ?)', `attempt-${i}`, 'pending', sealed);
      for (let n = 0; n < 2; n++) file.run('INSERT INTO outbox (event) VALUES (?)', event);
    });
  const perSecond = COMMITS / ((performance.now() - startMs) / 1_000);
  file.close();
  await rm(folder, { recursive: true, force: true });
  return perSecond;
}

/** RFC 6238, with as little of the processor as a client can take. */
function codeOf(secret: string): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac('sha1', Secret.fromBase32(secret).bytes).update(counter).digest();
  return String((hash.readUInt32BE((hash[19] ?? 0) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

interface Times {
  start: number[];
  verify: number[];
}

async function enroll(connection: Connection, host: string, user: string, times: Times): Promise<void> {
  const asked = async (name: keyof Times, path: string, body: object) => {
    const startMs = performance.now();
    const answer = await connection.ask(jsonRequest(host, path, body));
    times[name].push(performance.now() - startMs);
    return answer;
  };
  const started = await asked('start', '/core/v1/enrollments', { user, factor_type: 'totp', region: 'eu-west' });
  if (started.status !== 201) throw new Error(`start: ${started.status} ${started.body}`);
  const { id, challenge } = JSON.parse(started.body) as { id: string; challenge: { secret: string } };
  const verified = await asked('verify', `/core/v1/enrollments/${id}/verify`, { code: codeOf(challenge.secret) });
  if (verified.status !== 200) throw new Error(`verify: ${verified.status} ${verified.body}`);
}

async function round({ url, pid }: Target, from: number, count: number) {
  const { host } = new URL(url);
  const times: Times = { start: [], verify: [] };
  let next = from;
  const before = await usage(pid);
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const connection = await openConnection(url);
      while (next < from + count) await enroll(connection, host, `person-${next++}@example.org`, times);
      connection.close();
    }),
  );
  const seconds = (performance.now() - startMs) / 1_000;
  const after = await usage(pid);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const heapMb = Number(/^nodejs_heap_size_used_bytes (\S+)/m.exec(metrics)?.[1] ?? Number.NaN) / 1e6;
  return {
    perSecond: count / seconds,
    cpuMs: ((after.cpuSeconds - before.cpuSeconds) * 1_000) / count,
    peakMb: after.peakMb,
    heapMb,
    times,
  };
}

console.log(
  `${ENROLLMENTS} enrollments of TOTP over ${CLIENTS} connections, each start and proof durable, on ${cpus().length} cores shared with the client`,
);
await withMuster(async (target) => {
  await round(target, 0, 500);
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  const bare: number[] = [];
  const each = Math.ceil(ENROLLMENTS / ROUNDS);
  for (let i = 0; i < ROUNDS; i++) {
    bare.push(await bareCommits());
    rounds.push(await round(target, 1_000 + i * each, each));
    console.log(
      `  round ${i + 1}: ${rounds[i]?.perSecond.toFixed(0)} enrollments/s, ${bare[i]?.toFixed(0)} bare commits/s, ${rounds[i]?.peakMb.toFixed(0)} MB (heap ${rounds[i]?.heapMb.toFixed(0)}), load average ${loadavg()[0]?.toFixed(1)}`,
    );
  }
  const of = (pick: (measured: (typeof rounds)[number]) => number) => rounds.map(pick);
  console.log(`Median (least to most):
  enrollments, start to finish             ${spread(of(({ perSecond }) => perSecond))} per second
  bare commits, one after the other        ${spread(bare)} per second
  ratio of the two                         ${spread(
    rounds.map(({ perSecond }, i) => perSecond / (bare[i] ?? Number.NaN)),
    2,
  )}
  processor of Muster per enrollment       ${spread(
    of(({ cpuMs }) => cpuMs),
    2,
  )} ms
  peak resident memory, at the end         ${rounds.at(-1)?.peakMb.toFixed(0)} MB`);
  for (const name of ['start', 'verify'] as const)
    console.log(
      `  ${name.padEnd(8)} p50 / p95 / p99                 ${[0.5, 0.95, 0.99]
        .map((share) =>
          spread(
            of(({ times }) => quantile(times[name], share)),
            1,
          ),
        )
        .join('  ')} ms`,
    );
});
