/** What an incident cost, what leads it, and what was changed before it began. */

import { elapsedAt } from '../../slo/arithmetic/period.ts';
import type { Slo } from '../../slo/definition/openslo.ts';
import { judgedOf } from '../../slo/definition/openslo.ts';
import { leadingCause } from '../../slo/inquiry/explain.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { eventsIn } from '../../store/rows/rows-of.ts';
import { HOUR_MS, MINUTE_MS } from '../../system/time.ts';
import { explained } from './explained.ts';
import { type Incident, titleOf } from './incident.ts';
import type { Signal } from './signal.ts';

/** What was changed up to so long before it began may be why. */
const CHANGED_BEFORE_MS = 2 * HOUR_MS;
/** And what was changed in its first minutes: an event of a deploy comes when the deploy is done. */
const CHANGED_AFTER_MS = 5 * MINUTE_MS;
/** A smaller part of a budget is nothing to speak of. */
const LEAST_SPENT = 0.01;

/** Labels that an attempt has. */
const ATTEMPT_LABELS: readonly string[] = [
  'region',
  'provider',
  'factor_type',
  'deployment',
  'client_version',
  'segment',
  'tenant',
  'source',
];

/** An incident with what is known of it at a moment. */
export async function measured(engine: Engine, slos: readonly Slo[], incident: Incident, nowMs: number): Promise<Incident> {
  const span = spanOf(incident, nowMs);
  const cause = (await causeOf(engine, slos, incident, span.toMs, nowMs)) ?? incident.cause;
  const hit = await attemptsHit(engine, span, cause);
  return {
    ...incident,
    cause,
    title: titleOf(cause, incident.signals),
    ...hit,
    slos: await budgetsSpent(engine, slos, span),
    change: await changeBefore(engine, incident.startMs, cause),
  };
}

interface Span {
  fromMs: number;
  toMs: number;
}

/** From its first sign to its last. */
export const spanOf = ({ startMs, lastSignMs }: Incident, nowMs: number): Span => ({
  fromMs: startMs,
  toMs: Math.max(startMs + MINUTE_MS, Math.min(lastSignMs, nowMs)),
});

/** What accounts for most of what failed beyond the usual; of traffic that does not come, the greatest place from which none does. */
async function causeOf(engine: Engine, slos: readonly Slo[], incident: Incident, toMs: number, nowMs: number): Promise<Incident['cause']> {
  const found = await explained(engine, slos, incident, { toMs, nowMs, role: 'explain' });
  const leading = leadingCause(found?.explanations ?? []);
  const [dimension = ''] = leading?.dimension.split(',') ?? [];
  if (leading && dimension !== '') return { dimension, value: leading.values[0] ?? '' };
  const places = incident.signals.filter(({ dimension }) => dimension !== '');
  const longest = places.reduce<Signal | undefined>(
    (best, each) => (best && best.toMs - best.fromMs >= each.toMs - each.fromMs ? best : each),
    undefined,
  );
  return longest ? { dimension: longest.dimension, value: longest.value } : null;
}

/** Attempts of users that failed in a span, where the cause is; its value is the parameter `value`. */
function failedIn({ fromMs, toMs }: Span, cause: Incident['cause']): string {
  const isThere = cause && ATTEMPT_LABELS.includes(cause.dimension) ? `AND ${cause.dimension} = {value: String}` : '';
  return `attempts
     WHERE traffic = 'user' AND observed = 'full' AND result NOT IN ('completed', 'pending')
       AND settled_at >= fromUnixTimestamp64Milli(${fromMs}, 'UTC') AND settled_at < fromUnixTimestamp64Milli(${toMs}, 'UTC') ${isThere}`;
}

/** How many attempts of how many people failed meanwhile, where the cause is. */
async function attemptsHit(engine: Engine, span: Span, cause: Incident['cause']): Promise<{ attempts: number; users: number }> {
  const [row] = await engine.session('explain').rows<{ attempts: string; users: string }>(
    `SELECT toString(count()) AS attempts, toString(uniqExactIf(user_ref, user_ref != '')) AS users
     FROM ${failedIn(span, cause)}`,
    { value: cause?.value ?? '' },
  );
  return { attempts: Number(row?.attempts ?? 0), users: Number(row?.users ?? 0) };
}

export interface FailedAttempt {
  source: string;
  attemptId: string;
  /** RFC 3339. */
  settledAt: string;
  result: string;
  errorClass: string;
  errorCode: string;
}

const MAX_SHOWN = 20;

/** Some of the attempts that an incident hit, newest first. */
export async function failedAttempts(engine: Engine, incident: Incident, nowMs: number): Promise<FailedAttempt[]> {
  const rows = await engine.session('panels').rows<Omit<FailedAttempt, 'settledAt'> & { ms: string }>(
    `SELECT source, attempt_id AS attemptId, toString(toUnixTimestamp64Milli(settled_at)) AS ms, result, error_class AS errorClass,
       error_code AS errorCode
     FROM ${failedIn(spanOf(incident, nowMs), incident.cause)} ORDER BY settled_at DESC, attempt_id LIMIT ${MAX_SHOWN}`,
    { value: incident.cause?.value ?? '' },
  );
  return rows.map(({ ms, ...row }) => ({ ...row, settledAt: new Date(Number(ms)).toISOString() }));
}

/** Which share of its error budget each SLO lost meanwhile: what was bad, of what may be in its period. */
async function budgetsSpent(engine: Engine, slos: readonly Slo[], { fromMs, toMs }: Span): Promise<Incident['slos']> {
  const spent: { slo: string; budgetSpent: number }[] = [];
  for (const slo of slos) {
    const { objective } = judgedOf(slo);
    if (slo.sli.kind !== 'ratio' || objective === null) continue;
    const period = elapsedAt(slo.period, toMs);
    const [row] = await engine.session('explain').rows<{ bad: number; total: number }>(
      `SELECT (SELECT toFloat64(sum(total - good)) FROM minutes FINAL
           WHERE sli = {sli: String} AND dimension = '' AND minute >= toDateTime(${Math.floor(fromMs / 1_000)}, 'UTC')
             AND minute < toDateTime(${Math.ceil(toMs / 1_000)}, 'UTC')) AS bad,
         (SELECT toFloat64(sum(total)) FROM hours FINAL
           WHERE sli = {sli: String} AND dimension = '' AND minute >= toDateTime(${Math.floor(period.fromMs / 1_000)}, 'UTC')
             AND minute < toDateTime(${Math.ceil(period.toMs / 1_000)}, 'UTC')) AS total`,
      { sli: slo.sli.id },
    );
    const budget = (row?.total ?? 0) * (1 - objective);
    const share = budget > 0 ? (row?.bad ?? 0) / budget : 0;
    if (share >= LEAST_SPENT) spent.push({ slo: slo.name, budgetSpent: share });
  }
  return spent.sort((a, b) => b.budgetSpent - a.budgetSpent);
}

/** The last change before it began: of the deployment that leads it, if one does. */
async function changeBefore(engine: Engine, startMs: number, cause: Incident['cause']): Promise<Incident['change']> {
  const [row] = await engine.session('explain').rows<{ type: string; deployment: string; ms: string }>(
    `SELECT type, deployment, toString(toUnixTimestamp64Milli(time)) AS ms FROM events FINAL
     WHERE ${eventsIn([{ fromMs: startMs - CHANGED_BEFORE_MS, toMs: startMs + CHANGED_AFTER_MS }])}
       AND type IN ('deploy.started', 'deploy.completed', 'deploy.rolled_back', 'policy.changed')
     ORDER BY deployment = {deployment: String} AND deployment != '' DESC, time DESC, type LIMIT 1`,
    { deployment: cause?.dimension === 'deployment' ? cause.value : '' },
  );
  return row ? { type: row.type, deployment: row.deployment, timeMs: Number(row.ms) } : null;
}
