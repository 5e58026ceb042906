/** A PostgreSQL of its own: in a temporary directory, as its own user, on a free port of the loopback address. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where Debian puts the programs of the server, newest first; undefined where there is none, or this is not root, whom it refuses. */
export const postgresBin = (): string | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const [found] = globSync('/usr/lib/postgresql/*/bin/postgres').sort().reverse();
  return found && dirname(found);
};

export interface Postgres {
  url: string;
  psql(sql: string): string;
  /** Ends it as a power cut does to a process, and starts it again on what is on the disk. */
  crash(): Promise<void>;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** A PgBouncer before a PostgreSQL, which gives each transaction another connection. */
export async function startPgBouncer(path: string, { url }: Postgres): Promise<{ url: string; stop(): Promise<void> }> {
  const home = await mkdtemp(join(tmpdir(), 'muster-pgbouncer-'));
  const port = await freePort();
  const behind = new URL(url);
  const configuration = [
    '[databases]',
    `* = host=127.0.0.1 port=${behind.port} user=postgres`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    `unix_socket_dir =`,
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 4',
  ];
  await writeFile(join(home, 'pgbouncer.ini'), configuration.join('\n'));
  execFileSync('chown', ['-R', 'postgres', home]);
  const pooler = spawn('runuser', ['-u', 'postgres', '--', path, join(home, 'pgbouncer.ini')], { stdio: 'ignore', cwd: '/' });
  for (let i = 0; i < 200 && !(await answers(port)); i++) await sleep(50);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    async stop() {
      const ended = new Promise((resolve) => pooler.once('exit', resolve));
      execFileSync('pkill', ['-P', String(pooler.pid)]);
      await ended;
      await rm(home, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

/** @param settings such as `shared_buffers=2GB` */
export async function startPostgres(settings: readonly string[] = []): Promise<Postgres> {
  const bin = postgresBin();
  if (bin === undefined) throw new Error('PostgreSQL is not here; install the package postgresql');
  const home = await mkdtemp(join(tmpdir(), 'muster-postgres-'));
  const data = join(home, 'db');
  const port = await freePort();
  const as = (command: string, ...parameters: string[]) =>
    execFileSync('runuser', ['-u', 'postgres', '--', command, ...parameters], {
      encoding: 'utf8',
      maxBuffer: 1e9,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  execFileSync('chown', ['postgres', home]);
  as(join(bin, 'initdb'), '-D', data, '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync');
  const psql = (sql: string) => as(join(bin, 'psql'), '-h', home, '-p', String(port), '-d', 'postgres', '-qAt', '-c', sql);
  let server: ChildProcess;
  const start = async () => {
    const options = ['listen_addresses=127.0.0.1', `port=${port}`, `unix_socket_directories=${home}`, ...settings].flatMap((each) => [
      '-c',
      each,
    ]);
    server = spawn('runuser', ['-u', 'postgres', '--', join(bin, 'postgres'), '-D', data, ...options], { stdio: 'ignore', cwd: '/' });
    for (let i = 0; ; i++) {
      try {
        psql('SELECT 1');
        return;
      } catch (error) {
        // Recovery syncs the whole data directory first: half a minute on a busy disk.
        if (i === 2_000) throw error;
        await sleep(50);
      }
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    const ended = new Promise((resolve) => server.once('exit', resolve));
    const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
    process.kill(pid, signal);
    await ended;
  };
  await start();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    psql,
    async crash() {
      await end('SIGKILL');
      // The server's children notice that it is gone.
      await sleep(300);
      await start();
    },
    async stop() {
      await end('SIGINT').catch(() => {});
      await rm(home, { recursive: true, force: true });
    },
  };
}
