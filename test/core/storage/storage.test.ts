/** One contract for both stores of the core: nothing half done, nothing done twice, nothing lost that was acknowledged. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eraseFromCore } from '../../../src/cli/core-storage.ts';
import { flushOutbox } from '../../../src/core/ledger/outbox.ts';
import type { StorageOptions } from '../../../src/core/storage/open.ts';
import { beginTotp, type TestCore, testCore } from '../../support/core.ts';
import { have, pathOf } from '../../support/counterparts.ts';
import { type Postgres, startPgBouncer, startPostgres } from '../../support/postgres.ts';

const CHILD = fileURLToPath(new URL('../../support/enrolling-process.ts', import.meta.url));

let postgres: Postgres | undefined;
let pooler: Awaited<ReturnType<typeof startPgBouncer>> | undefined;
beforeAll(async () => {
  if (have('postgres')) postgres = await startPostgres();
  if (postgres && have('pgbouncer')) pooler = await startPgBouncer(pathOf('pgbouncer'), postgres);
});
afterAll(async () => {
  await pooler?.stop();
  await postgres?.stop();
});

const KINDS = ['sqlite', 'postgres', 'postgres behind PgBouncer'] as const;

let databases = 0;
async function storageOf(kind: (typeof KINDS)[number], directory: string): Promise<StorageOptions> {
  if (kind === 'sqlite') return { kind, path: join(directory, 'core.sqlite') };
  const server = kind === 'postgres' ? postgres : pooler;
  if (!postgres || !server) throw new Error(`${kind} is not here`);
  const name = `core_${++databases}`;
  postgres.psql(`CREATE DATABASE ${name}`);
  return { kind: 'postgres', url: server.url.replace(/postgres$/, name) };
}

describe.each(KINDS)('%s', (kind) => {
  const runs = kind === 'sqlite' || (have('postgres') && (kind === 'postgres' || have('pgbouncer')));
  let made: TestCore;
  let directory: string;
  let storage: StorageOptions;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'muster-core-'));
    storage = await storageOf(kind, directory);
    made = await testCore({}, { storage, directory });
  });
  afterEach(() => made.dispose());

  const count = async (sql: string) => Number((await made.storage.one<{ n: number }>(`SELECT COUNT(*) AS n FROM ${sql}`))?.n);

  test.runIf(runs)('what fails leaves nothing, and those beside it go on', async () => {
    const person = (name: string) =>
      made.storage.transaction(async (statements) => {
        await statements.run('INSERT INTO people (user_id, epoch) VALUES (?, 0)', name);
        if (name.startsWith('bad')) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled(['a', 'bad 1', 'b', 'bad 2', 'c'].map(person));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
    expect((await made.storage.all<{ user_id: string }>('SELECT user_id FROM people ORDER BY user_id')).map((row) => row.user_id)).toEqual([
      'a',
      'b',
      'c',
    ]);
    await expect(person('a')).rejects.toThrow(/unique|UNIQUE|duplicate/);
  });

  test.runIf(runs)('nobody sees what is not committed', async () => {
    let seen: number | undefined;
    await made.storage.transaction(async (statements) => {
      await statements.run("INSERT INTO people (user_id, epoch) VALUES ('x', 0)");
      seen = await count('people');
    });
    expect([seen, await count('people')]).toEqual([0, 1]);
  });

  test.runIf(runs)('values come back as they went: bytes, large numbers, texts of any kind, nothing', async () => {
    const bytes = Uint8Array.from([0, 255, 39, 92]);
    const text = `'; DROP TABLE people; -- ? $1 \\ \u{1F511}`;
    await made.storage.run(
      'INSERT INTO hardware_tokens (serial, sealed, version, imported_at) VALUES (?, ?, 0, ?)',
      text,
      bytes,
      2 ** 48 + 1,
    );
    const row = await made.storage.one<{ serial: string; sealed: Uint8Array; factor_id: null; imported_at: number }>(
      'SELECT * FROM hardware_tokens WHERE serial = ?',
      text,
    );
    expect({ ...row, sealed: [...(row?.sealed ?? [])] }).toMatchObject({
      serial: text,
      sealed: [...bytes],
      factor_id: null,
      imported_at: 2 ** 48 + 1,
    });
  });

  test.runIf(runs)('two hundred people at once, each proving twice: two hundred factors, and each told once', async () => {
    const people = Array.from({ length: 200 }, (_, index) => `person-${index}`);
    const enrolled = await Promise.all(
      people.map(async (user) => {
        const { id, code } = await beginTotp(made, user);
        const proofs = await Promise.all([0, 1].map(() => made.core.verify(id, undefined, { code: code() })));
        return proofs.map((proof) => (proof.isRight ? proof.enrollment.factor_id : undefined));
      }),
    );
    for (const [first, second] of enrolled) expect([first, second]).toEqual([expect.any(String), first]);
    expect(new Set(enrolled.flat()).size).toBe(200);
    expect(await count("factors WHERE state = 'active'")).toBe(200);
    expect(await made.eventsOf('enrollment.completed')).toHaveLength(200);
  });

  test.runIf(runs)('one person who starts ten times at once waits once', async () => {
    const starts = await Promise.all(Array.from({ length: 10 }, () => beginTotp(made, 'ada')));
    expect(await count("enrollments WHERE state = 'pending'")).toBe(1);
    expect(await count("enrollments WHERE state = 'cancelled'")).toBe(9);
    expect(await made.eventsOf('enrollment.cancelled')).toHaveLength(9);
    const results = await Promise.all(starts.map(({ id, code }) => made.core.verify(id, undefined, { code: code() })));
    expect(results.filter(({ isRight }) => isRight)).toHaveLength(1);
  });

  test.runIf(runs)('a reset beside a proof: the factor is gone, or was never there', async () => {
    for (let i = 0; i < 20; i++) {
      const user = `person-${i}`;
      const { id, code } = await beginTotp(made, user);
      await Promise.all([made.core.verify(id, undefined, { code: code() }), made.core.factors.reset(user, {})]);
      const [factor] = await made.core.factors.factorsOf(user);
      // Bound first and then reset, or reset first and then never bound.
      expect(['revoked', undefined]).toContain(factor?.state);
    }
  });

  test.runIf(runs)('the outbox hands over each event, in order, and keeps what was not taken', async () => {
    await beginTotp(made);
    await expect(flushOutbox({ ...made, onProblem: () => {} }, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    const taken: unknown[] = [];
    const deliver = async (events: object[]) => {
      // One that comes in while the others are on their way is not lost.
      if (taken.length === 0) await beginTotp(made, 'ben');
      taken.push(...events.map((event) => (event as { type: string }).type));
    };
    expect(await flushOutbox({ ...made, onProblem: () => {} }, deliver)).toBe(4);
    expect(taken).toEqual(['enrollment.started', 'enrollment.challenge_issued', 'enrollment.started', 'enrollment.challenge_issued']);
    expect(await count('outbox')).toBe(0);
  });

  test.runIf(runs)('a number lies sealed in the outbox, and is handed over as it was', async () => {
    await made.core.start({ user: 'ada', factor_type: 'sms', phone: '+31612345678' }, undefined);
    const rows = JSON.stringify(await made.storage.all('SELECT event FROM outbox'));
    expect(rows).not.toMatch(/31612345678/);
    const taken: Record<string, unknown>[] = [];
    await flushOutbox({ ...made, onProblem: () => {} }, async (events) => void taken.push(...events));
    expect(taken.find(({ type }) => type === 'enrollment.challenge_issued')).toMatchObject({ destination: '+31612345678' });
    expect(JSON.stringify(taken)).not.toContain('sealed');
  });

  test.runIf(runs)('who is forgotten is gone from every table, and nobody else', async () => {
    for (const user of ['ada@example.org', 'ben']) {
      const { id, code } = await beginTotp(made, user);
      await made.core.verify(id, undefined, { code: code() }, (statements, result) =>
        made.core.answers.keep(statements, { principal: '', key: user, fingerprint: '' }, { status: 200, body: { ...result } }, id),
      );
      await made.core.start({ user, factor_type: 'sms', phone: '+31612345678' }, undefined);
    }
    const where = storage.kind === 'sqlite' ? {} : { coreDatabaseUrl: storage.url };
    // As the command does it, beside the core that runs.
    const { rows, spellings } = await eraseFromCore({ dataDir: directory, ...where }, 'ADA@Example.org', Date.now());
    expect([rows > 5, spellings]).toEqual([true, ['ada@example.org']]);
    for (const table of ['people', 'enrollments', 'factors', 'sends', 'kept_answers', 'outbox']) {
      const left = JSON.stringify(await made.storage.all(`SELECT * FROM ${table}`));
      expect([table, left.includes('ada@example.org'), left.length > 2]).toEqual([table, false, true]);
    }
    expect(await eraseFromCore({ dataDir: directory, ...where }, 'ada@example.org', Date.now())).toEqual({
      rows: 0,
      spellings: [],
      left: 0,
    });
  });

  test.runIf(runs)('kill -9 in the middle: what was acknowledged is there once, with its event, and nothing is half there', async () => {
    const where = storage.kind === 'sqlite' ? storage.path : storage.url;
    const acknowledged: string[] = [];
    for (const round of ['first', 'second']) {
      const child = spawn(process.execPath, [CHILD, storage.kind, where, directory, round], { stdio: ['ignore', 'pipe', 'inherit'] });
      let rest = '';
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          const lines = (rest + chunk.toString()).split('\n');
          rest = lines.pop() ?? '';
          acknowledged.push(...lines);
          if (acknowledged.length > (round === 'first' ? 100 : 250)) child.kill('SIGKILL');
        });
        child.once('exit', () => resolve());
      });
      // The second time the database goes down as well.
      if (round === 'second' && kind === 'postgres') await postgres?.crash();
    }
    const rows = await made.storage.all<{ user_id: string; id: string }>("SELECT user_id, id FROM factors WHERE state = 'active'");
    const factors = new Map(rows.map((row) => [row.user_id, row.id]));
    expect(factors.size).toBe(rows.length);
    expect(acknowledged.length).toBeGreaterThan(250);
    for (const line of acknowledged) {
      const [user = '', factor] = line.split(' ');
      expect(factors.get(user), user).toBe(factor);
    }
    const told = (await made.eventsOf('enrollment.completed')).map((event) => event.factor_id);
    expect(told.sort()).toEqual(rows.map(({ id }) => id).sort());
    expect(await count("enrollments WHERE state = 'active'")).toBe(rows.length);
  });
});

test('a file of the version before is taken over: its factors log in, under the new vault', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'muster-core-'));
  try {
    const { writeOldCore } = await import('../../support/old-core.ts');
    const { user, secretHex, key } = await writeOldCore(join(directory, 'core.sqlite'));
    const made = await testCore({}, { directory });
    const { takeOldFactors } = await import('../../../src/core/storage/before.ts');
    await takeOldFactors(made.storage, made.vault, key);
    await takeOldFactors(made.storage, made.vault, key);
    const [factor] = await made.core.factors.factorsOf(user);
    expect(factor).toMatchObject({ factor_type: 'totp', state: 'active' });
    const { Secret, TOTP } = await import('otpauth');
    const code = TOTP.generate({ secret: Secret.fromHex(secretHex), timestamp: made.nowMs });
    expect(await made.core.use(String(factor?.id), { code })).toMatchObject({ isRight: true });
    expect(await made.events()).toEqual(['enrollment.started']);
    await made.dispose();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
