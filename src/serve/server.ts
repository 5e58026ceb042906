/** The server: hot intake in front, Express behind, on the loopback address only. */
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { MusterError } from '../errors.ts';
import { INSTANCE_HEADER } from '../names.ts';
import { type AdmissionDeps, createAdmission } from './admission.ts';
import { createIngest } from './ingest.ts';
import { listenOnLoopback } from './listen.ts';
import type { Metrics } from './metrics.ts';
import { createOtlp, type OtlpDeps } from './otlp.ts';
import { problemOf, sendProblem } from './problem.ts';
import { type ApiDeps, apiRoutes } from './routes/api.ts';
import { type CoreRoutesDeps, coreRoutes } from './routes/core.ts';
import { runbookText } from './runbooks.ts';
import { assertSameHost } from './same-host.ts';

const WEB = fileURLToPath(new URL('../../web/dist/', import.meta.url));
/** Pages of the web UI; each is the one document. */
const PAGES = ['/', '/overview', '/slos', '/slos/:name', '/attempts/:id', '/dashboards/:name', '/runbooks', '/runbooks/:name'];

export interface ServerDeps {
  intake: AdmissionDeps & Omit<OtlpDeps, 'admit'>;
  api: ApiDeps;
  core: CoreRoutesDeps;
  metrics: Metrics;
  /** Of this process, alone. */
  instance: string;
  /** Undefined when all is well, else why not. */
  unready: () => string | undefined;
  onDefect: (message: string) => void;
}

/** Express alone, without the hot path. */
export function createApp(deps: ServerDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, _response, next) => {
    assertSameHost(request);
    next();
  });
  app.use(
    helmet({
      contentSecurityPolicy: {
        directives: { upgradeInsecureRequests: null, scriptSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"] },
      },
      strictTransportSecurity: false,
    }),
  );
  app.get('/healthz', (_request, response) => {
    response.set(INSTANCE_HEADER, deps.instance).type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const reason = deps.unready();
    response
      .status(reason === undefined ? 200 : 503)
      .type('text/plain')
      .send(`${reason ?? 'ready'}\n`);
  });
  app.get('/metrics', async (_request, response) => {
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });
  app.use('/api', apiRoutes(deps.api));
  app.use('/core/v1', coreRoutes(deps.core));
  app.get('/runbooks/:name', async (request, response, next) => {
    const text = await runbookText(request.params.name);
    // A browser gets the page; a terminal the text.
    response.vary('accept');
    if (request.accepts(['text', 'html']) === 'html') return next();
    response.type('text/plain; charset=utf-8').send(text);
  });
  app.use(express.static(WEB, { index: false }));
  app.get(PAGES, (_request, response, next) => {
    response.sendFile('index.html', { root: WEB }, (error) => {
      if (error) next(new MusterError('MUSTER_NOT_FOUND', 'the web UI is not built; run npm run prepare in the folder of Muster'));
    });
  });
  app.use(() => {
    throw new MusterError('MUSTER_NOT_FOUND', 'no such page or route');
  });
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    sendProblem(response, problemOf(error, deps.onDefect));
  });
  return app;
}

/**
 * Listens on the loopback address.
 * @param port 0 for any free one
 * @throws MUSTER_PORT_IN_USE
 */
export async function listen(deps: ServerDeps, port: number): Promise<{ server: Server; url: string }> {
  const app = createApp(deps);
  const { intake } = deps;
  const shared = { ...intake, admit: createAdmission(intake) };
  const hot = new Map([
    ['/v1/events', createIngest(shared)],
    ['/v1/traces', createOtlp('traces', shared)],
    ['/v1/logs', createOtlp('logs', shared)],
  ]);
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 65_000 }, (request, response) => {
    const { url = '' } = request;
    const handler = hot.get(url.split('?', 1)[0] ?? '');
    if (handler) void handler(request, response);
    else app(request, response);
  });
  server.maxConnections = 10_000;
  const url = await listenOnLoopback(server, port, 'stop it, or choose another with --port');
  return { server, url };
}
