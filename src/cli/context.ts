/** What commands share: output, colours, progress, and the running process or services of their own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { styleText } from 'node:util';
import { SingleBar } from 'cli-progress';
import { type Config, parseConfig } from '../config.ts';
import { MusterError, systemCode } from '../errors.ts';
import { FILES } from '../names.ts';
import { openServices, type Services } from './services.ts';

export interface Context {
  environment: NodeJS.ProcessEnv;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  now: () => number;
  version: string;
}

export type Colour = Parameters<typeof styleText>[0];

/** Text in a colour, on a terminal that shows colours only. */
export function coloured(context: Context, colour: Colour, text: string): string {
  const shows = context.stdout.isTTY === true && !context.environment.NO_COLOR;
  return shows ? styleText(colour, text, { validateStream: false }) : text;
}

export const print = (context: Context, text: string): void => {
  context.stdout.write(`${text}\n`);
};

export const printJson = (context: Context, value: unknown): void => print(context, JSON.stringify(value, null, 2));

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

/** The configuration that a command's options and the environment give. */
export function configOf(context: Context, options: { data?: string; port?: string }): Config {
  return parseConfig(context.environment, { dataDir: options.data, port: options.port });
}

/** Base URL of the process that runs on a data directory, or undefined. */
export async function runningAt(dataDir: string): Promise<string | undefined> {
  try {
    const { url } = JSON.parse(await readFile(join(dataDir, FILES.address), 'utf8')) as { url: string };
    const response = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(2_000) });
    return response.ok ? url : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof TypeError || error instanceof DOMException || error instanceof SyntaxError)
      return undefined;
    throw error;
  }
}

/** JSON of a route of the running process. @throws MUSTER_GATEWAY with its own words when it refuses */
export async function ask<T>(url: string, init?: RequestInit): Promise<T> {
  const response = await fetch(url, init);
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok) return body as T;
  const detail = typeof body === 'object' && body !== null && 'detail' in body ? String(body.detail) : `status ${response.status}`;
  throw new MusterError('MUSTER_GATEWAY', `the running Muster process refused: ${detail}`);
}

/** Does the work through the process that runs on the data directory, or through services opened for it. */
export async function throughEither<T>(
  context: Context,
  config: Config,
  remote: (url: string) => Promise<T>,
  local: (services: Services) => Promise<T>,
): Promise<T> {
  const url = await runningAt(config.dataDir);
  if (url !== undefined) return remote(url);
  const services = await openServices({
    config,
    now: context.now,
    onProblem: (message) => context.stderr.write(`muster: ${message}\n`),
  });
  try {
    return await local(services);
  } finally {
    await services.close();
  }
}
