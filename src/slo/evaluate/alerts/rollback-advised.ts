import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import { HOUR_MS, MINUTE_MS } from '../../../system/time.ts';
import { burnRate, type Counts, hasEvidence } from '../../arithmetic/burn.ts';
import { judgedOf, type Slo } from '../../definition/openslo.ts';
import { type Alert, type AlertContext, type Condition, threshold, userEvents } from './alert.ts';

/** The onset is looked for so far back; what burns longer has been somebody's incident by then. */
const LOOK_BACK_MS = 6 * HOUR_MS;
/** The deploy before is looked for so far back. */
const PREVIOUS_DEPLOY_MS = 30 * 24 * HOUR_MS;
const SHORT_MINUTES = 5;

const thresholds = z.strictObject({ burn: threshold.times(4), minutes_before_onset: threshold.count(60), z: threshold.times(2.33) });

/**
 * Rollback advised: an SLO that pages burns fast since shortly after a deploy, and the new deployment fails significantly more than the
 * one before it. Practice: burn above 4 within an hour calls for considering a rollback.
 */
export const rollbackAdvised = {
  name: ALERTS.rollbackAdvised,
  detector: 'rollback_advised',
  kind: 'operational',
  labels: ['deployment'],
  page: '/overview',
  thresholds,
  meaning: 'Errors burn the budget since shortly after a deploy, and the new deployment fails significantly more than the one before.',
  weight: ({ new_bad }) => Number(new_bad),
  async check(context: AlertContext): Promise<Condition[]> {
    const conditions = new Map<string, Condition>();
    for (const slo of context.slos.filter(({ pairs, sli }) => !sli.slices && pairs.some(({ severity }) => severity === 'page'))) {
      if (!burnsFast(slo, context)) continue;
      const condition = await afterDeploy(slo, context);
      if (condition && !conditions.has(condition.deployment ?? '')) conditions.set(condition.deployment ?? '', condition);
    }
    return [...conditions.values()];
  },
} satisfies Alert;

function burnsFast(slo: Slo, { evaluation, thresholdsOf }: AlertContext): boolean {
  const windows = evaluation.figures.bySlo.get(slo.name)?.windows;
  const [hour, short] = [windows?.get('1h'), windows?.get('5m')];
  const { objective } = judgedOf(slo);
  const limit = thresholdsOf(rollbackAdvised).burn;
  return (
    hour !== undefined &&
    short !== undefined &&
    (burnRate(hour, objective) ?? 0) > limit &&
    (burnRate(short, objective) ?? 0) > limit &&
    hasEvidence(hour, objective)
  );
}

async function afterDeploy(slo: Slo, context: AlertContext): Promise<Condition | undefined> {
  const { engine, atMs, thresholdsOf } = context;
  const limits = thresholdsOf(rollbackAdvised);
  const onsetMs = await onsetOf(slo, context);
  const [deploy] = await engine.session('evaluate').rows<{ deployment: string; ms: string }>(
    `SELECT deployment, toUnixTimestamp64Milli(time) AS ms FROM ${userEvents(onsetMs - limits.minutes_before_onset * MINUTE_MS, onsetMs)}
       AND type = 'deploy.completed' AND deployment != '' ORDER BY time DESC LIMIT 1`,
  );
  if (!deploy) return undefined;
  const { newer, older } = await compare(slo, context, deploy.deployment, Number(deploy.ms));
  const z = differenceZ(newer, older);
  if (z === null || z <= limits.z) return undefined;
  const minutes = Math.round((onsetMs - Number(deploy.ms)) / MINUTE_MS);
  return {
    severity: 'page',
    deployment: deploy.deployment,
    summary: `${slo.title} burns since ${minutes} min after the deploy of ${deploy.deployment}, which fails more than the one before`,
    evidence: {
      slo: slo.name,
      onset: new Date(onsetMs).toISOString(),
      deployed: new Date(Number(deploy.ms)).toISOString(),
      new_bad: newer.total - newer.good,
      new_total: newer.total,
      old_bad: older.total - older.good,
      old_total: older.total,
      z,
      at: new Date(atMs).toISOString(),
    },
  };
}

/** End of the first minute of the unbroken run in which five minutes burned fast. */
async function onsetOf(slo: Slo, { engine, atMs, thresholdsOf }: AlertContext): Promise<number> {
  const fromMs = atMs - LOOK_BACK_MS;
  const rows = await engine.session('evaluate').rows<{ at: number; good: number; total: number }>(
    `SELECT toUnixTimestamp(minute) AS at, toUInt32(good) AS good, toUInt32(total) AS total FROM minutes FINAL
     WHERE sli = {sli: String} AND dimension = ''
       AND minute >= toDateTime(${fromMs / 1_000}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC')`,
    { sli: slo.sli.id },
  );
  const byMinute = new Map(rows.map((row) => [row.at * 1_000, row]));
  const burnAt = (endMs: number): number | null => {
    const counts: Counts = { good: 0, total: 0 };
    for (let back = 1; back <= SHORT_MINUTES; back++) {
      const row = byMinute.get(endMs - back * MINUTE_MS);
      counts.good += row?.good ?? 0;
      counts.total += row?.total ?? 0;
    }
    return burnRate(counts, judgedOf(slo).objective);
  };
  // A window without traffic does not end a run, but none begins with one.
  let onsetMs = atMs;
  for (let endMs = atMs; endMs > fromMs; endMs -= MINUTE_MS) {
    const burn = burnAt(endMs);
    if (burn !== null && burn <= thresholdsOf(rollbackAdvised).burn) break;
    if (burn !== null) onsetMs = endMs;
  }
  return onsetMs;
}

/**
 * Counts of the new deployment since its deploy, and of the one before it in the day before and since, by the SLI's own split. The one
 * before is that of the deploy before; where none is known, all others.
 */
async function compare(
  slo: Slo,
  { engine, atMs }: AlertContext,
  deployment: string,
  deployedMs: number,
): Promise<{ newer: Counts; older: Counts }> {
  const session = engine.session('evaluate');
  const [previous] = await session.rows<{ deployment: string }>(
    `SELECT deployment FROM ${userEvents(deployedMs - PREVIOUS_DEPLOY_MS, deployedMs, 'any')} AND type = 'deploy.completed'
      AND deployment NOT IN ('', {deployment: String})
     ORDER BY time DESC LIMIT 1`,
    { deployment },
  );
  const at = (ms: number) => `toDateTime(${Math.floor(ms / 1_000)}, 'UTC')`;
  const [row] = await session.rows<{ new_good: string; new_total: string; old_good: string; old_total: string }>(
    `SELECT sumIf(good, is_new) AS new_good, sumIf(total, is_new) AS new_total, sumIf(good, is_old) AS old_good,
      sumIf(total, is_old) AS old_total FROM (
       SELECT good, total, value = {deployment: String} AND minute >= ${at(Math.floor(deployedMs / MINUTE_MS) * MINUTE_MS)} AS is_new,
         value != {deployment: String} AND ({previous: String} = '' OR value = {previous: String}) AS is_old
       FROM minutes FINAL
       WHERE sli = {sli: String} AND dimension = 'deployment' AND value != ''
         AND minute >= ${at(deployedMs - 24 * HOUR_MS)} AND minute < ${at(atMs)})`,
    { sli: slo.sli.id, deployment, previous: previous?.deployment ?? '' },
  );
  return {
    newer: { good: Number(row?.new_good ?? 0), total: Number(row?.new_total ?? 0) },
    older: { good: Number(row?.old_good ?? 0), total: Number(row?.old_total ?? 0) },
  };
}

/**
 * How many standard errors the newer error ratio lies above the older (two-proportion z-test, pooled); null where one has no traffic.
 */
export function differenceZ(newer: Counts, older: Counts): number | null {
  if (newer.total === 0 || older.total === 0) return null;
  const bad = ({ good, total }: Counts) => total - good;
  const pooled = (bad(newer) + bad(older)) / (newer.total + older.total);
  const error = Math.sqrt(pooled * (1 - pooled) * (1 / newer.total + 1 / older.total));
  const difference = bad(newer) / newer.total - bad(older) / older.total;
  return error === 0 ? 0 : difference / error;
}
