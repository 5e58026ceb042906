/** `/api` about SLOs: one in depth, its past, why it failed, whether deploys may go out, maintenance, findings. */

import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { sloNamed, slosIn } from '../../slo/definition/openslo.ts';
import { addMaintenance, removeMaintenance } from '../../slo/evaluate/maintenance.ts';
import { backtest, loadPast, type Suggestion, suggest } from '../../slo/inquiry/backtest.ts';
import { shownMaintenance, sloDetail } from '../../slo/inquiry/budget.ts';
import { explain } from '../../slo/inquiry/explain.ts';
import { type GateVerdict, gateOf } from '../../slo/inquiry/gate.ts';
import { oneAsked, sloAsked, trialPast, trialStatus } from '../../slo/inquiry/trial.ts';
import { toMinute } from '../../slo/measure/figures.ts';
import { sloReport } from '../../slo/measure/report.ts';
import { turnstile } from '../../store/guard/turns.ts';
import { dismissFinding, type Finding, findingNamed, findingsSince, mergeFinding, VERDICTS } from '../../store/records/findings.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import { DAY_MS } from '../../system/time.ts';
import { momentOf } from '../moments.ts';
import type { ShownFinding } from './answers.ts';
import { ACTOR, type ApiCall, actor, apiRoute, EXAMPLE_SLO, param, text } from './route.ts';

const YEAR_MS = 366 * DAY_MS;
/** An evaluation ends at a full minute and is renewed every 15 s: an older one means that evaluating fails. */
const MAX_EVALUATION_AGE_MS = 300_000;

const maintenanceBody = z.strictObject({
  slo: z.string().max(64),
  start: z.string(),
  end: z.string(),
  reason: z.string().min(1, 'expected a reason').max(500),
  actor,
});

/** Of SLO files that are tried. */
const MAX_FILES_BYTES = 1024 * 1024;
const sloFiles = z.strictObject({
  files: z
    .array(z.strictObject({ name: z.string().min(1).max(500), text: z.string() }))
    .min(1)
    .max(200),
});
const EXAMPLE_FILE = {
  name: 'eu-west.yaml',
  text: `apiVersion: openslo/v1
kind: SLO
metadata: { name: eu-west-success }
spec:
  service: mfa-enrollment
  indicator:
    metadata: { name: M1 }
    spec:
      ratioMetric:
        good: { metricSource: { type: Muster, spec: { sli: M1, outcome: good, where: { region: eu-west } } } }
        total: { metricSource: { type: Muster, spec: { sli: M1, outcome: total, where: { region: eu-west } } } }
  timeWindow: [{ duration: 30d, isRolling: true }]
  budgetingMethod: Occurrences
  objectives: [{ target: 0.98 }]
  alertPolicies: [burn-rate-page]
`,
};

const NAME = { name: EXAMPLE_SLO };
const at = z.object({ at: text('moment, RFC 3339; now unless given') });
const range = z.object({ from: text('start of the range, RFC 3339'), to: text('its end; now unless given') });

/** What walks over a year, minute by minute: one at a time. */
const oneInquiry = turnstile({ running: 1, waiting: 20 });

/** The SLO that a path names. @throws MUSTER_NOT_FOUND */
const sloOf = (call: ApiCall) => sloNamed(call.ready().slos, param(call, 'name'));

const reason = z.string().min(1, 'expected a reason').max(500);

/** SLOs in depth, maintenance, findings, and the gate of deploys. */
export const sloRoutes = [
  apiRoute({
    id: 'listSlos',
    method: 'get',
    path: '/slos',
    access: 'read',
    summary: 'Every SLO: counts, budget, burn rates, states',
    query: at,
    work({ ready, query, deps }) {
      const { store, slos, evaluator } = ready();
      // Without a moment asked for, the states are those that the evaluator is in: what it held, it holds here too.
      const latest = query.at === undefined ? evaluator.latest() : undefined;
      return sloReport(store.engine, slos, latest?.atMs ?? momentOf(query.at, deps.now()), latest?.statuses);
    },
  }),
  apiRoute({
    id: 'getSloDetail',
    method: 'get',
    path: '/slos/:name/detail',
    access: 'read',
    summary: 'One SLO with its splits',
    params: NAME,
    query: at,
    work: (call) => sloDetail(call.ready().store.engine, sloOf(call), momentOf(call.query.at, call.deps.now())),
  }),
  apiRoute({
    id: 'backtestSlo',
    method: 'get',
    path: '/slos/:name/backtest',
    access: 'read',
    summary: 'How its alerts would have fired in the past',
    params: NAME,
    query: range.extend({ objective: text('another objective, such as 0.99') }),
    async work(call) {
      const slo = sloOf(call);
      const { objective } = call.query;
      const other = objective === undefined ? undefined : objectiveOf(objective);
      const range = rangeOf(call.query, call.deps.now());
      return oneInquiry(async () => backtest(slo, await loadPast(call.ready().store.engine, slo, ...range), other));
    },
  }),
  apiRoute({
    id: 'suggestObjective',
    method: 'get',
    path: '/slos/:name/suggest',
    access: 'read',
    summary: 'Objectives that the past would have met',
    params: NAME,
    query: range,
    async work(call) {
      const slo = sloOf(call);
      const range = rangeOf(call.query, call.deps.now());
      return oneInquiry(async () => suggest(slo, await loadPast(call.ready().store.engine, slo, ...range)));
    },
  }),
  apiRoute({
    id: 'explainSlo',
    method: 'get',
    path: '/slos/:name/explain',
    access: 'read',
    summary: 'What accounts for the failures of a range',
    params: NAME,
    query: range.extend({ baseline_from: text('what it is compared with'), baseline_to: text('its end') }),
    work(call) {
      const { query } = call;
      const nowMs = call.deps.now();
      const [fromMs, toMs] = rangeOf(query, nowMs);
      const baselineTo = momentOf(query.baseline_to, fromMs);
      const baseline = { fromMs: momentOf(query.baseline_from, baselineTo - (toMs - fromMs)), toMs: baselineTo };
      return explain(call.ready().store.engine, sloOf(call).sli, { when: { fromMs, toMs }, baseline, nowMs });
    },
  }),
  apiRoute({
    id: 'judgeGate',
    method: 'get',
    path: '/gate',
    access: 'read',
    summary: 'Whether the error budgets let a deploy through',
    query: z.object({
      slo: z
        .union([z.string(), z.array(z.string())])
        .optional()
        .describe('one or more names'),
    }),
    work({ ready, query, deps }) {
      const { slos, evaluator } = ready();
      const names = [query.slo ?? []].flat().filter(Boolean);
      const wanted = names.length === 0 ? slos : names.map((name) => sloNamed(slos, name));
      const latest = evaluator.latest();
      if (!latest || deps.now() - latest.atMs > MAX_EVALUATION_AGE_MS)
        throw new MusterError('MUSTER_NOT_READY', 'there is no evaluation of the last minutes to judge by; send this request again');
      return wanted.flatMap(({ name }) => latest.statuses.filter(({ slo }) => slo === name).map(gateOf));
    },
  }),
  apiRoute({
    id: 'backtestSloFile',
    method: 'post',
    path: '/slo-files/backtest',
    access: 'read',
    summary: 'How the alerts of an SLO file would have fired, before it goes live',
    body: sloFiles.extend({ slo: z.string().optional(), from: z.string(), to: z.string(), objective: z.number().gt(0).lt(1).optional() }),
    example: { files: [EXAMPLE_FILE], from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' },
    maxBodyBytes: MAX_FILES_BYTES,
    async work({ ready, body, deps }) {
      const slo = oneAsked(slosIn(body.files), body.slo);
      const range = rangeOf(body, deps.now());
      return oneInquiry(async () => backtest(slo, await trialPast(ready().store.engine, slo, ...range, deps.now()), body.objective));
    },
  }),
  apiRoute({
    id: 'suggestForSloFile',
    method: 'post',
    path: '/slo-files/suggest',
    access: 'read',
    summary: 'Objectives that the SLOs of a file would have met',
    body: sloFiles.extend({ slo: z.array(z.string()).max(100).default([]), from: z.string(), to: z.string() }),
    example: { files: [EXAMPLE_FILE], from: '2026-03-01T00:00:00Z', to: '2026-03-02T00:00:00Z' },
    maxBodyBytes: MAX_FILES_BYTES,
    async work({ ready, body, deps }) {
      const range = rangeOf(body, deps.now());
      const all: Suggestion[] = [];
      for (const slo of sloAsked(slosIn(body.files), body.slo))
        all.push(await oneInquiry(async () => suggest(slo, await trialPast(ready().store.engine, slo, ...range, deps.now()))));
      return all;
    },
  }),
  apiRoute({
    id: 'judgeSloFile',
    method: 'post',
    path: '/slo-files/gate',
    access: 'read',
    summary: 'Whether the error budgets of an SLO file would let a deploy through',
    body: sloFiles.extend({ slo: z.array(z.string()).max(100).default([]) }),
    example: { files: [EXAMPLE_FILE] },
    maxBodyBytes: MAX_FILES_BYTES,
    async work({ ready, body, deps }) {
      const verdicts: GateVerdict[] = [];
      for (const slo of sloAsked(slosIn(body.files), body.slo))
        verdicts.push(await oneInquiry(async () => gateOf(await trialStatus(ready().store.engine, slo, toMinute(deps.now())))));
      return verdicts;
    },
  }),
  apiRoute({
    id: 'listMaintenance',
    method: 'get',
    path: '/maintenance',
    access: 'read',
    summary: 'Announced maintenance',
    async work({ ready, deps }) {
      const windows = await maintenanceIn(ready().store.read, deps.now() - YEAR_MS, deps.now() + YEAR_MS);
      return windows.map((window) => ({ slo: window.slo, ...shownMaintenance(window) }));
    },
  }),
  apiRoute({
    id: 'addMaintenance',
    method: 'post',
    path: '/maintenance',
    access: 'admin',
    summary: 'Announces maintenance',
    body: maintenanceBody,
    example: { slo: EXAMPLE_SLO, start: '2026-03-01T09:00:00Z', end: '2026-03-01T10:00:00Z', reason: 'upgrade', ...ACTOR },
    status: 201,
    async work({ ready, deps, actor, body: { slo, start, end, reason, ...by } }) {
      const { store, slos, intake, people } = ready();
      const who = actor(by.actor);
      const window = await addMaintenance(
        store.engine,
        slos,
        { slo, startMs: momentOf(start, 0), endMs: momentOf(end, 0), reason, actorRef: await intake.referenceOf('operator', who) },
        deps.now(),
      );
      await people.audited(who, 'maintenance.add', slo, reason);
      return { slo: window.slo, ...shownMaintenance(window) };
    },
  }),
  apiRoute({
    id: 'removeMaintenance',
    method: 'delete',
    path: '/maintenance/:id',
    access: 'admin',
    summary: 'Takes an announcement back',
    params: { id: '0b9ff05e-2a4a-4e4f-8c56-5b7d3c2f8a11' },
    status: 204,
    async work(call) {
      const { store, people } = call.ready();
      const id = param(call, 'id');
      await removeMaintenance(store.engine, id, call.deps.now());
      await people.audited(call.actor(), 'maintenance.remove', id);
    },
  }),
  apiRoute({
    id: 'listFindings',
    method: 'get',
    path: '/findings',
    access: 'read',
    summary: 'Findings: the newest thousand of those that are open, and of those since a moment',
    query: z.object({ since: text('moment, RFC 3339; thirty days ago unless given') }),
    async work({ ready, query, deps }) {
      return (await findingsSince(ready().store.engine, momentOf(query.since, deps.now() - 30 * DAY_MS))).map(shownFinding);
    },
  }),
  apiRoute({
    id: 'getFinding',
    method: 'get',
    path: '/findings/:id',
    access: 'read',
    summary: 'One finding, with what it stands on',
    params: { id: 'secret_exposure:idp:reason:credential:2026-03-01T09:00:00.000Z' },
    work: async (call) => shownFinding(await findingNamed(call.ready().store.engine, param(call, 'id'))),
  }),
  apiRoute({
    id: 'dismissFinding',
    method: 'post',
    path: '/findings/:id/dismissal',
    access: 'admin',
    summary: 'Takes a finding for none: it stays so, whatever its detector still sees',
    params: { id: 'secret_exposure:idp:reason:credential:2026-03-01T09:00:00.000Z' },
    body: z.strictObject({ reason, verdict: z.enum(VERDICTS).exclude(['duplicate']).default('false'), actor }),
    example: { reason: 'a test of ours', verdict: 'benign', ...ACTOR },
    async work(call) {
      const { store, people } = call.ready();
      const id = param(call, 'id');
      const finding = await dismissFinding(store.engine, id, call.body.verdict, call.deps.now());
      await people.audited(call.actor(call.body.actor), 'finding.dismiss', id, call.body.reason);
      return shownFinding(finding);
    },
  }),
  apiRoute({
    id: 'mergeFinding',
    method: 'post',
    path: '/findings/:id/merge',
    access: 'admin',
    summary: 'Takes a finding for the same as another one, which stays',
    params: { id: 'secret_exposure:idp:reason:credential:2026-03-01T09:00:00.000Z' },
    body: z.strictObject({ into: z.string().min(1).max(500), reason, actor }),
    example: { into: 'secret_exposure:idp:reason:credential:2026-03-02T09:00:00.000Z', reason: 'the same leak', ...ACTOR },
    async work(call) {
      const { store, people } = call.ready();
      const id = param(call, 'id');
      const finding = await mergeFinding(store.engine, id, call.body.into, call.deps.now());
      await people.audited(call.actor(call.body.actor), 'finding.merge', id, call.body.reason);
      return shownFinding(finding);
    },
  }),
  apiRoute({
    id: 'listAlerts',
    method: 'get',
    path: '/alerts',
    access: 'read',
    summary: 'Alerts that fire',
    work: ({ ready }) => ready().watch.active(),
  }),
];

/** A finding as commands and API show it. */
export const shownFinding = ({ startMs, endMs, decidedMs, incident = '', assignee = '', ...finding }: Finding): ShownFinding => ({
  ...finding,
  incident,
  assignee,
  decidedAt: decidedMs === null ? null : new Date(decidedMs).toISOString(),
  start: new Date(startMs).toISOString(),
  end: endMs === null ? null : new Date(endMs).toISOString(),
});

/** From and to of a query, by default the last thirty days, cut to minutes. */
function rangeOf(query: Record<string, unknown>, nowMs: number): [fromMs: number, toMs: number] {
  const toMs = toMinute(momentOf(query.to, nowMs));
  const fromMs = toMinute(momentOf(query.from, toMs - 30 * DAY_MS));
  if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected a time before to');
  if (toMs - fromMs > YEAR_MS) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected at most a year before to');
  return [fromMs, toMs];
}

function objectiveOf(value: unknown): number {
  const objective = Number(value);
  if (objective > 0 && objective < 1) return objective;
  throw new MusterError('MUSTER_BAD_ARGUMENT', 'objective: expected a ratio between 0 and 1, such as 0.98');
}
