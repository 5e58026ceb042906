/** What commands share: output, colours, progress, and the running process or services of their own. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { styleText } from 'node:util';
import { SingleBar } from 'cli-progress';
import { z } from 'zod';
import { type Config, parseConfig } from '../config.ts';
import { ERRORS, type ErrorCode, MusterError, systemCode } from '../errors.ts';
import { parseTime } from '../events/time.ts';
import { FILES, INSTANCE_HEADER } from '../names.ts';
import { LockedError } from '../system/lock.ts';
import type { Services } from './services.ts';

export interface Context {
  environment: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  now: () => number;
  version: string;
  /** Told when a statement does not end: this process can then only be left, not ended. */
  onStuck: () => void;
}

export type Colour = Parameters<typeof styleText>[0];

/** Text in a colour, on a terminal that shows colours only. */
export function coloured(context: Context, colour: Colour, text: string): string {
  const shows = context.stdout.isTTY === true && !context.environment.NO_COLOR;
  return shows ? styleText(colour, text, { validateStream: false }) : text;
}

/** What moves a terminal's cursor, hides text or turns it around; not our own colours, nor what parts lines and columns. */
const UNSEEN = /(?!\x1b\[\d{1,3}m)(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/** Text as a terminal may show it: labels and reasons come from outside. */
export const shown = (text: string): string => text.replace(UNSEEN, '?');

/** The same of text in which no colour is ours. */
export const shownPlain = (text: string): string => shown(text).replaceAll('\x1b', '?');

/** Writes a line to standard output. */
export const print = (context: Context, text: string): void => {
  context.stdout.write(`${shown(text)}\n`);
};

/** Writes a value as indented JSON to standard output: what `--json` gives. The same value, whatever is in its texts. */
export const printJson = (context: Context, value: unknown): void => {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  context.stdout.write(`${JSON.stringify(value, null, 2).replace(UNSEEN, (found) => [...found.split('')].map(escaped).join(''))}\n`);
};

export interface Progress {
  update(done: number): void;
  stop(): void;
}

/** A bar on a terminal, nothing in a pipe. */
export function progress(context: Context, label: string, total: number): Progress {
  if (!context.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: `${label} {bar} {percentage} % · {value} of {total}`,
    stream: context.stderr,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(total, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}

const STILL_MS = 5_000;

/** Says on a terminal that something that takes minutes is at work, and for how long. */
export function atWork(context: Context, label: string): { stop: () => void } {
  const startMs = performance.now();
  const say = (text: string) => context.stderr.isTTY && context.stderr.write(`\r\x1b[K${text}`);
  const timer = setInterval(() => say(`${label}: ${Math.round((performance.now() - startMs) / 1_000)} s`), STILL_MS);
  say(label);
  return {
    stop() {
      clearInterval(timer);
      say('');
    },
  };
}

/** Options of commands that are settings too, as the command line gives them. */
export interface ConfigOptions {
  data?: string | undefined;
  port?: string | undefined;
  clickhousePort?: string | undefined;
  slo?: string[] | undefined;
  host?: string | undefined;
  behindProxy?: boolean | undefined;
  tlsCert?: string | undefined;
  tlsKey?: string | undefined;
  tlsClientCa?: string | undefined;
}

/** The configuration that a command's options and the environment give. */
export function configOf(context: Context, { data, ...flags }: { data?: string | undefined } & { [K in keyof Config]?: unknown }): Config {
  return parseConfig(context.environment, { dataDir: data, ...flags });
}

/**
 * A moment given as an option, in milliseconds since 1970; undefined when it was not.
 * @throws MUSTER_BAD_ARGUMENT naming the option
 */
export function timeOption(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = parseTime(text);
  if (ms === undefined)
    throw new MusterError('MUSTER_BAD_ARGUMENT', `${name} ${text.slice(0, 60)}: expected RFC 3339, such as 2026-03-01T09:30:00Z`);
  return ms;
}

/** The same of an option that must be there. */
export function neededTime(name: string, text: string): number {
  return timeOption(name, text) as number;
}

/** Moments as a query string. */
export const momentParameters = (moments: Record<string, number>): string =>
  new URLSearchParams(Object.entries(moments).map(([name, ms]): [string, string] => [name, new Date(ms).toISOString()])).toString();

/** Base URL of the process that runs on a data directory, or undefined. A process that only listens where another did is not it. */
export async function runningAt(dataDir: string): Promise<string | undefined> {
  try {
    const { url, instance, token } = JSON.parse(await readFile(join(dataDir, FILES.address), 'utf8')) as Record<string, string>;
    if (url === undefined) return undefined;
    if (token !== undefined) localTokens.set(new URL(url).origin, token);
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(10_000) });
    return response.headers.get(INSTANCE_HEADER) === instance ? url : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

/** By which processes know the commands of their machine; read from their data directories. */
const localTokens = new Map<string, string>();

/** A running process that is behind asks for the request again; after this it has had its chance. */
const RETRY_FOR_MS = 60_000;

/** JSON of a route of the running process; undefined of one that says nothing. @throws MUSTER_GATEWAY with its own words when it refuses or is gone */
export async function ask<T>(url: string, init?: RequestInit): Promise<T> {
  const text = (await askBytes(url, init)).toString();
  try {
    return (text === '' ? undefined : JSON.parse(text)) as T;
  } catch (cause) {
    throw new MusterError('MUSTER_GATEWAY', `what answers at ${new URL(url).origin} is not Muster`, { cause });
  }
}

/** JSON of a route that something is posted to, as {@link ask}. */
export const post = <T>(url: string, body: unknown): Promise<T> =>
  ask<T>(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

/** What {@link ask} reads, as bytes. */
export const askBytes = async (url: string, init?: RequestInit): Promise<Buffer> =>
  Buffer.from(await (await askStream(url, init)).arrayBuffer());

/** The same before its body is read. */
export async function askStream(url: string, init?: RequestInit): Promise<Response> {
  for (const startMs = performance.now(); ; ) {
    const token = localTokens.get(new URL(url).origin);
    const headers = { ...init?.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) };
    const response = await fetch(url, { ...init, headers }).catch((cause: unknown) => {
      throw new MusterError('MUSTER_GATEWAY', `the running Muster process at ${new URL(url).origin} does not answer`, { cause });
    });
    if (response.ok) return response;
    const body = Buffer.from(await response.arrayBuffer());
    if (response.status === 503 && performance.now() - startMs < RETRY_FOR_MS) {
      await sleep(1_000);
      continue;
    }
    const problem = problemSchema.safeParse(jsonOf(body));
    // What is wrong with the request is said as if there were no other process.
    if (problem.success && problem.data.code in ERRORS && response.status < 500)
      throw new MusterError(problem.data.code as ErrorCode, problem.data.detail);
    throw new MusterError(
      'MUSTER_GATEWAY',
      `the running Muster process refused: ${problem.success ? problem.data.detail : `status ${response.status}`}`,
    );
  }
}

const problemSchema = z.object({ code: z.string().default(''), detail: z.string() });

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

/** Does the work through the process that runs on the data directory, or through services opened for it. */
export async function throughEither<T>(
  context: Context,
  config: Config,
  remote: (url: string) => Promise<T>,
  local: (services: Services) => Promise<T>,
  options: { mayCreate: boolean },
): Promise<T> {
  const url = await runningAt(config.dataDir);
  if (url !== undefined) return remote(url);
  if (!options.mayCreate && ![FILES.engine, FILES.server].some((name) => existsSync(join(config.dataDir, name)))) {
    throw new MusterError(
      'MUSTER_NOT_FOUND',
      `${config.dataDir} holds no data of Muster; name its directory with --data, or start with muster up`,
    );
  }
  const opened = await openedOrRunning(context, config);
  if (typeof opened === 'string') return remote(opened);
  try {
    return await local(opened);
  } finally {
    await opened.close();
  }
}

const LOOK_AGAIN_MS = 500;

/** The services of a directory; while another process holds it, the address at which that one answers once it has started. */
async function openedOrRunning(context: Context, config: Config): Promise<Services | string> {
  // Whoever is answered by a running process does not wait for the code of a store.
  const { openServices } = await import('./services.ts');
  let isSaid = false;
  for (const startMs = performance.now(); ; ) {
    try {
      return await openServices({
        config,
        now: context.now,
        onProblem: (message) => context.stderr.write(`muster: ${shown(message)}\n`),
        onStuck: context.onStuck,
      });
    } catch (error) {
      if (!(error instanceof LockedError) || performance.now() - startMs > RETRY_FOR_MS) throw error;
      const url = await runningAt(config.dataDir);
      if (url !== undefined) return url;
      if (!isSaid) context.stderr.write('muster: another Muster process is at work in this data directory; waiting for it\n');
      isSaid = true;
      await sleep(LOOK_AGAIN_MS);
    }
  }
}

/** A whole number of an option. @throws MUSTER_BAD_ARGUMENT outside of the bounds */
export function wholeNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= from && value <= to) return value;
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${option} ${text.slice(0, 40)}: expected a whole number from ${from} to ${to}`);
}
