/** `/api` about incidents: what went wrong as one thing, and what people decide of it. */
import { z } from 'zod';
import { ACT_NAMES, ACTS, type ActName, loggedReason } from '../../detect/incidents/acts.ts';
import { type Explained, explained, isRuledOut } from '../../detect/incidents/explained.ts';
import type { Incident } from '../../detect/incidents/incident.ts';
import { findingsOf } from '../../detect/incidents/incident.ts';
import { incidentNamed, incidentsLike, incidentsSince } from '../../detect/incidents/incident-table.ts';
import { type Act, act } from '../../detect/incidents/incident-watch.ts';
import { leadSeries } from '../../detect/incidents/lead-series.ts';
import { failedAttempts, spanOf } from '../../detect/incidents/measure.ts';
import { endSuppressions, type Suppression, suppressionsAt } from '../../detect/incidents/suppressions.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { DAY_MS } from '../../system/time.ts';
import { momentOf } from '../moments.ts';
import type { IncidentCauses, IncidentLogEntry, ShownIncident, ShownSuppression } from './answers.ts';
import { ACTOR, actor, apiRoute, param, text } from './route.ts';

const EXAMPLE_ID = { id: 'INC-1' };
const said = { reason: z.string().trim().min(1, 'expected a reason').max(500), actor };

/** What somebody does with an incident, and why. */
export const acts = z.discriminatedUnion('act', ACT_NAMES.map(schemaOf) as [ReturnType<typeof schemaOf>]);

function schemaOf(name: ActName) {
  const { field } = ACTS[name];
  const given = field && {
    [field.name]: z.string().trim().regex(field.pattern, `expected ${field.description}, such as ${field.example}`),
  };
  return z.strictObject({ act: z.literal(name), ...given, ...said });
}

/** An act as the incidents take it. */
export function actOf(body: z.infer<typeof acts>): Act {
  const { field } = ACTS[body.act];
  return { act: body.act, reason: body.reason, given: field ? String((body as Record<string, unknown>)[field.name]) : '' };
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
    summary:
      'One incident, with what was done, the series that shows it best, those of the same cause before, and some of the attempts that failed',
    params: EXAMPLE_ID,
    async work(call) {
      const { engine } = call.ready().store;
      const incident = await incidentNamed(engine, param(call, 'id'));
      const { now, config } = call.deps;
      return {
        ...shownIncident(incident),
        failed: await failedAttempts(engine, incident, now()),
        log: await logOf(engine, incident.id),
        series: (await leadSeries(engine, incident, config.timeZone, now())) ?? null,
        before: (await incidentsLike(engine, incident, MAX_BEFORE)).map(shownIncident),
      };
    },
  }),
  apiRoute({
    id: 'explainIncident',
    method: 'get',
    path: '/incidents/:id/causes',
    access: 'read',
    summary: 'Where what failed in an incident came from, beyond what is usual, and how it failed',
    params: EXAMPLE_ID,
    async work(call) {
      const { store, slos } = call.ready();
      const incident = await incidentNamed(store.engine, param(call, 'id'));
      const nowMs = call.deps.now();
      const span = { toMs: spanOf(incident, nowMs).toMs, nowMs, role: 'panels' } as const;
      const found = await explained(store.engine, slos, incident, span);
      if (!found) return { sli: null, causes: [], errors: [], isChangeRuledOut: false };
      return { ...shownCauses(found), isChangeRuledOut: await isRuledOut(store.engine, incident, found, span) };
    },
  }),
  apiRoute({
    id: 'actOnIncident',
    method: 'post',
    path: '/incidents/:id/acts',
    access: 'admin',
    summary: `Does one of these with an incident: ${ACT_NAMES.join(', ')}; of two who do so at once, the second is told what the first has done`,
    params: EXAMPLE_ID,
    body: acts,
    example: { act: 'ack', reason: 'looking', ...ACTOR },
    async work(call) {
      const { store, people } = call.ready();
      const id = param(call, 'id');
      const { body } = call;
      const what = actOf(body);
      const incident = await act(store.engine, id, what, call.deps.now());
      await people.audited(call.actor(body.actor), `incident.${body.act}`, id, loggedReason(what.act, what.given, what.reason));
      return shownIncident(incident);
    },
  }),
  apiRoute({
    id: 'listSuppressions',
    method: 'get',
    path: '/suppressions',
    access: 'read',
    summary: 'What is held back since somebody took it for none: it begins no incident of its own until then',
    async work({ ready, deps }) {
      return (await suppressionsAt(ready().store.engine, deps.now())).map(shownSuppression);
    },
  }),
  apiRoute({
    id: 'endSuppressions',
    method: 'post',
    path: '/suppressions/end',
    access: 'admin',
    summary: 'Ends what is held back of a value: its flags begin incidents again',
    body: z.strictObject({ dimension: z.string().min(1).max(40), value: z.string().max(500), ...said }),
    example: { dimension: 'region', value: 'eu-west', reason: 'the load test is over', ...ACTOR },
    async work(call) {
      const { store, people } = call.ready();
      const { dimension, value, reason, actor: named } = call.body;
      const ended = await endSuppressions(store.engine, { dimension, value }, call.deps.now());
      await people.audited(call.actor(named), 'suppression.end', `${dimension}=${value}`, reason);
      return { ended };
    },
  }),
];

/** What was done with an incident, oldest first, from the audit log. */
export async function logOf(engine: Engine, id: string): Promise<IncidentLogEntry[]> {
  const rows = await engine.session('read').rows<{ at: string; actor_ref: string; action: string; reason: string }>(
    `SELECT toString(toUnixTimestamp64Milli(l.at)) AS at, actor_ref, action, reason FROM audit_log AS l
     WHERE target = {id: String} AND startsWith(action, 'incident.') ORDER BY seq DESC LIMIT ${MAX_LOGGED}`,
    { id },
  );
  return rows.reverse().map(({ at, actor_ref, action, reason }) => ({
    at: new Date(Number(at)).toISOString(),
    actor: actor_ref,
    act: action.slice('incident.'.length),
    reason,
  }));
}
const MAX_LOGGED = 200;
const MAX_BEFORE = 5;

const MAX_CAUSES = 8;
const MAX_ERRORS = 6;

/** One value for each dimension says where to look; the rest is in `muster explain`. */
export function shownCauses(found: Explained): Omit<IncidentCauses, 'isChangeRuledOut'> {
  const firsts = Map.groupBy(found.explanations, ({ dimension }) => dimension);
  const causes = [...firsts].flatMap(([dimension, [first]]) => (first && !dimension.startsWith('error_') ? [first] : []));
  const codes = (firsts.get('error_code') ?? []).map(({ value, bad }) => ({ code: value, bad })).sort((a, b) => b.bad - a.bad);
  return { sli: found.sli.id, causes: causes.slice(0, MAX_CAUSES), errors: codes.slice(0, MAX_ERRORS) };
}

/** A suppression as the API shows it. */
export const shownSuppression = ({ sinceMs, untilMs, ...suppression }: Suppression & { heldBack: number }): ShownSuppression => ({
  ...suppression,
  since: new Date(sinceMs).toISOString(),
  until: new Date(untilMs).toISOString(),
});

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
