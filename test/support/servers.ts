/** Real servers beside Muster on loopback and free ports: Prometheus, Alertmanager, and a web hook that keeps what it is told. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Counterpart, pathOf } from './counterparts.ts';

export interface RunningServer {
  url: string;
  stop(): Promise<void>;
}

interface Received {
  headers: IncomingMessage['headers'];
  body: string;
}

export interface Receiver {
  url: string;
  received: Received[];
  /** With which status it answers from now on; what it refuses it does not keep. */
  answer: (status: number) => void;
  close: () => void;
}

/** A server that keeps what it gets, and answers as it is told to. */
export async function receiver(): Promise<Receiver> {
  const received: Received[] = [];
  let status = 200;
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (status < 300) received.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    answer: (next) => {
      status = next;
    },
    close: () => server.close(),
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server and waits until its `/-/ready` answers. */
async function start(program: Counterpart, port: number, parameters: readonly string[]): Promise<RunningServer> {
  const child: ChildProcess = spawn(pathOf(program), [...parameters, `--web.listen-address=127.0.0.1:${port}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < 300; i++) {
    if (child.exitCode !== null) break;
    if ((await fetch(`${url}/-/ready`).catch(() => undefined))?.ok) {
      return {
        url,
        stop: async () => {
          child.kill();
          await ended;
        },
      };
    }
    await sleep(100);
  }
  child.kill();
  throw new Error(`${program} did not become ready:\n${output.slice(-2_000)}`);
}

/** A real Alertmanager with this configuration, its files in `folder`. */
export async function startAlertmanager(folder: string, configuration: string): Promise<RunningServer> {
  const file = join(folder, 'alertmanager.yml');
  await writeFile(file, configuration);
  return start('prometheus-alertmanager', await freePort(), [
    `--config.file=${file}`,
    `--storage.path=${join(folder, 'alertmanager')}`,
    '--cluster.listen-address=',
  ]);
}

/** A real Prometheus with this configuration over the blocks, if there are some, in `folder`/prometheus. */
export async function startPrometheus(folder: string, configuration: string): Promise<RunningServer> {
  const file = join(folder, 'prometheus.yml');
  await writeFile(file, configuration);
  return start('prometheus', await freePort(), [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, 'prometheus')}`,
    '--storage.tsdb.retention.time=100y',
  ]);
}
