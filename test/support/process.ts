/** A real `muster up` in a process of its own, on a free port and a temporary data directory. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/muster.mjs', import.meta.url));
const START_MS = 240_000;

export interface Running {
  url: string;
  dataDir: string;
  output: () => string;
  /** Ends it as a user would, and waits. Returns its exit status. */
  stop(): Promise<number | null>;
  /** Ends it as a crash would, and waits. */
  kill(): Promise<void>;
}

export const temporaryData = (): Promise<string> => mkdtemp(join(tmpdir(), 'muster-up-'));
export const removeData = (dataDir: string): Promise<void> => rm(dataDir, { recursive: true, force: true });

/** Starts `muster up` and waits until it is ready. */
export const startMuster = (dataDir: string, ...parameters: string[]): Promise<Running> => startUnder([], dataDir, ...parameters);

/** A test that is given up must leave no process behind, which would take the processors from those after it. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** The same as the child of another command, which must leave it the process that is ended. */
export async function startUnder(command: readonly string[], dataDir: string, ...parameters: string[]): Promise<Running> {
  const [program = process.execPath, ...rest] = [...command, process.execPath];
  const child = spawn(program, [...rest, BIN, 'up', '--data', dataDir, '--port', '0', ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Tests run side by side, and the default port is one.
    env: { ...process.env, MUSTER_CLICKHOUSE_PORT: 'off' },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = await untilReady(child, dataDir, () => output);
  return {
    url,
    dataDir,
    output: () => output,
    stop: async () => {
      child.kill('SIGTERM');
      return ended(child);
    },
    kill: async () => {
      child.kill('SIGKILL');
      await ended(child);
    },
  };
}

async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve));
  return child.exitCode;
}

async function untilReady(child: ChildProcess, dataDir: string, output: () => string): Promise<string> {
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(50)) {
    if (child.exitCode !== null) break;
    const [, url, isSecure] = /Muster is at (http(s?):\/\/127\.0\.0\.1:\d+)/.exec(output()) ?? [];
    // With TLS, commands of the machine have an address of their own.
    if (isSecure) return (JSON.parse(await readFile(join(dataDir, 'muster.json'), 'utf8')) as { url: string }).url;
    if (url && (await fetch(`${url}/readyz`).catch(() => undefined))?.ok) return url;
  }
  child.kill('SIGKILL');
  throw new Error(`muster up did not become ready:\n${output()}`);
}

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs one command to its end. */
export function runMuster(parameters: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BIN, ...parameters], { env: { ...process.env, ...options.env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
}
