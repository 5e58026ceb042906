/** Where what failed in an incident came from: its failures beyond the usual, by place and by how they fail. */
import type { Slo } from '../../slo/definition/openslo.ts';
import { type Explanation, explain, timesToExplain } from '../../slo/inquiry/explain.ts';
import { SLIS } from '../../slo/slis/index.ts';
import type { Sli } from '../../slo/slis/sli.ts';
import type { Engine, Role } from '../../store/engine/engine.ts';
import { METRICS } from '../series/metrics.ts';
import type { Incident } from './incident.ts';

export interface Explained {
  sli: Sli;
  /** As `explain` ranks them. */
  explanations: Explanation[];
}

/** Which SLI explains a metric; the first of an incident's does. */
const SLI_OF_METRIC = METRICS.flatMap(({ name, earlySignOf: [sli] }) => (sli === undefined ? [] : [[name, sli] as const]));

/**
 * Explains the time of an incident by the SLI that its signs speak of; undefined where they speak of none that counts failures.
 * @param toMs until when
 * @param nowMs the moment of asking
 * @param role whose connection is used
 */
export async function explained(
  engine: Engine,
  slos: readonly Slo[],
  incident: Pick<Incident, 'startMs' | 'signals'>,
  { toMs, nowMs, role }: { toMs: number; nowMs: number; role: Role },
): Promise<Explained | undefined> {
  const sli = sliOf(slos, incident);
  if (sli?.kind !== 'ratio') return undefined;
  const times = timesToExplain({ onsetMs: incident.startMs, calmMs: toMs }, nowMs);
  return { sli, explanations: await explain(engine, sli, times, role) };
}

function sliOf(slos: readonly Slo[], { signals }: Pick<Incident, 'signals'>): Sli | undefined {
  const flagged = SLI_OF_METRIC.find(([metric]) => signals.some(({ source, of }) => source === 'flag' && of === metric))?.[1];
  const ofFlag = slos.find(({ sli }) => sli.id === flagged)?.sli ?? SLIS.find(({ id }) => id === flagged);
  const burning = slos.find(
    ({ name, sli }) => sli.kind === 'ratio' && signals.some((each) => each.source === 'alert' && each.name === name),
  );
  return ofFlag ?? burning?.sli;
}

/** Of fewer attempts, none that stands out says nothing. */
const LEAST_ATTEMPTS = 30;

/**
 * Whether the deploy before an incident is not why: enough attempts were of it meanwhile, and it does not stand out among what failed. Of a
 * rollback, of a deployment that attempts do not name, and of few attempts this cannot be said.
 */
export async function isRuledOut(
  engine: Engine,
  { change, startMs }: Pick<Incident, 'change' | 'startMs'>,
  { sli, explanations }: Explained,
  { toMs, role }: { toMs: number; role: Role },
): Promise<boolean> {
  const isOfAttempts = sli.counters.some(({ id, unit }) => id === sli.id && unit === 'attempt');
  if (!isOfAttempts || change === null || change.deployment === '' || change.type === 'deploy.rolled_back') return false;
  const isOfIt = ({ dimension, values }: Explanation) =>
    dimension.split(',').some((name, i) => name === 'deployment' && values[i] === change.deployment);
  if (explanations.some((each) => each.isSignificant && isOfIt(each))) return false;
  const [row] = await engine.session(role).rows<{ n: number }>(
    `SELECT toUInt32(count()) AS n FROM attempts
     WHERE traffic = 'user' AND observed = 'full' AND result != 'pending' AND deployment = {deployment: String}
       AND settled_at >= fromUnixTimestamp64Milli(${startMs}, 'UTC') AND settled_at < fromUnixTimestamp64Milli(${toMs}, 'UTC')`,
    { deployment: change.deployment },
  );
  return (row?.n ?? 0) >= LEAST_ATTEMPTS;
}
