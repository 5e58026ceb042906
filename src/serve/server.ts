/** The server: hot intake in front, Express behind; who may enter is asked before anything else. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import type { Connection } from '../collect/push/connections.ts';
import { MusterError } from '../errors.ts';
import { INSTANCE_HEADER } from '../names.ts';
import type { Gate } from './access/gate.ts';
import { type AdmissionDeps, type Bodies, createAdmission, createBodies } from './admission.ts';
import { answerClientError } from './client-errors.ts';
import { type CoreRoutesDeps, coreRoutes } from './core/routes.ts';
import { inTurn } from './in-turn.ts';
import { createIngest } from './ingest.ts';
import { LOOPBACK, listenOn, listenOnLoopback } from './listen.ts';
import { notTaken } from './methods.ts';
import type { Metrics } from './metrics/metrics.ts';
import { OPENMETRICS_CONTENT_TYPE, openMetricsOf, wantsOpenMetrics } from './metrics/openmetrics.ts';
import { type OpenRequests, stopping } from './open-requests.ts';
import { createOtlp, type OtlpDeps, refuseMetrics } from './otlp.ts';
import { problemOf, sendProblem } from './problem.ts';
import { pushRoutes } from './push.ts';
import { signInRoutes } from './routes/access.ts';
import { API_ROUTES, apiRoutes } from './routes/api.ts';
import type { ApiDeps } from './routes/route.ts';
import { runbookText } from './runbooks.ts';
import { type HostCheck, hostCheck } from './same-host.ts';

const WEB = fileURLToPath(new URL('../../web/dist/', import.meta.url));
/** Asked for by the address of a container. */
const PROBES = new Set(['/healthz', '/readyz']);
/** Pages of the web UI; each is the one document. */
const PAGES = [
  '/',
  '/login',
  '/enroll',
  '/overview',
  '/sources',
  '/slos',
  '/slos/:name',
  '/attempts/:id',
  '/dashboards/:name',
  '/incidents',
  '/incidents/:id',
  '/findings',
  '/findings/:id',
  '/runbooks',
  '/runbooks/:name',
];

export interface ServerDeps {
  intake: Omit<AdmissionDeps, 'enter' | 'bodies' | 'requests'> & Omit<OtlpDeps, 'admit'>;
  requests: OpenRequests;
  gate: Gate;
  /** Hosts by which the server is reached from elsewhere. */
  hosts: readonly string[];
  api: Omit<ApiDeps, 'bodies'>;
  /** Sources that may deliver, by name. */
  connections: ReadonlyMap<string, Connection>;
  core: CoreRoutesDeps;
  metrics: Metrics;
  /** Of this process, alone. */
  instance: string;
  /** Undefined when all is well, else why not. */
  unready: () => string | undefined;
  /** What does not work though events are taken in. */
  impaired: () => string | undefined;
  onDefect: (message: string) => void;
}

/** Where the server listens, and whether by TLS. */
export interface Listening {
  /** 0 for any free one */
  port: number;
  host: string;
  tls?: { cert: Buffer; key: Buffer; clientCa?: Buffer };
}

/** Express alone, without the hot path. */
export function createApp(deps: ServerDeps, assertHost: HostCheck, bodies: Bodies): Express {
  const app = express();
  app.disable('x-powered-by');
  // Senders of deliveries prove who they are, which a page that was led astray cannot.
  const isAnyHost = (request: Request) => PROBES.has(request.path) || request.path.startsWith('/v1/sources/') || deps.gate.hasKey(request);
  // Before anything is refused: errors carry the same headers.
  app.use(
    helmet({
      contentSecurityPolicy: {
        directives: { upgradeInsecureRequests: null, scriptSrc: ["'self'"], styleSrc: ["'self'", "'unsafe-inline'"] },
      },
      strictTransportSecurity: false,
    }),
  );
  app.use((request, response, next) => {
    assertHost(request, isAnyHost(request));
    response.locals.caller = deps.gate.enter(request, request.path);
    next();
  });
  app.get('/healthz', (_request, response) => {
    response.set(INSTANCE_HEADER, deps.instance).type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request, response) => {
    const reason = deps.unready();
    const impaired = deps.impaired();
    response
      .status(reason === undefined ? 200 : 503)
      .type('text/plain')
      .send(`${reason ?? 'ready'}${impaired === undefined ? '' : `: ${impaired}`}\n`);
  });
  app.get('/metrics', async (request, response) => {
    const { registry } = deps.metrics;
    const isOpen = wantsOpenMetrics((types) => request.accepts(types));
    const plain = await registry.metrics();
    const text = isOpen ? openMetricsOf(plain) : plain;
    response
      .type(isOpen ? OPENMETRICS_CONTENT_TYPE : registry.contentType)
      .vary('accept')
      .vary('accept-encoding');
    if (request.acceptsEncodings('gzip') !== 'gzip') response.send(text);
    else response.set('content-encoding', 'gzip').send(await gzipped(text));
  });
  app.use((_request, _response, next) => {
    if (deps.requests.isStopping()) throw stopping();
    next();
  });
  app.use(signInRoutes(deps.gate, deps.api.ready));
  app.use('/v1/sources', pushRoutes({ ...deps.api, connections: deps.connections, bodies }));
  app.use('/api', apiRoutes({ ...deps.api, bodies }));
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
  app.use((request, response) => {
    const { error, allow } = notTaken(request.method, request.path, API_ROUTES);
    // Somebody who looks for a page gets one.
    if (allow === undefined && request.method === 'GET' && request.accepts(['json', 'html']) === 'html')
      return response.status(404).sendFile('index.html', { root: WEB });
    if (allow !== undefined) response.set('allow', allow);
    throw error;
  });
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    // Who broke off hears nothing, and it is no defect of ours.
    if (isGone(request, response)) return;
    if (response.headersSent) {
      problemOf(error, deps.onDefect);
      response.destroy();
      return;
    }
    sendProblem(response, problemOf(error, deps.onDefect));
  });
  return app;
}

const gzipped = promisify(gzip);

const MAX_CONNECTIONS = 15_000;
/** Who sends a request too slowly is let go: Node's own limits are minutes, and it looks every half minute only. */
const TIMEOUTS = { headersTimeout: 5_000, requestTimeout: 60_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 1_000 };

/**
 * Listens. With TLS there is a second server on the loopback address, for the commands of this machine.
 * @returns where people find it, and where commands do
 * @throws MUSTER_PORT_IN_USE
 */
export async function listen(
  deps: ServerDeps,
  { port, host, tls }: Listening,
): Promise<{ servers: Server[]; url: string; localUrl: string }> {
  const advice = 'stop it, or choose another with --port';
  const shownHost = host === '0.0.0.0' || host === '::' ? LOOPBACK : host.includes(':') ? `[${host}]` : host;
  if (!tls) {
    const server = createServer(TIMEOUTS, listener(deps, hostCheck({ others: deps.hosts })));
    server.on('clientError', answerClientError);
    const listening = await listenOn(server, { host, port, advice });
    server.maxConnections = MAX_CONNECTIONS;
    const url = `http://${shownHost}:${listening}`;
    return { servers: [server], url, localUrl: url };
  }
  const { cert, key, clientCa } = tls;
  const options = { ...TIMEOUTS, cert, key, ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: true }) };
  const server = createSecureServer(options, listener(deps, hostCheck({ isSecure: true, others: deps.hosts })));
  server.on('clientError', answerClientError);
  server.maxConnections = MAX_CONNECTIONS;
  const listening = await listenOn(server, { host, port, advice });
  const local = createServer(TIMEOUTS, listener(deps, hostCheck()));
  const localUrl = await listenOnLoopback(local, 0, advice);
  return { servers: [server, local], url: `https://${shownHost}:${listening}`, localUrl };
}

function listener(deps: ServerDeps, assertHost: HostCheck): RequestListener {
  const bodies = createBodies();
  const app = createApp(deps, assertHost, bodies);
  const enter = (request: IncomingMessage) => {
    assertHost(request, deps.gate.hasKey(request));
    return deps.gate.enter(request, pathOf(request));
  };
  const shared = { ...deps.intake, admit: createAdmission({ ...deps.intake, requests: deps.requests, bodies, enter }) };
  const hot = new Map([
    ['/v1/events', createIngest(shared)],
    ['/v1/traces', createOtlp('traces', shared)],
    ['/v1/logs', createOtlp('logs', shared)],
    ['/v1/metrics', refuseMetrics(deps.onDefect)],
  ]);
  return inTurn((request, response) => {
    deps.requests.begin(response);
    const handler = hot.get(pathOf(request));
    if (handler) void handler(request, response);
    // Express finds no path in such a request, and would answer it by itself.
    else if (!request.url?.startsWith('/')) sendProblem(response, problemOf(notAPath(), deps.onDefect));
    else app(request, response);
  });
}

const isGone = (request: IncomingMessage, response: ServerResponse): boolean =>
  (request.destroyed && !request.complete) || (response.destroyed && !response.writableFinished);

const notAPath = () => new MusterError('MUSTER_BAD_ARGUMENT', 'expected the path of a request to begin with /');

const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] ?? '';
