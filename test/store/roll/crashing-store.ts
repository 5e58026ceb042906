/** A store that can be crashed at every step of a roll, and the comparison of all that it holds with the contract's model. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { createIntake } from '../../../src/collect/intake/intake.ts';
import { KnownIdentities } from '../../../src/collect/intake/known-identities.ts';
import { LineBuffer } from '../../../src/collect/intake/line-buffer.ts';
import { openLogWriter } from '../../../src/collect/intake/log-writer.ts';
import { mask } from '../../../src/collect/intake/mask.ts';
import { pseudonyms } from '../../../src/collect/people/pseudonyms.ts';
import type { Event } from '../../../src/events/catalogue.ts';
import { SLIS } from '../../../src/slo/slis/index.ts';
import { openEmbedded } from '../../../src/store/engine/embedded.ts';
import type { Engine } from '../../../src/store/engine/engine.ts';
import { migrate } from '../../../src/store/engine/migrate.ts';
import { openLoader } from '../../../src/store/load/loader.ts';
import { readLoaderState } from '../../../src/store/roll/roll-state.ts';
import { isToJoin } from '../../../src/store/rows/attempt-facts.ts';
import { COLUMN, type EventRow } from '../../../src/store/rows/event-row.ts';
import { joinedAttempts } from '../../../src/store/rows/joined-attempts.ts';
import { type Delivered, modelAttempts, modelFigures } from './contract-model.ts';

export const WINDOW_MS = 600_000;
export const HOUR_MS = 3_600_000;
export const BASE_MS = Date.UTC(2026, 9, 31, 23, 40);
export const END_MS = BASE_MS + 3 * HOUR_MS;
export const STEPS = ['begun', 'homes', 'alive', 'backlog', 'dead', 'minutes', 'slices'];
const names = pseudonyms(Buffer.alloc(32, 7));

let root: string;
let engine: Engine;
let runs = 0;

/** Gives the test file a directory of its own, for as long as it runs. */
export function prepareStores(): void {
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'muster-metamorphic-'));
  });
  afterAll(async () => {
    await rm(root, { recursive: true, force: true });
  });
}

export interface Delivery {
  event: Event;
  timeMs: number;
}

class Crash extends Error {}

/** A store that can be crashed: whatever was in memory is gone, whatever was on disk stays. */
export async function openRun(name: string) {
  const directory = join(root, name);
  await mkdir(directory, { recursive: true });
  let nowMs = BASE_MS;
  let crashAt: string | undefined;
  const open = async () => {
    const loader = await openLoader({
      engine,
      statePath: join(directory, 'state.json'),
      quarantineDir: join(directory, 'quarantine'),
      slis: SLIS,
      windows: { otherwise: WINDOW_MS, byFactor: {} },
      now: () => nowMs,
      onProblem: (message) => {
        throw new Error(message);
      },
      references: { save: async () => {} },
      atStep: (step) => {
        if (step === crashAt) throw new Crash(step);
      },
    });
    const log = await openLogWriter(join(directory, 'log'), { after: (await readLoaderState(join(directory, 'state.json'))).cursor });
    const intake = createIntake({
      log,
      pseudonyms: names,
      now: () => END_MS,
      known: new KnownIdentities(),
      folding: loader.folding,
      lookUp: async (asked) => asked.map(() => undefined),
    });
    return { loader, log, intake };
  };
  let current = await open();
  return {
    accept: (events: readonly Event[]) =>
      current.intake.accept(
        events.map((value) => ({ value })),
        'import',
      ),
    async roll(atMs: number) {
      nowMs = Math.max(nowMs, atMs);
      await current.loader.drain(current.log);
    },
    async crash(step: string, atMs: number, merges: boolean, reopens: boolean) {
      crashAt = step;
      nowMs = Math.max(nowMs, atMs);
      await current.loader.drain(current.log).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
      });
      crashAt = undefined;
      // A merge forgets what a row was before: nothing may hang on reading an old version again.
      if (merges) await engine.session('roll').run('OPTIMIZE TABLE attempt_states FINAL');
      if (!reopens) return;
      await current.loader.stop();
      await current.log.close();
      current = await open();
    },
    async close() {
      await current.loader.stop();
      await current.log.close();
    },
  };
}

export async function storedMinutes(): Promise<Map<string, string>> {
  const rows = await engine.session('read').rows<{ key: string; counts: string }>(
    `SELECT concat(sli, '|', toString(intDiv(toUnixTimestamp(minute), 60)), '|', dimension, '|', value) AS key, concat(toString(good), '/', toString(total)) AS counts
     FROM minutes FINAL WHERE total > 0 AND (position(sli, ':') = 0 OR sli = 'M3:starts') AND dimension IN ('', 'region', 'provider', 'deployment')`,
  );
  return new Map(rows.map(({ key, counts }) => [key, counts]));
}

async function storedUsers(): Promise<Map<string, string>> {
  const rows = await engine.session('read').rows<{ key: string; hit: string }>(
    `SELECT concat(sli, '|', toString(intDiv(toUnixTimestamp(minute), 60))) AS key, toString(length(users) + anonymous) AS hit
     FROM bad_users FINAL WHERE span = 1 AND (notEmpty(users) OR anonymous > 0)`,
  );
  return new Map(rows.map(({ key, hit }) => [key, hit]));
}

/** Hours that are not the sum, or the union, of their minutes. */
function hoursThatDiffer(): Promise<unknown[]> {
  return engine.session('read').rows(
    `SELECT sli, dimension, hour, value, sum(g) AS good_more, sum(t) AS total_more FROM (
       SELECT sli, dimension, toStartOfHour(minute) AS hour, value, toInt64(good) AS g, toInt64(total) AS t FROM minutes FINAL
       UNION ALL SELECT sli, dimension, minute, value, -toInt64(good), -toInt64(total) FROM hours FINAL
     ) GROUP BY sli, dimension, hour, value HAVING good_more != 0 OR total_more != 0
     UNION ALL
     SELECT sli, '', hour, '', toInt64(uniqExactArrayIf(users, span = 1)) - toInt64(uniqExactArrayIf(users, span = 60)) AS users_more,
       toInt64(sumIf(anonymous, span = 1)) - toInt64(sumIf(anonymous, span = 60)) AS anonymous_more
     FROM (SELECT *, toStartOfHour(minute) AS hour FROM bad_users FINAL) GROUP BY sli, hour HAVING users_more != 0 OR anonymous_more != 0`,
  );
}

/** Where two sets of figures differ: the first few, readable in a counterexample. */
function differences(stored: Map<string, string>, model: Map<string, string>): string[] {
  const keys = [...new Set([...stored.keys(), ...model.keys()])].sort();
  return keys
    .filter((key) => stored.get(key) !== model.get(key))
    .slice(0, 8)
    .map((key) => `${key}: stored ${stored.get(key) ?? '–'}, by the contract ${model.get(key) ?? '–'}`);
}

async function storedAttempts() {
  const rows = await engine.session('read').rows<Record<string, string | number | null>>(
    `SELECT concat(source, '/', attempt_id) AS key, result, observed, toUnixTimestamp64Milli(started_at) AS startedMs, toUnixTimestamp64Milli(settled_at) AS settledMs,
       duration_ms AS durationMs, error_class AS errorClass, fault, traffic, region, provider, provider_final AS providerFinal, deployment, own_error AS ownError,
       provider_requested AS providerRequested, provider_fell_back AS providerFellBack FROM attempts`,
  );
  const number = (value: unknown) => (value === null ? null : Number(value));
  return new Map(
    rows.map(({ key, ...row }) => [
      String(key),
      {
        ...row,
        startedMs: number(row.startedMs),
        settledMs: number(row.settledMs),
        durationMs: number(row.durationMs),
        ownError: row.ownError === 1,
        providerRequested: row.providerRequested === 1,
        providerFellBack: row.providerFellBack === 1,
      },
    ]),
  );
}

/** What happens after a batch: the clock goes on, and then a roll, a crash at a step (and parts merge, or not), or nothing yet. */
export interface Action {
  advance: number;
  what: string;
  merges: boolean;
  /** Whether the process ends with the crash, or goes on and tries again. */
  reopens: boolean;
}

/** Takes events in by batches, each with an action behind it. Returns how far the clock has come. */
export async function playOut(
  run: Awaited<ReturnType<typeof openRun>>,
  sequence: readonly Event[],
  batch: number,
  actions: readonly Action[],
): Promise<number> {
  let nowMs = BASE_MS;
  for (let from = 0, n = 0; from < sequence.length; from += batch, n++) {
    await run.accept(sequence.slice(from, from + batch));
    const action = actions[n % actions.length];
    if (!action) continue;
    nowMs += action.advance;
    if (action.what === 'roll') await run.roll(nowMs);
    else if (action.what !== 'wait') await run.crash(action.what, nowMs, action.merges, action.reopens);
  }
  return nowMs;
}

/** Runs `work` on a database of its own. */
export async function onFreshDatabase(work: (name: string) => Promise<void>): Promise<void> {
  runs += 1;
  const name = `run_${runs}`;
  engine = await openEmbedded({ path: join(root, 'engine'), scratch: join(root, 'scratch'), database: name });
  try {
    await migrate(engine.session('load'));
    await work(name);
  } finally {
    await engine.session('load').run(`DROP DATABASE ${name} SYNC`);
    await engine.close();
  }
}

/** Of records without a common id: the attempt that each belongs to, by the record's id. */
function joinedIds(rows: readonly EventRow[]): Map<string, string> {
  const people = Map.groupBy(rows.filter(isToJoin), (row) => `${row[COLUMN.source]}\0${row[COLUMN.user_ref]}`);
  const attempts = [...people.values()].flatMap((of) => joinedAttempts(of, { otherwise: WINDOW_MS, byFactor: {} }));
  return new Map(attempts.flatMap((of) => of.map((row) => [String(row[COLUMN.id]), String(of[0]?.[COLUMN.attempt_id])] as const)));
}

/** The store against the contract's model: minutes, users hit, hours, attempts. */
export async function equalsContract(all: readonly Delivery[], endMs: number): Promise<void> {
  const masked = all.map(({ event, timeMs }) =>
    mask(event, { timeMs, expiresAtMs: event.expires_at === undefined ? undefined : Date.parse(event.expires_at) }, names),
  );
  const joined = joinedIds(masked.map(({ row }) => row));
  const model: Delivered[] = all.map(({ event, timeMs }, i) => ({
    ...(event as unknown as Delivered),
    timeMs,
    ...(event.user !== undefined && { userRef: names.of('person', event.user) }),
    ...(joined.has(event.id) && { attempt_id: joined.get(event.id) as string }),
    contentHash: new LineBuffer().add(masked[i]?.content ?? '', 0),
  }));
  const figures = modelFigures(model, WINDOW_MS, endMs);
  expect(differences(await storedMinutes(), figures.minutes)).toEqual([]);
  expect(differences(await storedUsers(), figures.users)).toEqual([]);
  expect(await hoursThatDiffer()).toEqual([]);
  const attempts = [...modelAttempts(model, WINDOW_MS, Date.now())].map(([key, { overdue, deniedAtRisk, userRef, ...attempt }]) => [
    key,
    attempt,
  ]);
  expect(await storedAttempts()).toEqual(new Map(attempts as never));
}
