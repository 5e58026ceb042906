/** `muster up`: everything in one process. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { toString as qrToString } from 'qrcode';
import { type Core, createCore } from '../../core/enrollments.ts';
import { flushOutbox } from '../../core/outbox.ts';
import { type CoreStorage, openCoreStorage } from '../../core/storage.ts';
import { uuidV7 } from '../../core/uuid.ts';
import { createVault } from '../../core/vault.ts';
import { MusterError } from '../../errors.ts';
import { liveTraffic } from '../../lab/live-traffic.ts';
import { seededRandom } from '../../lab/random.ts';
import { DEFAULT_PORT, FILES } from '../../names.ts';
import { createEventStream, storedEvents } from '../../serve/event-stream.ts';
import { createMetrics } from '../../serve/metrics.ts';
import type { Fill } from '../../serve/overview.ts';
import type { Ready } from '../../serve/routes/api.ts';
import { listen } from '../../serve/server.ts';
import { createEvaluator } from '../../slo/evaluator.ts';
import { readOrCreateKey, writeDurably } from '../../store/durable-files.ts';
import { type Context, coloured, configOf, print, progress, runningAt } from '../context.ts';
import { demoHistory, fillHistory, openDemo } from '../demo.ts';
import { openServices, type Services } from '../services.ts';

const DEMO_DATA = '.muster-demo';
const OUTBOX_EVERY_MS = 500;
const EXPIRE_EVERY_MS = 5_000;
/** Intake refuses while the loader is further behind than this. */
const MAX_LAG_SECONDS = 10;

interface Options {
  demo?: boolean;
  port?: string;
  data?: string;
}

export function upCommand(program: Command, context: Context): void {
  program
    .command('up')
    .description('Starts everything in one process: intake, store, SLOs, reference core, API and web UI.')
    .option('--demo', `with thirty days of simulated history and live traffic (data in ${DEMO_DATA} unless --data is given)`)
    .option('--port <n>', `port to listen on (default ${DEFAULT_PORT}, or MUSTER_PORT; 0 for any free one)`)
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .addHelpText('after', '\nExample:\n  $ muster up --demo')
    .action(async (options: Options) => up(context, options));
}

async function up(context: Context, options: Options): Promise<void> {
  const isDemo = options.demo === true;
  const config = configOf(context, isDemo && options.data === undefined ? { ...options, data: DEMO_DATA } : options);
  const { dataDir } = config;
  const running = await runningAt(dataDir);
  if (running !== undefined) {
    throw new MusterError(
      'MUSTER_DATA_IN_USE',
      `the data in ${dataDir} is used by the Muster process at ${running}; stop that one, or name another directory with --data`,
    );
  }
  const demo = isDemo ? await openDemo(dataDir, context.now()) : undefined;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });

  const onProblem = (message: string) => context.stderr.write(`muster: ${message}\n`);
  const stopping = new AbortController();
  const stream = createEventStream();
  let services: Services | undefined;
  let ready: Ready | undefined;
  let core: Core | undefined;
  let fill: Fill | null = demo ? { done: 0, total: 30 } : null;
  const metrics = createMetrics({
    lagSeconds: () => services?.store.loader.lagSeconds() ?? 0,
    pendingAttempts: async () => {
      const rows = await services?.store.read.rows<{ n: number }>(
        `SELECT toUInt32(count()) AS n FROM attempts WHERE result = 'pending' AND traffic = 'user'`,
      );
      return rows?.[0]?.n ?? 0;
    },
  });
  let requestFlush = () => {};

  const { server, url } = await listen(
    {
      ingest: {
        intake: () => services?.intake,
        hasRoom: () =>
          services !== undefined && services.log.bytes() < config.maxLogBytes && services.store.loader.lagSeconds() < MAX_LAG_SECONDS,
        maxBodyBytes: config.maxBodyBytes,
        observe: metrics.observeIntake,
        onDefect: onProblem,
      },
      api: { ready: () => ready, stream, fill: () => fill, version: context.version, now: context.now },
      core: {
        core: () => core,
        now: context.now,
        qrSvg: (text) => qrToString(text, { type: 'svg', margin: 2 }),
        onAnswered: () => requestFlush(),
        observe: metrics.observeRequest,
        onDefect: onProblem,
      },
      metrics,
      unready: () => (ready ? undefined : 'the store is still starting'),
      onDefect: onProblem,
    },
    config.port,
  );
  print(context, `Muster is at ${coloured(context, 'bold', url)} (data in ${resolve(dataDir)})`);

  try {
    services = await openServices({ config, now: context.now, onProblem, onLoaded: stream.push, onCounted: metrics.countEvents });
    await writeDurably(join(dataDir, FILES.address), JSON.stringify({ url, pid: process.pid }));
  } catch (error) {
    server.closeAllConnections();
    server.close();
    stream.close();
    throw error;
  }
  const opened = services;
  const evaluator = createEvaluator({
    session: opened.store.read,
    slos: opened.slos,
    now: context.now,
    onProblem,
    onEvaluated: (evaluation) => {
      metrics.show(evaluation, opened.slos);
      stream.tell('evaluated', { at: evaluation.atMs });
    },
  });
  const storage = openCoreStorage(join(dataDir, FILES.core));
  core = createCore({
    storage,
    vault: createVault(await readOrCreateKey(join(dataDir, FILES.vaultKey))),
    now: context.now,
    random: randomBytes,
    newId: () => uuidV7(context.now(), randomBytes),
    deployment: context.version,
  });
  stream.seed(await storedEvents(opened.store.read, context.now()));
  opened.store.loader.start(opened.log);
  evaluator.start();
  ready = { store: opened.store, intake: opened.intake, pseudonyms: opened.pseudonyms, slos: opened.slos, evaluator };

  const background: Promise<unknown>[] = [runCore(core, storage, opened, stopping.signal, onProblem, (flush) => (requestFlush = flush))];
  if (demo) {
    background.push(
      runDemo(context, {
        services: opened,
        dataDir,
        url,
        demo,
        signal: stopping.signal,
        onProblem,
        onFill: (now) => {
          fill = now;
          stream.tell('fill', now);
        },
        onFilled: () => evaluator.evaluate(),
      }),
    );
  }
  print(context, 'Stop with Ctrl+C.');

  await new Promise<void>((stop) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop());
  });
  ready = undefined;
  stopping.abort();
  stream.close();
  evaluator.stop();
  server.close();
  server.closeAllConnections();
  await Promise.allSettled(background);
  await flushOutbox(storage, deliverTo(opened)).catch((error: Error) => onProblem(error.message));
  storage.close();
  await opened.close();
  await rm(join(dataDir, FILES.address), { force: true });
}

/** Hands the core's events to intake. */
const deliverTo = (services: Services) => async (events: Record<string, unknown>[]) => {
  await services.intake.accept(
    events.map((value) => ({ value })),
    'live',
  );
};

/** Empties the core's outbox, soon after each answer and now and then anyway, and expires what has waited too long. */
async function runCore(
  core: Core,
  storage: CoreStorage,
  services: Services,
  signal: AbortSignal,
  onProblem: (message: string) => void,
  onFlush: (flush: () => void) => void,
): Promise<void> {
  let isFlushing = false;
  const flush = () => {
    if (isFlushing || signal.aborted) return;
    isFlushing = true;
    flushOutbox(storage, deliverTo(services))
      .catch((error: unknown) =>
        onProblem(`the core's events wait in its outbox: ${error instanceof Error ? error.message : String(error)}`),
      )
      .finally(() => {
        isFlushing = false;
      });
  };
  onFlush(flush);
  const flushing = setInterval(flush, OUTBOX_EVERY_MS);
  const expiring = setInterval(() => core.expireDue(), EXPIRE_EVERY_MS);
  await new Promise<void>((resolveWait) => signal.addEventListener('abort', () => resolveWait(), { once: true }));
  clearInterval(flushing);
  clearInterval(expiring);
  while (isFlushing) await new Promise((resolveWait) => setTimeout(resolveWait, 10));
}

interface DemoRun {
  services: Services;
  dataDir: string;
  url: string;
  demo: Awaited<ReturnType<typeof openDemo>>;
  signal: AbortSignal;
  onProblem: (message: string) => void;
  onFill: (fill: Fill | null) => void;
  onFilled: () => Promise<unknown>;
}

/** Fills the history with progress, then lets live traffic begin. */
async function runDemo(context: Context, run: DemoRun): Promise<void> {
  const startMs = performance.now();
  const bar = progress(context, 'history (days)', 30);
  try {
    const events = await fillHistory(
      {
        services: run.services,
        dataDir: run.dataDir,
        signal: run.signal,
        onProgress: (fill) => {
          bar.update(fill.done);
          run.onFill(fill);
        },
      },
      run.demo,
    );
    if (run.signal.aborted) return;
    await run.services.drain();
    bar.stop();
    run.onFill(null);
    await run.onFilled();
    if (events > 0)
      print(
        context,
        `History is in: ${events} events of 30 days in ${((performance.now() - startMs) / 1_000).toFixed(1)} s. Live traffic enrolls now.`,
      );
    await liveTraffic({
      baseUrl: run.url,
      random: seededRandom(context.now() % 2 ** 31),
      now: context.now,
      history: demoHistory(run.demo),
      signal: run.signal,
      onProblem: run.onProblem,
    });
  } catch (error) {
    bar.stop();
    run.onProblem(`demo: ${error instanceof Error ? error.message : String(error)}`);
  }
}
