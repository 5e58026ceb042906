/** `/api` about what was measured: the first page, attempts, panels, and SQL of one's own. */
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { expandMacros } from '../../publish/grafana/macros.ts';
import { DASHBOARDS, PANELS } from '../../publish/panels/index.ts';
import { attemptDetail } from '../../slo/inquiry/attempt-detail.ts';
import { DAY_MS } from '../../system/time.ts';
import { contentType } from '../clickhouse/formats.ts';
import { shownDashboard } from '../dashboards.ts';
import { momentOf } from '../moments.ts';
import { overviewOf } from '../overview.ts';
import { listRunbooks, readRunbook } from '../runbooks.ts';
import { apiRoute, param, text } from './route.ts';

/** A panel's query ends after this. */
const PANEL_SECONDS = 10;
/** Buckets across a panel. */
const PANEL_BUCKETS = 96;
const MAX_QUERY_BODY = 1024 * 1024;

/** What was measured, as pages and commands show it. */
export const figureRoutes = [
  apiRoute({
    id: 'getOverview',
    method: 'get',
    path: '/overview',
    access: 'read',
    summary: 'What the first page shows',
    async work({ ready, deps }) {
      const { store, slos, evaluator, watch, causes } = ready();
      const evaluation = evaluator.latest() ?? (await evaluator.evaluate());
      return overviewOf(store.read, slos, evaluation, {
        active: watch.active(),
        causes: causes.latest(),
        fill: deps.fill(),
        version: deps.version,
        traceUrl: deps.traceUrl ?? null,
      });
    },
  }),
  apiRoute({
    id: 'runQuery',
    method: 'post',
    path: '/query',
    access: 'read',
    summary: 'Runs a SELECT of the documented tables',
    body: z.object({ sql: z.string(), format: z.string().default('JSONEachRow') }),
    example: { sql: 'SELECT count() FROM events_v', format: 'JSONEachRow' },
    maxBodyBytes: MAX_QUERY_BODY,
    sends: 'application/x-ndjson',
    async work({ deps, ready, body, response }) {
      const leaving = new AbortController();
      response.once('close', () => leaving.abort());
      const { bytes, format } = await ready().store.guard.query({ ...body, source: 'api', signal: leaving.signal });
      await deps.answers.send(response, { 'content-type': contentType(format) }, bytes);
    },
  }),
  apiRoute({
    id: 'getAttempt',
    method: 'get',
    path: '/attempts/:id',
    access: 'read',
    summary: 'One attempt with its events and spans',
    params: { id: 'a-1' },
    query: z.object({ source: text('where several have this id') }),
    work(call) {
      const { store, slos } = call.ready();
      const asked = { id: param(call, 'id'), source: call.query.source || undefined };
      return attemptDetail({ ...store, session: store.panels, slos }, asked, call.deps.now());
    },
  }),
  apiRoute({
    id: 'getLoader',
    method: 'get',
    path: '/loader',
    access: 'read',
    summary: 'What the loader has done and how far it is behind',
    work({ ready }) {
      const { loader } = ready().store;
      return { ...loader.stats(), lagSeconds: loader.lagSeconds() };
    },
  }),
  apiRoute({
    id: 'listPanels',
    method: 'get',
    path: '/panels',
    access: 'read',
    summary: 'Panels of the dashboards',
    work({ ready }) {
      const { slos } = ready();
      return PANELS.map((file) => file(slos));
    },
  }),
  apiRoute({
    id: 'getPanel',
    method: 'get',
    path: '/panels/:name',
    access: 'read',
    summary: 'The figures of a panel',
    params: { name: 'attempts-by-result' },
    query: z.object({
      from: text('start of the range, RFC 3339; a day before its end unless given'),
      to: text('its end; now unless given'),
    }),
    async work(call) {
      const { store, slos } = call.ready();
      const name = param(call, 'name');
      const panel = PANELS.map((file) => file(slos)).find((each) => each.name === name);
      if (!panel) throw new MusterError('MUSTER_NOT_FOUND', 'no panel has this name; /api/panels lists them');
      const toMs = momentOf(call.query.to, call.deps.now());
      const fromMs = momentOf(call.query.from, toMs - DAY_MS);
      if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected a time before to');
      const sql = expandMacros(panel.sql, { fromMs, toMs, intervalMs: (toMs - fromMs) / PANEL_BUCKETS });
      const rows = await store.panels.rows<Record<string, unknown>>(
        `${sql}\nSETTINGS max_execution_time = ${PANEL_SECONDS}, max_threads = 1`,
      );
      const { title, description, matrix, thresholds } = panel;
      const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
      return { name, title, description, ...(matrix && { matrix }), ...(thresholds && { thresholds }), from, to, sql, rows };
    },
  }),
  apiRoute({
    id: 'listDashboards',
    method: 'get',
    path: '/dashboards',
    access: 'read',
    summary: 'Dashboards and their panels',
    work({ ready }) {
      const { slos } = ready();
      return DASHBOARDS.map((spec) => shownDashboard(spec, slos));
    },
  }),
  apiRoute({ id: 'listRunbooks', method: 'get', path: '/runbooks', access: 'read', summary: 'Runbooks', work: () => listRunbooks() }),
  apiRoute({
    id: 'getRunbook',
    method: 'get',
    path: '/runbooks/:name',
    access: 'read',
    summary: 'A runbook',
    params: { name: 'f1-provider-outage' },
    work: (call) => readRunbook(param(call, 'name')),
  }),
  apiRoute({
    id: 'listRecentEvents',
    method: 'get',
    path: '/events/recent',
    access: 'read',
    summary: 'Events of the last minutes, masked',
    work: ({ deps }) => deps.stream.recent(),
  }),
  apiRoute({
    id: 'streamEvents',
    method: 'get',
    path: '/events/stream',
    access: 'read',
    summary: 'Events as they are loaded',
    sends: 'text/event-stream',
    work: ({ deps, request, response, caller }) => deps.stream.handle(request, response, caller.isStillIn),
  }),
];
