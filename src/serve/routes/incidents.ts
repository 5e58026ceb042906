/** `/api` about incidents: what went wrong as one thing, and what people decide of it. */
import { z } from 'zod';
import type { Incident } from '../../detect/incidents/incident.ts';
import { findingsOf } from '../../detect/incidents/incident.ts';
import { incidentNamed, incidentsSince } from '../../detect/incidents/incident-table.ts';
import { type Act, act } from '../../detect/incidents/incident-watch.ts';
import { failedAttempts } from '../../detect/incidents/measure.ts';
import { DAY_MS } from '../../system/time.ts';
import { momentOf } from '../moments.ts';
import type { ShownIncident } from './answers.ts';
import { ACTOR, actor, apiRoute, param, text } from './route.ts';

const EXAMPLE_ID = { id: 'INC-1' };
const MAX_NAME = 200;
const said = { reason: z.string().trim().min(1, 'expected a reason').max(500), actor };

/** What somebody does with an incident, and why. */
export const acts = z.discriminatedUnion('act', [
  z.strictObject({ act: z.literal('ack'), ...said }),
  z.strictObject({ act: z.literal('assign'), assignee: z.string().trim().min(1, 'expected who has it').max(MAX_NAME), ...said }),
  z.strictObject({ act: z.literal('resolve'), ...said }),
  z.strictObject({ act: z.literal('dismiss'), ...said }),
  z.strictObject({ act: z.literal('merge'), into: z.string().min(1).max(MAX_NAME), ...said }),
]);

/** An act as the incidents take it. */
function actOf(body: z.infer<typeof acts>): Act {
  if (body.act === 'assign') return { kind: 'assign', assignee: body.assignee };
  if (body.act === 'merge') return { kind: 'merge', into: body.into };
  return { kind: body.act };
}

export const incidentRoutes = [
  apiRoute({
    id: 'listIncidents',
    method: 'get',
    path: '/incidents',
    access: 'read',
    summary: 'Incidents: the newest thousand of those that are not over, and of those since a moment',
    query: z.object({ since: text('moment, RFC 3339; thirty days ago unless given') }),
    async work({ ready, query, deps }) {
      return (await incidentsSince(ready().store.engine, momentOf(query.since, deps.now() - 30 * DAY_MS))).map(shownIncident);
    },
  }),
  apiRoute({
    id: 'getIncident',
    method: 'get',
    path: '/incidents/:id',
    access: 'read',
    summary: 'One incident, with some of the attempts that failed meanwhile where its cause is',
    params: EXAMPLE_ID,
    async work(call) {
      const { engine } = call.ready().store;
      const incident = await incidentNamed(engine, param(call, 'id'));
      return { ...shownIncident(incident), failed: await failedAttempts(engine, incident, call.deps.now()) };
    },
  }),
  apiRoute({
    id: 'actOnIncident',
    method: 'post',
    path: '/incidents/:id/acts',
    access: 'admin',
    summary:
      'Acknowledges, assigns, resolves, dismisses or merges an incident; of two who do so at once, the second is told what the first has done',
    params: EXAMPLE_ID,
    body: acts,
    example: { act: 'ack', reason: 'looking', ...ACTOR },
    async work(call) {
      const { store, people } = call.ready();
      const id = param(call, 'id');
      const { body } = call;
      const incident = await act(store.engine, id, actOf(body), call.deps.now());
      await people.audited(call.actor(body.actor), `incident.${body.act}`, id, body.reason);
      return shownIncident(incident);
    },
  }),
];

const moment = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());

/** An incident as commands and API show it. */
export function shownIncident(incident: Incident): ShownIncident {
  const { id, title, severity, status, cause, slos, users, attempts, change, assignee, mergedInto, signals } = incident;
  return {
    id,
    title,
    severity,
    status,
    start: new Date(incident.startMs).toISOString(),
    detected: new Date(incident.detectedMs).toISOString(),
    notified: moment(incident.notifiedMs),
    acknowledged: moment(incident.acknowledgedMs),
    mitigated: moment(incident.mitigatedMs),
    end: moment(incident.endMs),
    lastSign: new Date(incident.lastSignMs).toISOString(),
    cause,
    slos: [...slos],
    users,
    attempts,
    findings: findingsOf(incident),
    change: change && { type: change.type, deployment: change.deployment, time: new Date(change.timeMs).toISOString() },
    assignee,
    mergedInto,
    signals: signals.map(({ source, name, of, dimension, value, fromMs, toMs, isPage }) => ({
      source,
      name,
      of,
      dimension,
      value,
      start: new Date(fromMs).toISOString(),
      end: new Date(toMs).toISOString(),
      severity: isPage ? ('page' as const) : ('ticket' as const),
    })),
  };
}
