/** `/api` about SLOs: one in depth, its past, why it failed, whether deploys may go out, maintenance, findings. */

import { Router } from 'express';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { sloNamed } from '../../slo/definition/openslo.ts';
import { addMaintenance, removeMaintenance } from '../../slo/evaluate/maintenance.ts';
import { backtest, loadPast, suggest } from '../../slo/inquiry/backtest.ts';
import { shownMaintenance, sloDetail } from '../../slo/inquiry/budget.ts';
import { explain } from '../../slo/inquiry/explain.ts';
import { gateOf } from '../../slo/inquiry/gate.ts';
import { toMinute } from '../../slo/measure/figures.ts';
import { findingsSince } from '../../store/records/findings.ts';
import { maintenanceIn } from '../../store/records/maintenance.ts';
import { parsed } from '../../system/parsed-body.ts';
import { actorOf } from '../access/gate.ts';
import { jsonBody } from '../json-body.ts';
import { momentOf } from '../moments.ts';
import type { Ready } from '../ready.ts';

const YEAR_MS = 366 * 86_400_000;
const MAX_BODY = 16 * 1024;
/** An evaluation ends at a full minute and is renewed every 15 s: an older one means that evaluating fails. */
const MAX_EVALUATION_AGE_MS = 300_000;

const maintenanceBody = z.strictObject({
  slo: z.string().max(64),
  start: z.string(),
  end: z.string(),
  reason: z.string().min(1, 'expected a reason').max(500),
  actor: z.string().max(200).default(''),
});

/** SLOs in depth, maintenance, findings, and the gate of deploys. */
export function sloRoutes(ready: () => Ready, now: () => number): Router {
  const router = Router();
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');

  router.get('/slos/:name/detail', async (request, response) => {
    const { store, slos } = ready();
    response.json(await sloDetail(store.engine, sloNamed(slos, request.params.name), momentOf(request.query.at, now())));
  });

  router.get('/slos/:name/backtest', async (request, response) => {
    const { store, slos } = ready();
    const slo = sloNamed(slos, request.params.name);
    const past = await loadPast(store.engine, slo, ...rangeOf(request.query, now()));
    const objective = request.query.objective === undefined ? undefined : objectiveOf(request.query.objective);
    response.json(backtest(slo, past, objective));
  });

  router.get('/slos/:name/suggest', async (request, response) => {
    const { store, slos } = ready();
    const slo = sloNamed(slos, request.params.name);
    response.json(await suggest(slo, await loadPast(store.engine, slo, ...rangeOf(request.query, now()))));
  });

  router.get('/slos/:name/explain', async (request, response) => {
    const { store, slos } = ready();
    const slo = sloNamed(slos, request.params.name);
    const [fromMs, toMs] = rangeOf(request.query, now());
    const baselineTo = momentOf(request.query.baseline_to, fromMs);
    const baselineFrom = momentOf(request.query.baseline_from, baselineTo - (toMs - fromMs));
    const [when, baseline] = [
      { fromMs, toMs },
      { fromMs: baselineFrom, toMs: baselineTo },
    ];
    response.json(await explain(store.engine, slo.sli, { when, baseline, nowMs: now() }));
  });

  router.get('/gate', async (request, response) => {
    const { slos, evaluator } = ready();
    const names = [request.query.slo].flat().map(text).filter(Boolean);
    const wanted = names.length === 0 ? slos : names.map((name) => sloNamed(slos, name));
    const latest = evaluator.latest();
    if (!latest || now() - latest.atMs > MAX_EVALUATION_AGE_MS)
      throw new MusterError('MUSTER_NOT_READY', 'there is no evaluation of the last minutes to judge by; send this request again');
    const evaluated = latest.statuses;
    response.json(wanted.flatMap(({ name }) => evaluated.filter(({ slo }) => slo === name).map(gateOf)));
  });

  router.get('/maintenance', async (_request, response) => {
    const windows = await maintenanceIn(ready().store.read, now() - YEAR_MS, now() + YEAR_MS);
    response.json(windows.map((window) => ({ slo: window.slo, ...shownMaintenance(window) })));
  });

  router.post('/maintenance', jsonBody(MAX_BODY), async (request, response) => {
    const { store, slos, intake, people } = ready();
    const { slo, start, end, reason, actor } = parsed(maintenanceBody, request.body);
    const who = actorOf(response, actor);
    const window = await addMaintenance(
      store.engine,
      slos,
      { slo, startMs: momentOf(start, 0), endMs: momentOf(end, 0), reason, actorRef: await intake.referenceOf('operator', who) },
      now(),
    );
    await people.audited(who, 'maintenance.add', slo, reason);
    response.status(201).json({ slo: window.slo, ...shownMaintenance(window) });
  });

  router.delete('/maintenance/:id', async (request, response) => {
    const { store, people } = ready();
    await removeMaintenance(store.engine, request.params.id, now());
    await people.audited(actorOf(response, ''), 'maintenance.remove', request.params.id);
    response.status(204).end();
  });

  router.get('/findings', async (request, response) => {
    response.json((await findingsSince(ready().store.engine, momentOf(request.query.since, now() - 30 * 86_400_000))).map(shownFinding));
  });

  router.get('/alerts', (_request, response) => {
    response.json(ready().watch.active());
  });

  return router;
}

type Shown = Awaited<ReturnType<typeof findingsSince>>[number];

/** A finding as commands and API show it. */
export const shownFinding = ({ startMs, endMs, ...finding }: Shown) => ({
  ...finding,
  start: new Date(startMs).toISOString(),
  end: endMs === null ? null : new Date(endMs).toISOString(),
});

/** From and to of a query, by default the last thirty days, cut to minutes. */
function rangeOf(query: Record<string, unknown>, nowMs: number): [fromMs: number, toMs: number] {
  const toMs = toMinute(momentOf(query.to, nowMs));
  const fromMs = toMinute(momentOf(query.from, toMs - 30 * 86_400_000));
  if (fromMs >= toMs) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected a time before to');
  if (toMs - fromMs > YEAR_MS) throw new MusterError('MUSTER_BAD_ARGUMENT', 'from: expected at most a year before to');
  return [fromMs, toMs];
}

function objectiveOf(value: unknown): number {
  const objective = Number(value);
  if (objective > 0 && objective < 1) return objective;
  throw new MusterError('MUSTER_BAD_ARGUMENT', 'objective: expected a ratio between 0 and 1, such as 0.98');
}
