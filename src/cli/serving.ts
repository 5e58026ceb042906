/** The server of `muster up`: what it is told by the parts that are open, and when it takes nothing in. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBuffer as qrToBuffer } from 'qrcode';
import type { Connection } from '../collect/push/connections.ts';
import type { Config } from '../config.ts';
import type { IncidentWatch } from '../detect/incidents/incident-watch.ts';
import type { AnomalyWatch } from '../detect/series/anomaly-watch.ts';
import { MusterError } from '../errors.ts';
import { DEFAULT_CLICKHOUSE_PORT, FILES } from '../names.ts';
import { alertSenders } from '../publish/notify/senders.ts';
import type { Gate } from '../serve/access/gate.ts';
import { withBackup } from '../serve/backup.ts';
import { listenAsClickHouse } from '../serve/clickhouse/endpoint.ts';
import type { EventStream } from '../serve/event-stream.ts';
import { isLoopback } from '../serve/listen.ts';
import type { Metrics } from '../serve/metrics/metrics.ts';
import { type OpenRequests, stopping } from '../serve/open-requests.ts';
import type { Ready } from '../serve/ready.ts';
import { type Listening, listen } from '../serve/server.ts';
import type { WholeAnswers } from '../serve/whole-answers.ts';
import type { Evaluator } from '../slo/evaluate/evaluator.ts';
import { testRoutes } from '../slo/evaluate/notifications.ts';
import type { Coverage } from '../store/records/coverage.ts';
import { readOrCreateKey } from '../system/durable-files.ts';
import { type Context, print } from './context.ts';
import type { RunningCore } from './running-core.ts';
import type { Services } from './services.ts';
import type { Telemetry } from './telemetry.ts';

/** Intake refuses while the loader is further behind than this. */
const MAX_LAG_SECONDS = 10;

/** What has been opened so far: the server answers with whatever is there. */
export interface Parts {
  services?: Services;
  evaluator?: Evaluator;
  coverage?: Coverage;
  anomalies?: AnomalyWatch;
  incidents?: IncidentWatch;
  core?: RunningCore;
  telemetry?: Telemetry;
  ready?: Ready;
  /** Told of the shape of a statement that does not end. */
  onStuck?: (shape: string) => void;
}

export type Endpoint = Awaited<ReturnType<typeof listenAsClickHouse>>;

/** The read-only ClickHouse endpoint; undefined when it is off, or nobody asked for its port and another program has it. */
export async function clickHouseEndpoint(
  context: Context,
  { clickhousePort, dataDir }: Config,
  { parts, answers, onProblem: onDefect }: Pick<Serving, 'parts' | 'answers' | 'onProblem'>,
): Promise<Endpoint | undefined> {
  if (clickhousePort === 'off') return undefined;
  const key = (await readOrCreateKey(join(dataDir, FILES.clickhouseKey))).toString('base64');
  const port = clickhousePort === 'auto' ? DEFAULT_CLICKHOUSE_PORT : clickhousePort;
  try {
    return await listenAsClickHouse({ guard: () => parts.services?.store.guard, key, answers, onDefect }, port);
  } catch (error) {
    if (clickhousePort !== 'auto' || !(error instanceof MusterError)) throw error;
    print(context, `Port ${port} is taken: no ClickHouse endpoint. Choose another port with --clickhouse-port.`);
    return undefined;
  }
}

const STARTING = 'the store is still starting';

/** Why no events can be taken in now, if so. */
function roomProblem({ services }: Parts, { maxLogBytes }: Config): string | undefined {
  if (!services) return STARTING;
  const { log, store } = services;
  const lag = store.loader.lagSeconds();
  if (log.bytes() >= maxLogBytes) return `the log is full: ${log.bytes()} bytes wait for the loader`;
  // A server that is slow or away must not stop intake: the log is there for that. An embedded engine is on this machine, which has too much to do.
  if (!store.engine.isEmbedded) return undefined;
  return lag < MAX_LAG_SECONDS ? undefined : `the loader is ${lag.toFixed(0)} s behind the log`;
}

function diskProblem({ services }: Parts): string | undefined {
  const why = services?.log.problem();
  return why === undefined ? undefined : `events cannot be written to the disk: ${why}`;
}

export interface Serving {
  context: Context;
  config: Config;
  gate: Gate;
  parts: Parts;
  stream: EventStream;
  metrics: Metrics;
  instance: string;
  requests: OpenRequests;
  answers: WholeAnswers;
  fill: () => { done: number; total: number } | null;
  /** Sources that may deliver, by name. */
  connections: ReadonlyMap<string, Connection>;
  onProblem: (message: string) => void;
}

/** Starts the server, which answers with whatever is there. */
export async function serve(serving: Serving) {
  const { context, config, gate, parts, stream, metrics, instance, requests, answers, fill, connections, onProblem } = serving;
  const hasRoom = () => roomProblem(parts, config) === undefined;
  return listen(
    {
      intake: {
        // Not before everything is open: what fails after the store may close it again.
        intake: () => parts.ready?.intake,
        hasRoom,
        maxBodyBytes: config.maxBodyBytes,
        fingerprint: (text) => {
          if (!parts.services) throw stopping();
          // In digits that need no second look: nothing that must not be in an id looks like that.
          return Buffer.from(parts.services.pseudonyms.fingerprint(text), 'base64url').toString('hex');
        },
        now: context.now,
        onFound: (service, finds) => parts.services?.onFound(service, finds),
        observe: metrics.observeIntake,
        onDefect: onProblem,
      },
      connections,
      api: {
        config,
        ready: () => parts.ready,
        hasRoom,
        stream,
        answers,
        fill,
        version: context.version,
        traceUrl: config.traceUrl,
        now: context.now,
        vault: () => parts.core?.vault,
        testAlerts: () => testAlerts(config, context, parts),
        backup: async (use) => {
          if (!parts.services) throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
          const { store, log, now } = parts.services;
          await withBackup({ store, log, dataDir: config.dataDir, version: context.version, now }, use);
        },
      },
      core: {
        core: () => parts.core?.core,
        audit: async (actor, action, target, reason) => {
          await parts.services?.people.audited(actor || 'anybody', action, target, reason);
        },
        qrPng: (text) => qrToBuffer(text, { margin: 2, scale: 6 }),
        referenceOf: async (user) => (await parts.services?.intake.referenceOf('person', user)) ?? '',
        now: context.now,
        onAnswered: () => parts.core?.flush(),
        observe: metrics.observeRequest,
        onDefect: onProblem,
      },
      metrics,
      requests,
      gate,
      hosts: hostsOf(config),
      instance,
      unready: () => (requests.isStopping() ? 'stopping' : parts.ready ? (diskProblem(parts) ?? roomProblem(parts, config)) : STARTING),
      impaired: () => parts.services?.store.loader.problem(),
      onDefect: onProblem,
    },
    { port: config.port, host: config.host, ...(await tlsOf(config)) },
  );
}

/** Hosts of requests from elsewhere: that of the links, and the address itself. */
function hostsOf({ baseUrl, host, port, behindProxy }: Config): string[] {
  // A page of another name must not reach a server that only means this machine, and asks for no key.
  if (isLoopback(host) && !behindProxy) return [];
  const links = new URL(baseUrl);
  const isAny = isLoopback(host) || host === '0.0.0.0' || host === '::';
  const own = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  return [...(isLoopback(links.hostname) ? [] : [links.host]), ...(isAny ? [] : [own])];
}

async function tlsOf({ tlsCert, tlsKey, tlsClientCa }: Config): Promise<{ tls?: NonNullable<Listening['tls']> }> {
  if (tlsCert === undefined || tlsKey === undefined) return {};
  // One after the other, so that of two that are missing the same one is named every time.
  const cert = await readFile(tlsCert);
  const key = await readFile(tlsKey);
  return { tls: { cert, key, ...(tlsClientCa !== undefined && { clientCa: await readFile(tlsClientCa) }) } };
}

/** Through every route that is configured. */
function testAlerts(config: Config, context: Context, parts: Parts) {
  const service = parts.services?.slos[0]?.service ?? 'mfa-enrollment';
  return testRoutes(alertSenders(config, context.now), service, config.baseUrl, context.now());
}
