/** A PostgreSQL 15 of its own: as its own user, on a socket of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BIN = '/usr/lib/postgresql/15/bin';
const SETTINGS = ['listen_addresses=', 'shared_buffers=2GB', 'work_mem=256MB', 'max_parallel_workers_per_gather=2'];

/** Runs `use` with a function that runs SQL; undefined where there is no PostgreSQL 15, or this is not root. */
export async function withPostgres<T>(
  settings: readonly string[],
  use: (psql: (sql: string) => string) => Promise<T>,
): Promise<T | undefined> {
  if (!existsSync(BIN) || process.getuid?.() !== 0) return undefined;
  const data = await mkdtemp(join(tmpdir(), 'muster-bench-pg-'));
  const as = (command: string, ...parameters: string[]) =>
    execFileSync('runuser', ['-u', 'postgres', '--', command, ...parameters], {
      encoding: 'utf8',
      maxBuffer: 1e9,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  execFileSync('chown', ['postgres', data]);
  let server: ChildProcess | undefined;
  try {
    as(join(BIN, 'initdb'), '-D', join(data, 'db'), '--auth=trust', '-E', 'UTF8', '--locale=C');
    const options = [...SETTINGS, ...settings].flatMap((setting) => ['-c', setting]);
    server = spawn('runuser', ['-u', 'postgres', '--', join(BIN, 'postgres'), '-D', join(data, 'db'), '-k', data, ...options], {
      stdio: 'ignore',
      cwd: '/',
    });
    const psql = (sql: string) => as(join(BIN, 'psql'), '-h', data, '-d', 'postgres', '-qAt', '-c', sql);
    for (let i = 0; i < 100; i++) {
      try {
        psql('SELECT 1');
        break;
      } catch {
        await sleep(100);
      }
    }
    return await use(psql);
  } finally {
    const ended = new Promise((resolve) => (server ? server.once('exit', resolve) : resolve(undefined)));
    const pidFile = join(data, 'db/postmaster.pid');
    const pid = existsSync(pidFile) ? Number((await readFile(pidFile, 'utf8')).split('\n')[0]) : 0;
    if (pid > 0) process.kill(pid, 'SIGINT');
    if (server) await ended;
    await rm(data, { recursive: true, force: true });
  }
}
