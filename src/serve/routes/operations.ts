/** `/api` about running Muster: records taken in by a command, backup, doctor, a test of the alerts. */
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { AnyConnector } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { type ImportRecord, importRecords } from '../../collect/import/import.ts';
import { retryRejected } from '../../collect/import/retry.ts';
import { jsonValue } from '../../collect/intake/parse.ts';
import { sourceNamed, testedMapping } from '../../collect/mappings/index.ts';
import { MusterError } from '../../errors.ts';
import { examine } from '../doctor.ts';
import { sourcesNow } from '../sources.ts';
import { type ApiCall, apiRoute, param, text } from './route.ts';

const importBody = z.object({
  records: z.array(z.unknown()).max(10_000),
  defaultTime: z.string().optional(),
});

const mappedBody = importBody.extend({ mapping: z.strictObject({ text: z.string().max(64 * 1_024), file: z.string().max(200) }) });
const MAPPING = `source: portal
reads: rows of the portal
time: at
user: who
events: [{ when: "true", type: access.blocked }]
tests: [{ says: a row, record: { at: '2026-03-01T09:30:00Z', who: ada }, events: [{ type: access.blocked, user: ada }] }]
`;

/** Looked at without a schema of its own: what is wrong with ten thousand of them is said once. */
function isImportRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { line, unreadable } = value as Record<string, unknown>;
  if (!Number.isInteger(line)) return false;
  return unreadable === undefined ? 'value' in value : typeof unreadable === 'string' && unreadable.length <= 200;
}

const EVENT = { id: '1', type: 'enrollment.started', time: '2026-03-01T09:30:00Z', source: 'idp', attempt_id: 'a-1', factor_type: 'totp' };

/** Takes in the records of a request's body, through the connector that `connectorOf` finds by it. */
async function takeIn(call: ApiCall, schema: typeof importBody, connectorOf: (body: z.infer<typeof mappedBody>) => Promise<AnyConnector>) {
  const { deps, request, caller } = call;
  const { intake, pseudonyms } = call.ready();
  if (!deps.hasRoom()) throw new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this request again');
  if (!request.is('application/json')) throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected application/json');
  return deps.bodies.read(request, { maxBytes: deps.config.maxBodyBytes, form: 'json' }, async (bytes) => {
    const body = schema.safeParse(jsonValue(bytes));
    if (!body.success || !body.data.records.every(isImportRecord))
      throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected {"records":[{"line","value"}]}, at most 10,000 records');
    const connector = await connectorOf(body.data as z.infer<typeof mappedBody>);
    return importRecords({ intake }, connector, body.data.records as ImportRecord[], {
      fingerprint: pseudonyms.fingerprint,
      ...(body.data.defaultTime !== undefined && { defaultTime: body.data.defaultTime }),
      binding: caller.binding,
    });
  });
}

/** What operators do. */
export const operationRoutes = [
  apiRoute({
    id: 'importRecords',
    method: 'post',
    path: '/import/:source',
    access: 'ingest',
    summary: 'Takes records of a source in',
    params: { source: 'muster' },
    body: importBody,
    example: { records: [{ line: 1, value: EVENT }] },
    readsBody: true,
    async work(call) {
      const connector = await sourceNamed(CONNECTORS, param(call, 'source'));
      return takeIn(call, importBody, async () => connector);
    },
  }),
  apiRoute({
    id: 'importByMapping',
    method: 'post',
    path: '/import-by-mapping',
    // A mapping is a program.
    access: 'admin',
    summary: 'Takes records in by a mapping file',
    body: mappedBody,
    example: { mapping: { file: 'portal.yaml', text: MAPPING }, records: [{ line: 1, value: { at: '2026-03-01T09:30:00Z', who: 'ada' } }] },
    readsBody: true,
    work: (call) => takeIn(call, mappedBody, ({ mapping }) => testedMapping(mapping.text, mapping.file)),
  }),
  apiRoute({
    id: 'listSources',
    method: 'get',
    path: '/sources',
    access: 'read',
    summary: 'Sources: what came in from each, and which SLIs it feeds',
    work: ({ ready, deps }) => sourcesNow(ready().store.panels, deps.now()),
  }),
  apiRoute({
    id: 'retryRejected',
    method: 'post',
    path: '/rejected/retry',
    access: 'admin',
    summary: 'Tries refused records again',
    body: z.strictObject({ defaultTime: z.string().optional() }),
    example: {},
    async work({ ready, deps, actor, body }) {
      const { intake, store, drain, people } = ready();
      await people.audited(actor(), 'rejected.retry', 'dead_letters');
      return retryRejected({ intake, drain, engine: store.engine, now: deps.now }, body.defaultTime);
    },
  }),
  apiRoute({
    id: 'testAlerts',
    method: 'post',
    path: '/alerts/test',
    access: 'admin',
    summary: 'Sends a test through every route for alerts',
    async work({ ready, deps, actor }) {
      await ready().people.audited(actor(), 'alerts.test', 'all routes');
      return deps.testAlerts();
    },
  }),
  apiRoute({
    id: 'examine',
    method: 'get',
    path: '/doctor',
    access: 'read',
    summary: 'What is wrong with this installation',
    query: z.object({ production: text('`true` for what others depend on') }),
    work({ ready, deps, query }) {
      const { store, people, keys } = ready();
      return examine({ config: deps.config, store, people, keys, now: deps.now }, query.production === 'true');
    },
  }),
  apiRoute({
    id: 'takeBackup',
    method: 'post',
    path: '/backup',
    // The keys and references in it name everybody.
    access: 'admin+reveal',
    summary: 'A backup as a tar stream',
    sends: 'application/x-tar',
    async work({ ready, deps, actor, response }) {
      await ready().people.audited(actor(), 'backup', 'data directory');
      response.type('application/x-tar');
      await deps.backup((stream) => pipeline(stream, response));
    },
  }),
];
