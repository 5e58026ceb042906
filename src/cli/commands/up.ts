/** `muster up`: everything in one process. */
import { randomBytes, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { toString as qrToString } from 'qrcode';
import { readConnections } from '../../collect/push/connections.ts';
import type { Config } from '../../config.ts';
import { countOpenIncidents } from '../../detect/incidents/incident-table.ts';
import { MusterError } from '../../errors.ts';
import { DEFAULT_CLICKHOUSE_PORT, DEFAULT_PORT, FILES } from '../../names.ts';
import { alertSenders, heartbeats } from '../../publish/notify/senders.ts';
import { createGate } from '../../serve/access/gate.ts';
import type { KeyRegistry } from '../../serve/access/keys.ts';
import { createAccess } from '../../serve/access/routes.ts';
import { createEventStream, storedEvents } from '../../serve/event-stream.ts';
import { assertSafe } from '../../serve/listen.ts';
import { createMetrics } from '../../serve/metrics/metrics.ts';
import { createOpenRequests } from '../../serve/open-requests.ts';
import { API_ACCESS } from '../../serve/routes/api.ts';
import { createWholeAnswers } from '../../serve/whole-answers.ts';
import { BESIDE_ALERTS } from '../../slo/evaluate/alerts/index.ts';
import { createCauses } from '../../slo/evaluate/causes.ts';
import { type ActiveAlert, createAlertWatch } from '../../slo/evaluate/companion-watch.ts';
import { createEvaluator, type Evaluation } from '../../slo/evaluate/evaluator.ts';
import { createNotifier, sendAll } from '../../slo/evaluate/notifications.ts';
import { recordCoverage } from '../../store/records/coverage.ts';
import { countOpen } from '../../store/records/findings.ts';
import { diskUse, tableUse } from '../../store/upkeep/disk.ts';
import { ownDirectory } from '../../system/data-directory.ts';
import { writeDurably } from '../../system/durable-files.ts';
import { LockedError } from '../../system/lock.ts';
import { quieted } from '../../system/quieted.ts';
import { type ConfigOptions, type Context, coloured, configOf, print, runningAt, shown } from '../context.ts';
import { DEMO_CORE, openDemo, runDemo } from '../demo.ts';
import { openDetection } from '../detection.ts';
import { leave, startAgain } from '../leave.ts';
import { keysOf, openServices } from '../services.ts';
import { clickHouseEndpoint, type Endpoint, type Parts, type Serving, serve } from '../serving.ts';

const DEMO_DATA = '.muster-demo';
const TOKEN_BYTES = 32;
/** A notification waits so long for what leads the failures. */
const CAUSE_MS = 3_000;
const RETRY_MS = 2_000;
const LOOK_AGAIN_MS = 500;
const ABANDON_MS = 5_000;
const STOP_MS = 25_000;
const ANSWER_MS = 500;
/** Requests that were begun are answered within this, or not at all. */
const FINISH_MS = 8_000;

interface Options extends ConfigOptions {
  demo?: boolean;
}

export function upCommand(program: Command, context: Context): void {
  program
    .command('up')
    .description('Starts everything in one process: intake, store, SLOs, reference core, API and web UI.')
    .option('--demo', `with thirty days of simulated history and live traffic (data in ${DEMO_DATA} unless --data is given)`)
    .option('--port <n>', `port to listen on (default ${DEFAULT_PORT}, or MUSTER_PORT; 0 for any free one)`)
    .option(
      '--clickhouse-port <n|off>',
      `port of the read-only ClickHouse endpoint (default ${DEFAULT_CLICKHOUSE_PORT} when free, or MUSTER_CLICKHOUSE_PORT)`,
    )
    .option('--host <address>', 'address to listen on (default 127.0.0.1, or MUSTER_HOST); another needs keys and TLS')
    .option('--tls-cert <file>', 'certificate chain, PEM (or MUSTER_TLS_CERT)')
    .option('--tls-key <file>', 'its private key, PEM (or MUSTER_TLS_KEY)')
    .option('--tls-client-ca <file>', 'who connects needs a certificate of these authorities, PEM (or MUSTER_TLS_CLIENT_CA)')
    .option('--behind-proxy', 'a proxy in front speaks TLS (or MUSTER_BEHIND_PROXY)')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--slo <path...>', 'OpenSLO files or folders to compute (default: those that ship, or MUSTER_SLO)')
    .addHelpText('after', '\nExample:\n  $ muster up --demo')
    .action(async (options: Options) => {
      const isDemo = options.demo === true;
      const config = configOf(context, isDemo && options.data === undefined ? { ...options, data: DEMO_DATA } : options);
      await up(context, config, isDemo);
    });
}

/** Who is let in: holders of keys, and commands of this machine by the token in the data directory. */
const gateOf = (config: Config, keys: KeyRegistry, localToken: string, now: () => number) =>
  createGate({ keys, accessOf: createAccess(API_ACCESS), localToken, isSecure: config.tlsCert !== undefined || config.behindProxy, now });

async function up(context: Context, config: Config, isDemo: boolean): Promise<void> {
  const { dataDir } = config;
  await assertUnused(dataDir);
  await ownDirectory(dataDir);
  const demo = isDemo ? await openDemo(dataDir, context.now(), config.demoDays) : undefined;

  const problems = quieted((message) => context.stderr.write(`muster: ${shown(message)}\n`));
  const onProblem = problems.say;
  const instance = randomUUID();
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const keys = keysOf(config, context.now, onProblem);
  const connections = await readConnections(
    config.sources ?? join(dataDir, FILES.sources),
    config.sources === undefined,
    context.environment,
  );
  assertSafe(config, keys.isConfigured());
  const gate = gateOf(config, keys, token, context.now);
  const parts: Parts = {};
  const stream = createEventStream();
  const metrics = metricsOf(parts, context, dataDir);
  const stopping = new AbortController();
  const stop = stopRequest(parts, context);
  const demoRun =
    demo && runDemo({ demo, dataDir, context, signal: stopping.signal, onProblem, tell: (fill) => stream.tell('fill', fill) });
  const requests = createOpenRequests();
  const answers = createWholeAnswers();
  const { servers, url, localUrl } = await serve({
    context,
    config,
    gate,
    parts,
    stream,
    metrics,
    instance,
    requests,
    answers,
    fill: () => demoRun?.fill() ?? null,
    connections,
    onProblem,
  });
  const background: Promise<unknown>[] = [];
  let endpoint: Endpoint | undefined;
  let exitCode = 0;
  try {
    endpoint = await clickHouseEndpoint(context, config, { parts, answers, onProblem });
    const start = async () => {
      try {
        const isFilling = () => demoRun !== undefined && demoRun.fill() !== null;
        await open(parts, { context, config, keys, stream, metrics, onProblem, isDemo, isFilling, instance, localUrl, token });
      } catch (error) {
        await close(parts);
        throw error;
      }
    };
    await untilReachable(dataDir, start, { stopped: stop.requested, onProblem });
    const { services, evaluator } = parts;
    if (!services || !evaluator) return;
    await writeDurably(
      join(dataDir, FILES.address),
      JSON.stringify({ url: localUrl, clickhouseUrl: endpoint?.url, pid: process.pid, instance, token }),
    );
    print(context, `Muster is at ${coloured(context, 'bold', url)} (data in ${resolve(dataDir)}). Stop with Ctrl+C.`);
    if (endpoint)
      print(
        context,
        `ClickHouse clients and Grafana read at ${endpoint.url}, with the key in ${join(dataDir, FILES.clickhouseKey)} as password.`,
      );
    const onFilled = async () => {
      await evaluator.evaluate();
      parts.anomalies?.start();
    };
    if (demoRun) background.push(demoRun.start({ services, url: localUrl, token, onFilled }));
    await stop.requested;
  } catch (error) {
    exitCode = 1;
    throw error;
  } finally {
    const end = () => {
      if (stop.stuck.length === 0 || stop.isAsked()) return;
      onProblem(
        'a statement from outside did not end, whatever it was told: starting again without it; nothing that was acknowledged is lost',
      );
      const ports = ['--port', new URL(localUrl).port, '--clickhouse-port', endpoint ? new URL(endpoint.url).port : 'off'];
      startAgain(context, ports, [...stop.stuck, ...config.stuckStatements]);
    };
    // Whatever runs, stopping ends. Everything that was acknowledged is in the log.
    const deadline = setTimeout(() => {
      onProblem(`not everything ended within ${STOP_MS / 1000} s; leaving it`);
      end();
      leave(context, exitCode);
    }, STOP_MS);
    stopping.abort();
    // Before nothing is taken in any more: the last spans may go there.
    await parts.telemetry?.stop();
    requests.stop();
    stream.close();
    await requests.settled(FINISH_MS);
    delete parts.ready;
    await Promise.allSettled(background);
    const wasOpen = parts.services !== undefined;
    await close(parts);
    // Until here whoever came was told to come again.
    for (const each of [...servers, endpoint?.server]) {
      each?.close();
      each?.closeAllConnections();
    }
    problems.end();
    if (wasOpen) await rm(join(dataDir, FILES.address), { force: true });
    clearTimeout(deadline);
    end();
  }
}

/** @throws MUSTER_DATA_IN_USE */
async function assertUnused(dataDir: string): Promise<void> {
  const running = await runningAt(dataDir);
  if (running !== undefined) {
    throw new MusterError(
      'MUSTER_DATA_IN_USE',
      `the data in ${dataDir} is used by the Muster process at ${running}; stop that one, or name another directory with --data`,
    );
  }
}

/** Metrics of what is open; of what is not yet there are none. */
const metricsOf = (parts: Parts, context: Context, dataDir: string) =>
  createMetrics({
    lagSeconds: () => parts.services?.store.loader.lagSeconds() ?? 0,
    lateEvents: () => parts.services?.store.loader.stats().lateEvents ?? 0,
    core: () => parts.core,
    watchedSeries: () => parts.anomalies?.watched() ?? 0,
    openFindings: async () => parts.services && countOpen(parts.services.store.engine),
    openIncidents: async () => parts.services && countOpenIncidents(parts.services.store.engine),
    sizes: {
      disk: async () => (parts.services ? diskUse(dataDir) : undefined),
      tables: async () => {
        if (!parts.services) return undefined;
        const { engine } = parts.services.store;
        return { ...(await tableUse(engine.session('tidy'), context.now())), isOnDisk: engine.isEmbedded };
      },
    },
  });

/** When to stop: somebody asked, or a statement does not end. */
function stopRequest(parts: Parts, context: Context) {
  const stuck: string[] = [];
  let isAsked = false;
  const requested = new Promise<void>((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        isAsked = true;
        stop();
      });
    parts.onStuck = (shape) => {
      stuck.push(shape);
      context.onStuck();
      // Whoever sent it is answered first.
      setTimeout(stop, ANSWER_MS);
    };
  });
  return { requested, stuck, isAsked: () => isAsked };
}

/** Closes what is open, in the order in which one needs the other; a server that does not answer is not waited for. */
async function close(parts: Parts): Promise<void> {
  const { evaluator, incidents, anomalies, coverage, core, services } = parts;
  for (const name of ['ready', 'evaluator', 'incidents', 'anomalies', 'coverage', 'core', 'services'] as const) delete parts[name];
  const abandoning = setTimeout(() => void services?.store.engine.abandon(), ABANDON_MS);
  try {
    for (const stop of [
      () => evaluator?.stop(),
      () => incidents?.stop(),
      () => anomalies?.stop(),
      () => coverage?.stop(),
      () => core?.close(),
    ])
      await stop()?.catch(() => {});
    await services?.close();
  } finally {
    clearTimeout(abandoning);
  }
}

/** A command that holds the data directory ends, or what it does takes long enough to be named. */
const HELD_MS = 60_000;

/** Tries again for as long as a ClickHouse server does not answer; what is sent meanwhile is refused for a moment. */
async function untilReachable(
  dataDir: string,
  start: () => Promise<void>,
  { stopped, onProblem }: { stopped: Promise<void>; onProblem: (message: string) => void },
): Promise<void> {
  let isStopped = false;
  void stopped.then(() => {
    isStopped = true;
  });
  const startMs = performance.now();
  for (let said = ''; !isStopped; ) {
    try {
      await start();
      return;
    } catch (error) {
      const isAway = error instanceof MusterError && error.code === 'MUSTER_STORE_UNREACHABLE';
      // A command may look at the data directory, and hold it for a moment; a process that answers keeps it.
      const isHeld = error instanceof LockedError && (said !== '' || performance.now() - startMs < HELD_MS);
      if (!isAway && !isHeld) throw error;
      if (isHeld) await assertUnused(dataDir);
      if (error.message !== said) onProblem(`${error.message}; trying again`);
      said = error.message;
      await Promise.race([sleep(isHeld ? LOOK_AGAIN_MS : RETRY_MS, undefined, { ref: false }), stopped]);
    }
  }
}

/** Opens the parts in order; what is open when one fails is in `parts`, to be closed. */
async function open(
  parts: Parts,
  deps: Pick<Serving, 'context' | 'config' | 'stream' | 'metrics' | 'onProblem' | 'instance'> & {
    keys: KeyRegistry;
    isDemo: boolean;
    /** Whether history is still filled in, of which the newest comes last. */
    isFilling: () => boolean;
    localUrl: string;
    token: string;
  },
): Promise<void> {
  const { context, config, keys, stream, metrics, onProblem, isDemo, isFilling, instance, localUrl, token } = deps;
  const services = await openServices({
    config,
    keys,
    now: context.now,
    onProblem,
    onLoaded: stream.push,
    onCounted: metrics.countEvents,
    onRedacted: metrics.countRedactions,
    ...(parts.onStuck && { onStuck: parts.onStuck }),
  });
  parts.services = services;
  const { store, log, intake, pseudonyms, people, slos, thresholds } = services;
  const { engine } = store;
  const { now } = context;
  const watch = createAlertWatch({ engine, slos, alerts: BESIDE_ALERTS, thresholds, now, onProblem });
  const causes = createCauses({ engine, slos, onProblem });
  const notifier = createNotifier({ slos, senders: alertSenders(config, now), baseUrl: config.baseUrl, now, onProblem });
  const pulse = heartbeats(config, now);
  let isTelling = false;
  const tell = async (evaluation: Evaluation, active: readonly ActiveAlert[]) => {
    await sendAll(pulse, [], onProblem);
    // A cause makes an alert better, and must not keep it waiting: what is found later is told with the next evaluation.
    const looking = causes.look(evaluation).then(metrics.showCauses);
    // Nor does it hold up a process that stops.
    await Promise.race([looking, sleep(CAUSE_MS, undefined, { ref: false })]);
    await notifier.tell(evaluation, active, causes.latest());
  };
  const evaluator = createEvaluator({
    engine,
    slos,
    now,
    onProblem,
    causes: causes.latest,
    onEvaluated: async (evaluation) => {
      // That nobody enrolls yet is no stop of traffic while the past is filled in.
      const look = isFilling() ? Promise.resolve(watch.active()) : watch.look(evaluation);
      const active = await look.catch((error: unknown) => {
        onProblem(`alerts: ${error instanceof Error ? error.message : String(error)}`);
        // What fired still does, and budgets that burn are told in any case.
        return watch.active();
      });
      // At one moment: a scrape between them would end what fires.
      metrics.show(evaluation, slos);
      metrics.showAlerts(active);
      stream.tell('evaluated', { at: evaluation.atMs });
      // A route that does not answer must not keep the next evaluation waiting; what was left out is told with the next.
      if (isTelling) return;
      isTelling = true;
      void tell(evaluation, active)
        .catch((error: unknown) => onProblem(`notifications: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => {
          isTelling = false;
        });
    },
  });
  parts.evaluator = evaluator;
  // Only who starts the core waits for its code.
  const { openCore } = await import('../running-core.ts');
  if (config.coreTraces !== 'none') {
    const { startTelemetry } = await import('../telemetry.ts');
    const toOurselves = { collector: localUrl, headers: { authorization: `Bearer ${token}` } };
    const where = config.coreTraces === undefined ? toOurselves : { collector: config.coreTraces, headers: {} };
    parts.telemetry ??= startTelemetry({ ...where, version: context.version, instance, onProblem });
  }
  parts.core = await openCore({
    config,
    ...(isDemo && { defaults: DEMO_CORE }),
    intake,
    now: context.now,
    random: randomBytes,
    deployment: context.version,
    qrSvg: (text) => qrToString(text, { type: 'svg', margin: 2 }),
    print: (line) => print(context, line),
    api: { url: `${localUrl}/core/v1`, token },
    onProblem,
  });
  stream.seed(await storedEvents(store.read, context.now()));
  parts.coverage = recordCoverage({
    session: store.engine.session('evaluate'),
    alivePath: join(config.dataDir, FILES.alive),
    now: context.now,
    lagSeconds: store.loader.figuresLagSeconds,
    onProblem,
  });
  await parts.coverage.start();
  store.loader.start(log);
  services.exposures.start();
  evaluator.start();
  const detection = openDetection(services, config, metrics, notifier.told, onProblem);
  Object.assign(parts, detection);
  // History that is filled in is learned from once it is there.
  if (!isDemo) detection.anomalies.start();
  detection.incidents.start();
  parts.ready = { store, drain: services.drain, intake, pseudonyms, people, keys, slos, evaluator, watch, causes };
}
