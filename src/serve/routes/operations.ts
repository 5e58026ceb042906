/** `/api` about running Muster: records taken in by a command, backup, doctor, a test of the alerts. */
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { connectorNamed } from '../../collect/connectors/connector.ts';
import { CONNECTORS } from '../../collect/connectors/index.ts';
import { type ImportRecord, importRecords } from '../../collect/import/import.ts';
import { retryRejected } from '../../collect/import/retry.ts';
import { jsonValue } from '../../collect/intake/parse.ts';
import { MusterError } from '../../errors.ts';
import { examine } from '../doctor.ts';
import { apiRoute, param, text } from './route.ts';

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

const EVENT = { id: '1', type: 'enrollment.started', time: '2026-03-01T09:30:00Z', source: 'idp', attempt_id: 'a-1', factor_type: 'totp' };

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
      const { deps, request, caller } = call;
      const { intake, pseudonyms } = call.ready();
      if (!deps.hasRoom())
        throw new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this request again');
      const connector = connectorNamed(CONNECTORS, param(call, 'source'));
      if (!request.is('application/json')) throw new MusterError('MUSTER_UNSUPPORTED_TYPE', 'Content-Type: expected application/json');
      return deps.bodies.read(request, { maxBytes: deps.config.maxBodyBytes, form: 'json' }, async (bytes) => {
        const body = importBody.safeParse(jsonValue(bytes));
        if (!body.success || !body.data.records.every(isImportRecord))
          throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected {"records":[{"line","value"}]}, at most 10,000 records');
        return importRecords({ intake }, connector, body.data.records as ImportRecord[], {
          fingerprint: pseudonyms.fingerprint,
          ...(body.data.defaultTime !== undefined && { defaultTime: body.data.defaultTime }),
          binding: caller.binding,
        });
      });
    },
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
