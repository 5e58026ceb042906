/**
 * `npm run bench -- slo`: what evaluation costs from rollups and from raw events, beside PostgreSQL on the same rows in the same run;
 * and what rolls cost. History is made inside ClickHouse. Ratios carry over to other machines, absolute figures do not.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTime } from '../../src/events/time.ts';
import { simulate } from '../../src/lab/simulate.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { countsSql, figuresAt } from '../../src/slo/measure/figures.ts';
import { SLIS } from '../../src/slo/slis/index.ts';
import { openEmbedded } from '../../src/store/engine/embedded.ts';
import type { Engine } from '../../src/store/engine/engine.ts';
import { migrate } from '../../src/store/engine/migrate.ts';
import { sumHours } from '../../src/store/roll/minutes.ts';
import { PendingRoll } from '../../src/store/roll/pending-roll.ts';
import { bringUpToDate } from '../../src/store/roll/rebuild.ts';
import type { LoaderState } from '../../src/store/roll/roll-state.ts';
import { roll } from '../../src/store/roll/roller.ts';
import { LAYOUT } from '../../src/store/rows/attempt-row.ts';
import { COLUMN, EVENT_COLUMN_NAMES, type EventRow } from '../../src/store/rows/event-row.ts';
import { countedTypes } from '../../src/store/rows/sli-counter.ts';
import { median, spread } from './figures.ts';
import { withPostgres } from './postgres.ts';

const MILLIONS = (process.env.MUSTER_BENCH_MILLIONS ?? '1,10,50').split(',').map(Number);
const POSTGRES_MILLIONS = 10;
const ROUNDS = 7;
const DAYS = 30;
const END_MS = Date.UTC(2026, 0, 31, 12, 34);
const START_MS = END_MS - DAYS * 86_400_000;
const SPLITS = { region: 5, provider: 5, factor_type: 5, deployment: 8, client_version: 3, segment: 3 } as const;
const WINDOWS = {
  '5m': 300,
  '30m': 1_800,
  '1h': 3_600,
  '2h': 7_200,
  '6h': 21_600,
  '1d': 86_400,
  '3d': 259_200,
  '30d': DAYS * 86_400,
} as const;
const SLI_NAMES = SLIS.map(({ id }) => id);

const milliseconds = (values: number[]) => `${spread(values)} ms`;

async function timed(work: () => Promise<unknown>, rounds = ROUNDS): Promise<number[]> {
  const times: number[] = [];
  await work();
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

async function withEngine<T>(use: (engine: Engine, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-slo-'));
  const engine = await openEmbedded({ path: join(folder, 'engine'), scratch: join(folder, 'scratch') });
  try {
    await migrate(engine.session('load'));
    return await use(engine, folder);
  } finally {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** One good or bad event of an SLI per row, spread evenly over the days, with labels by hash. */
async function makeRaw(engine: Engine, events: number): Promise<void> {
  const session = engine.session('load');
  const labels = Object.keys(SPLITS).map((name) => `${name} LowCardinality(String)`);
  await session.run(
    `CREATE TABLE raw (ts DateTime('UTC'), sli LowCardinality(String), good UInt8, ${labels.join(', ')}) ENGINE = MergeTree ORDER BY ts`,
  );
  const values = Object.entries(SPLITS).map(([name, count], i) => `concat('${name}-', toString(sipHash64(number, ${i}) % ${count}))`);
  await session.run(
    `INSERT INTO raw SELECT toDateTime(${START_MS / 1_000} + intDiv(number * ${DAYS * 86_400}, ${events}), 'UTC'),
       arrayElement([${SLI_NAMES.map((id) => `'${id}'`).join(', ')}], 1 + sipHash64(number) % ${SLI_NAMES.length}), sipHash64(number, 99) % 100 >= 2, ${values.join(', ')}
     FROM numbers(${events}) SETTINGS max_insert_threads = 2`,
  );
}

async function rollUp(engine: Engine): Promise<void> {
  const session = engine.session('roll');
  const splits = ["('', '')", ...Object.keys(SPLITS).map((name) => `('${name}', toString(${name}))`)].join(', ');
  for (let day = 0; day <= DAYS; day++) {
    const from = Math.floor(START_MS / 86_400_000) * 86_400 + day * 86_400;
    await session.run(
      `INSERT INTO minutes (sli, dimension, minute, value, good, total, roll)
       SELECT sli, split.1, toStartOfMinute(ts) AS at, split.2, sum(good), count(), 1 FROM raw ARRAY JOIN [${splits}] AS split
       WHERE ts >= toDateTime(${from}, 'UTC') AND ts < toDateTime(${from + 86_400}, 'UTC') GROUP BY sli, split, at`,
    );
    await sumHours(session, SLI_NAMES, [from / 60, from / 60 + 1_439], 1);
  }
  await session.run('OPTIMIZE TABLE minutes FINAL');
  await session.run('OPTIMIZE TABLE hours FINAL');
}

const rawSql = (cast: (condition: string) => string, at: (seconds: number) => string) => {
  const columns = Object.values(WINDOWS).flatMap((seconds, i) => {
    const from = `ts >= ${at(END_MS / 1_000 - seconds)}`;
    return [`sum(${cast(from)} * good) AS good_${i}`, `sum(${cast(from)}) AS total_${i}`];
  });
  const sets = ['(sli)', ...Object.keys(SPLITS).map((name) => `(sli, ${name})`)];
  return `SELECT sli, ${Object.keys(SPLITS).join(', ')}, ${columns.join(', ')} FROM raw WHERE ts >= ${at(START_MS / 1_000)} AND ts < ${at(END_MS / 1_000)}
    GROUP BY GROUPING SETS (${sets.join(', ')})`;
};

async function evaluation(millions: number): Promise<void> {
  await withEngine(async (engine, folder) => {
    await makeRaw(engine, millions * 1e6);
    await rollUp(engine);
    const slos = await loadSlos();
    const session = engine.session('read');
    const asked = Object.entries(WINDOWS).map(([name, seconds]) => ({ name, parts: [{ fromMs: END_MS - seconds * 1_000, toMs: END_MS }] }));
    const splitSql = countsSql(SLI_NAMES, asked, 'split');
    const clickhouse = rawSql(
      (condition) => `(${condition})`,
      (seconds) => `toDateTime(${seconds}, 'UTC')`,
    );
    const sums = (rows: Record<string, unknown>[]) =>
      rows
        .map((row) => [Number(row.good_7), Number(row.total_7)].join('/'))
        .sort()
        .join(' ');
    const [fromRollups, fromRaw] = [
      await session.rows<Record<string, unknown>>(splitSql),
      await session.rows<Record<string, unknown>>(clickhouse),
    ];
    const isEqual = sums(fromRollups) === sums(fromRaw);
    const rollups = await timed(() => session.rows(splitSql));
    const pass = await timed(() => figuresAt(engine, slos, END_MS));
    const raw = await timed(() => session.rows(clickhouse), 3);
    const [size] = await session.rows<{ n: string }>('SELECT count() AS n FROM minutes');
    console.log(`${millions} M events, ${DAYS} days, ${size?.n} minute rows, ${fromRollups.length} series; rollups ${isEqual ? 'equal' : 'DIFFER FROM'} raw; load ${loadavg()[0]?.toFixed(1)}
  evaluator's pass: 12 SLOs, 8 windows, users, coverage   ${milliseconds(pass)}
  full: 12 SLOs × 6 splits × 8 windows, from rollups      ${milliseconds(rollups)}
  the same from raw events in ClickHouse                  ${milliseconds(raw)}`);
    if (millions <= POSTGRES_MILLIONS) await onPostgres(engine, folder, rollups, raw);
  });
}

/** The same rows and figures on PostgreSQL 15. */
async function onPostgres(engine: Engine, folder: string, rollups: number[], clickhouse: number[]): Promise<void> {
  const isThere = await withPostgres(['fsync=off'], async (psql) => {
    const file = join(folder, 'raw.tsv');
    await engine
      .session('load')
      .run(`INSERT INTO FUNCTION file('${file}', 'TSV') SELECT toUnixTimestamp(ts), sli, good, ${Object.keys(SPLITS).join(', ')} FROM raw`);
    execFileSync('chmod', ['a+r', file]);
    execFileSync('chmod', ['a+rx', folder]);
    psql(
      `CREATE UNLOGGED TABLE raw (ts int, sli text, good int, ${Object.keys(SPLITS)
        .map((name) => `${name} text`)
        .join(', ')})`,
    );
    psql(`COPY raw FROM '${file}'`);
    psql('CREATE INDEX ON raw (ts)');
    psql('VACUUM ANALYZE raw');
    const sql = rawSql(
      (condition) => `(${condition})::int`,
      (seconds) => String(seconds),
    );
    psql(sql);
    const start = performance.now();
    psql(sql);
    const postgres = performance.now() - start;
    console.log(`  the same from raw events in PostgreSQL 15               ${postgres.toFixed(0)} ms
  PostgreSQL raw / Muster from rollups                    ${(postgres / median(rollups)).toFixed(1)} ×
  PostgreSQL raw / ClickHouse raw                         ${(postgres / median(clickhouse)).toFixed(1)} ×`);
    return true;
  });
  if (!isThere) console.log('  PostgreSQL 15 is not here, or this is not root: not compared');
}

/** A history of attempts and events whose rows the roller could have made. */
async function makeHistory(engine: Engine, events: number): Promise<void> {
  const session = engine.session('load');
  const attempts = Math.round(events / 6);
  const stepMs = (DAYS * 86_400_000) / attempts;
  const label = (name: keyof typeof SPLITS, i: number) => `concat('${name}-', toString(sipHash64(n, ${i}) % ${SPLITS[name]})) AS ${name}`;
  const labels = (Object.keys(SPLITS) as (keyof typeof SPLITS)[]).map(label).join(', ');
  await session.run(
    `INSERT INTO attempt_states (k, home, roll, source, attempt_id, first, times, details, enrolled, ${Object.keys(SPLITS).join(', ')}, user_ref, observed, started_at, deadline, settled_at, result, duration_ms)
     SELECT sipHash64(n), intDiv(at, 60000), 1, 'bench', toString(n), at, arrayWithConstant(20, 0), arrayWithConstant(8, ''), 1, ${Object.keys(SPLITS).join(', ')},
       toString(n % 1000000), 'full', at, at + 600000, at + 20000, if(sipHash64(n, 98) % 100 < 2, 'failed', 'completed'), 20000
     FROM (SELECT number AS n, toUInt64(${START_MS} + number * ${stepMs}) AS at, ${labels} FROM numbers(${attempts})) SETTINGS max_insert_threads = 2`,
  );
  const types = [
    'enrollment.started',
    'enrollment.challenge_issued',
    'api.request',
    'api.request',
    'enrollment.completed',
    'provider.request',
  ];
  await session.run(
    `INSERT INTO events (id, source, type, time, received_at, attempt_id, user_ref, http_status, duration_ms, ${Object.keys(SPLITS).join(', ')})
     SELECT concat(toString(n), '-', toString(i)), 'bench', arrayElement([${types.map((type) => `'${type}'`).join(', ')}], i), fromUnixTimestamp64Milli(toInt64(at + i * 3000), 'UTC'),
       fromUnixTimestamp64Milli(toInt64(at + i * 3000), 'UTC'), toString(n), toString(n % 1000000), if(i IN (3, 4), 200, NULL), if(i IN (3, 4), 90, NULL), ${Object.keys(SPLITS).join(', ')}
     FROM (SELECT number AS n, toUInt64(${START_MS} + number * ${stepMs}) AS at, ${labels}, arrayJoin(range(1, 7)) AS i FROM numbers(${attempts})) SETTINGS max_insert_threads = 2`,
  );
}

/** A simulated event as a row of the log, as the collector would have masked it. */
function rowOf(event: Record<string, unknown>): EventRow {
  const numbers = new Set(['http_status', 'duration_ms', 'risk_score', 'cost', 'cold_start', 'assisted', 'expires_at']);
  const row = EVENT_COLUMN_NAMES.map((name) => event[name] ?? (numbers.has(name) ? null : ''));
  row[COLUMN.time] = parseTime(String(event.time)) ?? 0;
  row[COLUMN.user_ref] = event.user ?? '';
  row[COLUMN.expires_at] = event.expires_at === undefined ? null : (parseTime(String(event.expires_at)) ?? null);
  return row as unknown as EventRow;
}

async function rolls(millions: number): Promise<void> {
  await withEngine(async (engine, folder) => {
    await makeHistory(engine, millions * 1e6);
    const deps = {
      engine,
      statePath: join(folder, 'state.json'),
      slis: SLIS,
      windows: { otherwise: 600_000, byFactor: {} },
      now: () => END_MS,
    };
    const empty: LoaderState = {
      cursor: 0,
      roll: 1,
      settledUntilMs: END_MS,
      dirty: [],
      dirtyRanges: [],
      closedMinute: 0,
      layout: LAYOUT,
      windows: '',
      definitions: '',
    };
    const built = performance.now();
    let state = await bringUpToDate(deps, empty);
    console.log(
      `rolls on ${millions} M events (${Math.round((millions * 1e6) / 6)} attempts) of ${DAYS} days; all minutes from nothing: ${((performance.now() - built) / 1_000).toFixed(0)} s`,
    );
    const rollOf = async (events: readonly Record<string, unknown>[], nowMs: number) => {
      const pending = new PendingRoll(countedTypes(SLIS));
      const start = performance.now();
      const before = process.cpuUsage();
      for (const event of events) pending.add(rowOf(event));
      state = await roll(deps, state, pending, nowMs);
      const { user, system } = process.cpuUsage(before);
      return { wall: performance.now() - start, cpu: (user + system) / 1_000 };
    };
    const late: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const at = new Date(START_MS + (3 + i * 3) * 86_400_000 + 43_200_000);
      const event = (type: string, n: number) => ({
        id: `late-${i}-${n}`,
        source: 'late',
        type,
        time: new Date(at.getTime() + n * 5_000).toISOString(),
        attempt_id: `late-${i}`,
        region: 'region-1',
      });
      late.push((await rollOf([event('enrollment.started', 0), event('enrollment.completed', 1)], END_MS)).wall);
    }
    console.log(`  one late attempt, two events                            ${milliseconds(late)}`);
    // Ten seconds of traffic at 10,000 events a second, all of it in one roll.
    const walls: number[] = [];
    const cpu: number[] = [];
    for (let i = 0; i < 5; i++) {
      const fromMs = END_MS + i * 10_000;
      const { days } = simulate({ seed: i + 1, days: 1, perDay: 17_900, endMs: END_MS, faults: [] });
      // A day's attempts are squeezed into ten seconds of starts.
      const events = [...days].flatMap((day) => day.events).slice(0, 100_000);
      const squeezed = events.map((event) => ({
        ...event,
        id: `${i}-${event.id}`,
        time: new Date(fromMs + (Date.parse(event.time) % 10_000)).toISOString(),
      }));
      const { wall, cpu: used } = await rollOf(squeezed, fromMs + 10_000);
      walls.push(wall);
      cpu.push(used);
    }
    console.log(
      `  10 s of traffic at 10,000 events/s                      ${milliseconds(walls)}; processor ${milliseconds(cpu)}, ${(median(cpu) / 100).toFixed(0)} % of one core`,
    );
  });
}

// The engine allows one data directory per process: each size is a process of its own.
const [kind, size] = process.argv.slice(3);
if (kind === 'evaluation') await evaluation(Number(size));
else if (kind === 'rolls') await rolls(Number(size));
else {
  console.log(`on ${cpus().length} cores; median (least to most) of ${ROUNDS}`);
  const runs = [...MILLIONS.map((millions) => ['evaluation', String(millions)]), ['rolls', String(Math.min(10, Math.max(...MILLIONS)))]];
  for (const run of runs) {
    await new Promise<void>((resolve, reject) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts'), 'slo', ...(run as string[])], { stdio: 'inherit' });
      child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`the run of ${run.join(' ')} failed`))));
    });
  }
}
