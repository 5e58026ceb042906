/** `/api`: what the web UI and the commands use. */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Router } from 'express';
import { z } from 'zod';
import { connectorNamed } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { type ImportRecord, importRecords } from '../../collect/import/import.ts';
import { retryRejected } from '../../collect/import/retry.ts';
import { jsonValue } from '../../collect/intake/parse.ts';
import type { Config } from '../../config.ts';
import { MusterError } from '../../errors.ts';
import { expandMacros } from '../../publish/grafana/macros.ts';
import { DASHBOARDS, PANELS } from '../../publish/panels/index.ts';
import type { TestedRoute } from '../../slo/evaluate/notifications.ts';
import { attemptDetail } from '../../slo/inquiry/attempt-detail.ts';
import { sloReport } from '../../slo/measure/report.ts';
import { parsed } from '../../system/parsed-body.ts';
import { actorOf, callerOf } from '../access/gate.ts';
import type { Bodies } from '../admission.ts';
import { contentType } from '../clickhouse/formats.ts';
import { shownDashboard } from '../dashboards.ts';
import { examine } from '../doctor.ts';
import type { EventStream } from '../event-stream.ts';
import { jsonBody } from '../json-body.ts';
import { momentOf } from '../moments.ts';
import { openApiDocument } from '../openapi/document.ts';
import { type Fill, overviewOf } from '../overview.ts';
import type { Ready } from '../ready.ts';
import { listRunbooks, readRunbook } from '../runbooks.ts';
import { keyRoutes } from './access.ts';
import { peopleRoutes } from './people.ts';
import { sloRoutes } from './slo.ts';
import { type VaultControl, vaultRoutes } from './vault.ts';

/** A panel's query ends after this. */
const PANEL_SECONDS = 10;
/** Buckets across a panel. */
const PANEL_BUCKETS = 96;

export interface ApiDeps {
  config: Config;
  bodies: Bodies;
  ready: () => Ready | undefined;
  /** Whether the log and the loader can take more. */
  hasRoom: () => boolean;
  stream: EventStream;
  fill: () => Fill | null;
  version: string;
  /** Where a trace is seen, with {trace_id} in its place. */
  traceUrl: string | undefined;
  now: () => number;
  /** Takes a backup and hands on its tar stream. */
  backup: (use: (stream: Readable) => Promise<void>) => Promise<void>;
  /** Sends a marked page and a marked ticket through every route. */
  testAlerts: () => Promise<TestedRoute[]>;
  /** Of the core, once it is open. */
  vault: () => VaultControl | undefined;
}

const MAX_QUERY_BODY = 1024 * 1024;
const queryBody = z.object({ sql: z.string(), format: z.string().default('JSONEachRow') });

const retryBody = z.strictObject({ defaultTime: z.string().optional() });

const importBody = z.object({
  records: z.array(z.unknown()).max(10_000),
  defaultTime: z.string().optional(),
});

/** Looked at without a schema of its own: what is wrong with ten thousand of them is said once. */
function isImportRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { line, unreadable } = value as Record<string, unknown>;
  if (!Number.isInteger(line)) return false;
  return unreadable === undefined ? 'value' in value : typeof unreadable === 'string' && unreadable.length <= 200;
}

/** The router under `/api`; those by subject are mounted in it. */
export function apiRoutes(deps: ApiDeps): Router {
  const router = Router();
  const ready = (): Ready => {
    const services = deps.ready();
    if (services) return services;
    throw new MusterError('MUSTER_NOT_READY', 'the store is still starting; send this request again');
  };

  router.get('/overview', async (_request, response) => {
    const { store, slos, evaluator, watch } = ready();
    const evaluation = evaluator.latest() ?? (await evaluator.evaluate());
    response.json(
      await overviewOf(store.read, slos, evaluation, {
        active: watch.active(),
        fill: deps.fill(),
        version: deps.version,
        traceUrl: deps.traceUrl ?? null,
      }),
    );
  });

  router.get('/slos', async (request, response) => {
    const { store, slos, evaluator } = ready();
    // Without a moment asked for, the states are those that the evaluator is in: what it held, it holds here too.
    const latest = request.query.at === undefined ? evaluator.latest() : undefined;
    response.json(await sloReport(store.engine, slos, latest?.atMs ?? momentOf(request.query.at, deps.now()), latest?.statuses));
  });

  router.use(sloRoutes(ready, deps.now));
  router.use(peopleRoutes(ready));
  router.use(vaultRoutes(ready, deps.vault));
  router.get('/openapi.json', (_request, response) => {
    response.json(openApiDocument(deps.version, deps.config.baseUrl));
  });
  router.use(keyRoutes(ready));

  router.post('/query', jsonBody(MAX_QUERY_BODY), async (request, response) => {
    const { store } = ready();
    const body = queryBody.safeParse(request.body);
    if (!body.success) throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected {"sql","format"}');
    const leaving = new AbortController();
    response.once('close', () => leaving.abort());
    const { bytes, format } = await store.guard.query({ ...body.data, signal: leaving.signal });
    response.type(contentType(format)).end(bytes);
  });

  router.post('/alerts/test', async (_request, response) => {
    await ready().people.audited(actorOf(response, ''), 'alerts.test', 'all routes');
    response.json(await deps.testAlerts());
  });

  router.get('/attempts/:id', async (request, response) => {
    const { store, slos } = ready();
    const { source } = request.query;
    const asked = { id: request.params.id, source: typeof source === 'string' && source !== '' ? source : undefined };
    response.json(await attemptDetail(store.panels, slos, asked, deps.now()));
  });

  router.get('/loader', (_request, response) => {
    const { loader } = ready().store;
    response.json({ ...loader.stats(), lagSeconds: loader.lagSeconds() });
  });

  router.get('/panels', (_request, response) => {
    const { slos } = ready();
    response.json(PANELS.map((file) => file(slos)));
  });

  router.get('/panels/:name', async (request, response) => {
    const { store, slos } = ready();
    const panel = PANELS.map((file) => file(slos)).find(({ name }) => name === request.params.name);
    if (!panel) throw new MusterError('MUSTER_NOT_FOUND', 'no panel has this name; /api/panels lists them');
    const toMs = momentOf(request.query.to, deps.now());
    const fromMs = momentOf(request.query.from, toMs - 86_400_000);
    if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected a time before to');
    const sql = expandMacros(panel.sql, { fromMs, toMs, intervalMs: (toMs - fromMs) / PANEL_BUCKETS });
    const rows = await store.panels.rows(`${sql}\nSETTINGS max_execution_time = ${PANEL_SECONDS}, max_threads = 1`);
    response.json({
      name: panel.name,
      title: panel.title,
      description: panel.description,
      matrix: panel.matrix,
      thresholds: panel.thresholds,
      from: new Date(fromMs).toISOString(),
      to: new Date(toMs).toISOString(),
      sql,
      rows,
    });
  });

  router.get('/dashboards', (_request, response) => {
    const { slos } = ready();
    response.json(DASHBOARDS.map((spec) => shownDashboard(spec, slos)));
  });

  router.get('/runbooks', async (_request, response) => {
    response.json(await listRunbooks());
  });
  router.get('/runbooks/:name', async (request, response) => {
    response.json(await readRunbook(request.params.name));
  });

  router.get('/events/recent', (_request, response) => {
    response.json(deps.stream.recent());
  });
  router.get('/events/stream', (request, response) => deps.stream.handle(request, response, callerOf(response).isStillIn));

  router.post('/import/:source', async (request, response) => {
    const { intake, pseudonyms } = ready();
    if (!deps.hasRoom())
      throw new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this request again');
    const connector = connectorNamed(CONNECTORS, request.params.source);
    if (!request.is('application/json')) throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected application/json');
    const counts = await deps.bodies.read(request, { maxBytes: deps.config.maxBodyBytes, form: 'json' }, async (bytes) => {
      const body = importBody.safeParse(jsonValue(bytes));
      if (!body.success || !body.data.records.every(isImportRecord))
        throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected {"records":[{"line","value"}]}, at most 10,000 records');
      return importRecords({ intake }, connector, body.data.records as ImportRecord[], {
        fingerprint: (text) => pseudonyms.of('record', text),
        ...(body.data.defaultTime !== undefined && { defaultTime: body.data.defaultTime }),
        binding: callerOf(response).binding,
      });
    });
    response.json(counts);
  });

  router.get('/doctor', async (request, response) => {
    const { store, people, keys } = ready();
    response.json(await examine({ config: deps.config, store, people, keys, now: deps.now }, request.query.production === 'true'));
  });

  router.post('/backup', async (_request, response) => {
    await ready().people.audited(actorOf(response, ''), 'backup', 'data directory');
    response.type('application/x-tar');
    await deps.backup((stream) => pipeline(stream, response));
  });

  router.post('/rejected/retry', jsonBody(MAX_QUERY_BODY), async (request, response) => {
    const { intake, store, drain, people } = ready();
    const { defaultTime } = parsed(retryBody, request.body);
    await people.audited(actorOf(response, ''), 'rejected.retry', 'dead_letters');
    response.json(await retryRejected({ intake, drain, engine: store.engine, now: deps.now }, defaultTime));
  });

  router.use(() => {
    throw new MusterError('MUSTER_NOT_FOUND', 'no such route');
  });
  return router;
}
