/** Backups of a running Muster, and back: consistent at one moment, whole or not at all. And what the doctor says of both. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create, extract } from 'tar';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listenOnLoopback } from '../../src/serve/listen.ts';
import { type Running, removeData, runMuster, startMuster, temporaryData } from '../support/process.ts';
import { whenLong, whenShort } from '../support/scale.ts';

let muster: Running;
let folder: string;
const MINUTE = 60_000;
const START = Math.floor(Date.now() / MINUTE) * MINUTE - 60 * MINUTE;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-backup-'));
  muster = await startMuster(await temporaryData());
});
afterAll(async () => {
  await muster.stop();
  await removeData(muster.dataDir);
  await rm(folder, { recursive: true, force: true });
});

/** Two events of an attempt, both or neither. */
async function send(n: number, url = muster.url): Promise<void> {
  const event = (type: string, atMs: number) => ({
    id: `${type}-${n}`,
    type,
    time: new Date(START + atMs).toISOString(),
    source: 'app',
    attempt_id: `a${n}`,
    user: `user-${n}@example.org`,
  });
  const response = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify([event('enrollment.started', n), event('enrollment.completed', n + 1_000)]),
  });
  expect(response.status).toBe(200);
}

const command = async (...parameters: string[]) => {
  const { status, stdout, stderr } = await runMuster(parameters);
  expect(status, stderr).toBe(0);
  return stdout;
};
const query = async <Row>(dataDir: string, sql: string): Promise<Row[]> =>
  (await command('query', sql, '--format', 'JSONEachRow', '--data', dataDir))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Row);

// The others restore what it has made.
test('a backup taken while events come in holds all that was acknowledged before it, and counts like any store', async () => {
  for (let n = 0; n < 50; n++) await send(n);
  await command('pseudonyms', 'rotate', '--data', muster.dataDir);
  const file = join(folder, 'whole.tar');
  let isDone = false;
  let sent = 50;
  const sending = (async () => {
    for (; !isDone; sent++) await send(sent);
  })();
  const told = await command('backup', file, '--data', muster.dataDir);
  isDone = true;
  await sending;
  expect(told).toMatch(/whole\.tar: [\d.]+ MB/);
  expect((await stat(file)).mode & 0o077).toBe(0);

  const dataDir = join(folder, 'restored');
  expect(await command('restore', file, '--data', dataDir)).toContain('muster up --data');
  const [counts] = await query<{ events: number; attempts: number; users: number }>(
    dataDir,
    "SELECT toUInt32((SELECT count() FROM events_v)) AS events, toUInt32((SELECT count() FROM attempts WHERE result = 'completed')) AS attempts, toUInt32((SELECT uniqExact(user_ref) FROM events_v)) AS users",
  );
  const attempts = counts?.attempts ?? 0;
  expect(attempts).toBeGreaterThanOrEqual(50);
  expect(attempts).toBeLessThanOrEqual(sent);
  expect(counts).toEqual({ events: attempts * 2, attempts, users: attempts });
  const at = new Date(START + 30 * MINUTE).toISOString();
  const status = JSON.parse(await command('slo', 'status', '--json', '--at', at, '--data', dataDir)) as {
    sli: string;
    good: number;
    total: number;
  }[];
  expect(status.find(({ sli }) => sli === 'M1')).toMatchObject({ good: attempts, total: attempts });
  // Keys and people came along.
  const [row] = await query<{ user_ref: string }>(dataDir, "SELECT user_ref FROM events_v WHERE attempt_id = 'a7'");
  expect(await command('reveal', String(row?.user_ref), '--reason', 'restored', '--data', dataDir)).toBe('user-7@example.org\n');
  expect(await command('audit', 'verify', '--data', dataDir)).toContain('unbroken');
  // What came after the backup is sent again, and adds up.
  const again = await startMuster(dataDir);
  try {
    for (let n = 0; n < sent; n++) await send(n, again.url);
  } finally {
    await again.stop();
  }
  expect(await query(dataDir, 'SELECT toUInt32(count()) AS n FROM events_v')).toEqual([{ n: sent * 2 }]);
});

whenShort(() => {
  test('what is cut short, changed, or no backup makes no data directory; one that is there is left alone', async () => {
    const whole = join(folder, 'whole.tar');
    const { size } = await stat(whole);
    const target = join(folder, 'never');
    const refused = async (name: string, change: (path: string) => Promise<void>, why: RegExp) => {
      const path = join(folder, name);
      await copyFile(whole, path);
      await change(path);
      const { status, stderr } = await runMuster(['restore', path, '--data', target]);
      expect({ name, status }).toEqual({ name, status: 2 });
      expect(stderr).toMatch(why);
      expect((await readdir(folder)).filter((name) => name.startsWith(basename(target)))).toEqual([]);
    };
    for (const share of [0.05, 0.5, 0.98])
      await refused(`cut-${share}.tar`, (path) => truncate(path, Math.floor(size * share)), /cut short|damaged|end is missing/);
    await refused(
      'flipped.tar',
      async (path) => {
        const bytes = await readFile(path);
        // Zeros may be what fills a file's last block, and say nothing.
        const middle = bytes.findIndex((byte, at) => at >= bytes.length / 2 && byte !== 0);
        bytes.writeUInt8((bytes.readUInt8(middle) + 1) % 256, middle);
        await writeFile(path, bytes);
      },
      /damaged|changed/,
    );
    await refused(
      'twice.tar',
      async (path) => {
        // Without the blocks of zeros that end an archive, and a part of the last file.
        await truncate(path, size - 10_777);
        await writeFile(path, await readFile(whole), { flag: 'a' });
      },
      /damaged|no backup/,
    );
    await refused('text.tar', (path) => writeFile(path, 'no archive'), /no backup of Muster/);
    const before = await readFile(join(folder, 'restored', 'pseudonym-keys.json'), 'utf8');
    const there = await runMuster(['restore', whole, '--data', join(folder, 'restored')]);
    expect(there).toMatchObject({ status: 1, stderr: expect.stringContaining('holds data already') });
    expect(await readFile(join(folder, 'restored', 'pseudonym-keys.json'), 'utf8')).toBe(before);
    expect(await runMuster(['backup', whole, '--data', join(folder, 'restored')])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there already'),
    });
  });
});

whenShort(() => {
  test('a backup takes the place of nothing, and is nobody else’s to read', async () => {
    const dataDir = join(folder, 'restored');
    const [victim, part] = [join(folder, 'victim.txt'), join(folder, 'kept.tar.part')];
    await writeFile(victim, 'mine');
    await symlink(victim, part);
    const kept = join(folder, 'kept.tar');
    await command('backup', kept, '--data', dataDir);
    expect(await readFile(victim, 'utf8')).toBe('mine');
    expect((await lstat(part)).isSymbolicLink()).toBe(true);
    expect((await lstat(kept)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.startsWith('kept'))).toEqual(['kept.tar', 'kept.tar.part']);
    await symlink(join(folder, 'nowhere'), join(folder, 'dangling.tar'));
    expect(await runMuster(['backup', join(folder, 'dangling.tar'), '--data', dataDir])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there already'),
    });
  });
});

whenLong(() => {
  test('a directory behind a link, and a disk of its own, are restored into', async () => {
    const [elsewhere, link, disk] = ['elsewhere', 'link', 'disk'].map((name) => join(folder, name)) as [string, string, string];
    await mkdir(elsewhere);
    await symlink(elsewhere, link);
    // What a file system puts at its top, which keeps a directory from being replaced, as a mount does.
    await mkdir(join(disk, 'lost+found'), { recursive: true });
    for (const dataDir of [link, disk]) {
      await command('restore', join(folder, 'whole.tar'), '--data', dataDir);
      expect(await query(dataDir, 'SELECT toUInt32(count()) > 0 AS found FROM events_v')).toEqual([{ found: 1 }]);
    }
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readdir(elsewhere)).toContain('clickhouse');
    expect((await readdir(folder)).filter((name) => name.includes('restoring'))).toEqual([]);
  });
});

whenLong(() => {
  test('what is in a directory that is not a data directory stays there, whichever command is told to use it', async () => {
    const whole = join(folder, 'whole.tar');
    const mine = join(folder, 'mine');
    const files = [join(mine, 'letters.txt'), join(mine, 'scratch', 'poem.txt'), join(`${mine}.restoring`, 'novel.txt')];
    for (const file of files) {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, 'mine');
    }
    for (const parameters of [
      ['restore', whole],
      ['up', '--port', '0', '--clickhouse-port', 'off'],
      ['up', '--demo', '--port', '0'],
      ['import', 'okta', '-'],
    ]) {
      const { status, stderr } = await runMuster([...parameters, '--data', mine]);
      expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringMatching(/mine holds (data already|"letters.txt")/) });
    }
    for (const file of files) expect(await readFile(file, 'utf8')).toBe('mine');
    expect((await readdir(mine)).sort()).toEqual(['letters.txt', 'scratch']);
    // Names that are ours are not enough.
    const alike = join(folder, 'alike');
    await mkdir(join(alike, 'log'), { recursive: true });
    for (const name of ['lock', 'muster.json', 'references.sqlite']) await writeFile(join(alike, name), '');
    expect(await runMuster(['up', '--port', '0', '--clickhouse-port', 'off', '--data', alike])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('not Muster'),
    });
    expect((await readdir(alike)).sort()).toEqual(['lock', 'log', 'muster.json', 'references.sqlite']);
    // An empty directory is taken, and what somebody put into the scratch of ours is left.
    const own = join(folder, 'own');
    await mkdir(own);
    await command('restore', whole, '--data', own);
    await mkdir(join(own, 'scratch'), { recursive: true });
    await writeFile(join(own, 'scratch', 'poem.txt'), 'mine');
    await query(own, 'SELECT 1');
    expect(await readFile(join(own, 'scratch', 'poem.txt'), 'utf8')).toBe('mine');
  });
});

whenLong(() => {
  test('an archive that is compressed, or holds what a backup does not, is refused before much of it is unpacked', async () => {
    const target = join(folder, 'bomb');
    const compressed = join(folder, 'bomb.tar.gz');
    await writeFile(compressed, gzipSync(Buffer.alloc(64 * 1024 * 1024)));
    expect(await runMuster(['restore', compressed, '--data', target])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is compressed'),
    });
    // A frame of another packer, with the magic of an archive where it stands in one.
    const packed = join(folder, 'bomb.tar.zst');
    const frame = Buffer.alloc(1_024);
    frame.writeUInt32LE(0xfd2fb528, 0);
    frame.write('ustar', 257);
    await writeFile(packed, frame);
    expect(await runMuster(['restore', packed, '--data', target])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('is compressed'),
    });
    await rm(packed);
    const other = join(folder, 'other');
    await mkdir(other);
    await writeFile(join(other, 'surprise.txt'), 'x');
    await create({ cwd: other, portable: true, file: join(folder, 'other.tar') }, ['.']);
    expect(await runMuster(['restore', join(folder, 'other.tar'), '--data', target])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('surprise.txt'),
    });
    await symlink('/etc', join(other, 'quarantine'));
    await rm(join(other, 'surprise.txt'));
    await create({ cwd: other, portable: true, file: join(folder, 'other.tar') }, ['.']);
    expect(await runMuster(['restore', join(folder, 'other.tar'), '--data', target])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('quarantine'),
    });
    expect((await readdir(folder)).filter((name) => name.startsWith('bomb') && name !== 'bomb.tar.gz')).toEqual([]);
  });
});

whenLong(() => {
  test('SQL in an archive is not run: of its tables come rows, and tables of its own do not come', async () => {
    const made = join(folder, 'made');
    await mkdir(made);
    await extract({ file: join(folder, 'whole.tar'), cwd: made });
    const [metadata, index] = [join(made, 'tables', 'metadata', 'muster'), join(made, 'tables', '.backup')];
    const written = join(folder, 'written.txt');
    const put = async (name: string, sql: string) => {
      await writeFile(join(metadata, `${name}.sql`), sql);
      const entry = `<file><name>metadata/muster/${name}.sql</name><size>${Buffer.byteLength(sql)}</size><checksum>${randomUUID().replaceAll('-', '')}</checksum></file>`;
      const known = await readFile(index, 'utf8');
      const without = known.replace(new RegExp(`<file><name>metadata/muster/${name}\\.sql</name>.*?</file>`), '');
      await writeFile(index, without.replace('<contents>', `<contents>${entry}`));
    };
    const view = await readFile(join(metadata, 'audit_log.sql'), 'utf8');
    await put(
      'audit_log',
      view.replace(
        / AS SELECT[\s\S]*/,
        " AS SELECT toUInt64(1) AS seq, now64(3) AS at, 'x' AS actor_ref, 'x' AS action, 'x' AS target, line AS reason, 'x' AS prev_hash, 'x' AS hash FROM file('/etc/passwd', 'LineAsString', 'line String')",
      ),
    );
    await put(
      'evil',
      `CREATE MATERIALIZED VIEW muster.evil UUID '${randomUUID()}' (\`line\` String) ENGINE = File('LineAsString', '${written}') AS SELECT source AS line FROM muster.events`,
    );
    const table = await readFile(join(metadata, 'maintenance_log.sql'), 'utf8');
    await put('maintenance_log', table.replace('`reason` String', "`reason` String, `passwd` String MATERIALIZED file('/etc/passwd')"));
    const files = (await readdir(made, { withFileTypes: true, recursive: true })).filter(
      (each) => each.isFile() && each.name !== 'backup.json',
    );
    const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
    const manifest = JSON.parse(await readFile(join(made, 'backup.json'), 'utf8')) as object;
    const content = { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
    await writeFile(join(made, 'backup.json'), JSON.stringify({ ...manifest, content }));
    await create({ cwd: made, portable: true, file: join(folder, 'evil.tar') }, ['.']);

    const dataDir = join(folder, 'evil-restored');
    await command('restore', join(folder, 'evil.tar'), '--data', dataDir);
    const again = await startMuster(dataDir);
    try {
      await send(99_999, again.url);
      expect(await query(dataDir, "SELECT count() AS n FROM audit_log WHERE reason LIKE '%root:%'")).toEqual([{ n: 0 }]);
      expect(await command('audit', 'verify', '--data', dataDir)).toContain('unbroken');
      expect(await query(dataDir, "SELECT count() AS n FROM events_v WHERE attempt_id = 'a99999'")).toEqual([{ n: 2 }]);
    } finally {
      await again.stop();
    }
    expect(existsSync(written)).toBe(false);
    const { status, stderr } = await runMuster(['query', 'SELECT * FROM maintenance', '--format', 'JSONEachRow', '--data', dataDir]);
    expect([status, stderr]).toEqual([0, '']);
  });
});

whenLong(() => {
  test('an archive whose tables build on a backup elsewhere is refused before anybody is asked for that', async () => {
    let asked = 0;
    const elsewhere = createServer((_request, response) => {
      asked += 1;
      response.writeHead(404).end();
    });
    const url = await listenOnLoopback(elsewhere, 0, '');
    try {
      const made = join(folder, 'based');
      await mkdir(made);
      await extract({ file: join(folder, 'whole.tar'), cwd: made });
      const index = join(made, 'tables', '.backup');
      const before = await readFile(index, 'utf8');
      const manifest = JSON.parse(await readFile(join(made, 'backup.json'), 'utf8')) as { content: { files: number; bytes: number } };
      for (const [name, base] of Object.entries({
        s3: `<base_backup>S3('${url}/bucket/x')</base_backup>`,
        upper: `<BASE_BACKUP>S3('${url}/bucket/x')</BASE_BACKUP>`,
        attribute: `<config base_backup="S3('${url}/bucket/x')"></config>`,
        entity: `<!DOCTYPE a SYSTEM "${url}/a.dtd">`,
      })) {
        await writeFile(index, before.replace('<contents>', `${base}<contents>`));
        const bytes = manifest.content.bytes + base.length;
        await writeFile(
          join(made, 'backup.json'),
          JSON.stringify({ ...manifest, content: { ...manifest.content, bytes, sha256: undefined } }),
        );
        await create({ cwd: made, portable: true, file: join(folder, `${name}.tar`) }, ['.']);
        expect(await runMuster(['restore', join(folder, `${name}.tar`), '--data', join(folder, `${name}-restored`)])).toMatchObject({
          status: 2,
          stderr: expect.stringContaining('holds what a backup of Muster does not'),
        });
        expect(existsSync(join(folder, `${name}-restored`))).toBe(false);
      }
      expect(asked).toBe(0);
    } finally {
      elsewhere.close();
    }
  });
});

whenShort(() => {
  test('the doctor says what is wrong, and for production what is missing', async () => {
    const dataDir = join(folder, 'restored');
    type Finding = { check: string; grade: string; evidence: string; advice?: string };
    const examine = async (...parameters: string[]) => {
      const { status, stdout } = await runMuster(['doctor', '--json', '--data', dataDir, ...parameters]);
      return { status, findings: JSON.parse(stdout) as Finding[] };
    };
    const healthy = await examine();
    expect(healthy.findings.filter(({ grade }) => grade === 'wrong')).toEqual([]);
    expect(healthy.status).toBe(0);
    const production = await examine('--production');
    expect(production.status).toBe(1);
    expect(production.findings.find(({ check }) => check === 'requests need a key')).toMatchObject({
      grade: 'wrong',
      advice: expect.stringContaining('muster keys create'),
    });
    expect(production.findings.length).toBeGreaterThan(healthy.findings.length);
    await chmod(join(dataDir, 'identity.key'), 0o644);
    const open = await examine();
    expect(open.status).toBe(1);
    expect(open.findings.find(({ evidence }) => evidence.includes('identity.key'))).toMatchObject({ grade: 'wrong' });
    const routes = async () => {
      const env = { MUSTER_ALERTMANAGER_URL: 'http://127.0.0.1:1', MUSTER_HEARTBEAT_URL: 'http://127.0.0.1:1' };
      const { stdout } = await runMuster(['doctor', '--production', '--json', '--data', dataDir], { env });
      return (JSON.parse(stdout) as Finding[]).filter(({ check }) => /somebody is told|silence is noticed/.test(check));
    };
    // What happened counts, not what is configured.
    expect((await routes()).map(({ grade, evidence }) => `${grade}: ${evidence}`)).toEqual([
      'warning: Alertmanager at 127.0.0.1:1 was sent nothing yet',
      'warning: heartbeat at 127.0.0.1:1 was sent nothing yet',
    ]);
    const tried = await runMuster(['alert', 'test', '--data', dataDir], { env: { MUSTER_ALERTMANAGER_URL: 'http://127.0.0.1:1' } });
    expect(tried.status).toBe(1);
    expect((await routes())[0]).toMatchObject({
      grade: 'wrong',
      evidence: expect.stringMatching(/^Alertmanager at 127\.0\.0\.1:1 failed \d+ s ago: /),
    });
    const text = await runMuster(['doctor', '--data', dataDir]);
    expect(text.stdout).toContain('✗ files that hold secrets are for their owner alone: others may read identity.key\n    → chmod');
  });
});
