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
 * @param of until when, at which moment of asking, and whose connection is used
 */
export async function explained(
  engine: Engine,
  slos: readonly Slo[],
  incident: Pick<Incident, 'startMs' | 'signals'>,
  of: { toMs: number; nowMs: number; role: Role },
): Promise<Explained | undefined> {
  const sli = sliOf(slos, incident);
  if (sli?.kind !== 'ratio') return undefined;
  const times = timesToExplain({ onsetMs: incident.startMs, calmMs: of.toMs }, of.nowMs);
  return { sli, explanations: await explain(engine, sli, times, of.role) };
}

function sliOf(slos: readonly Slo[], { signals }: Pick<Incident, 'signals'>): Sli | undefined {
  const flagged = SLI_OF_METRIC.find(([metric]) => signals.some(({ source, of }) => source === 'flag' && of === metric))?.[1];
  const ofFlag = slos.find(({ sli }) => sli.id === flagged)?.sli ?? SLIS.find(({ id }) => id === flagged);
  const burning = slos.find(
    ({ name, sli }) => sli.kind === 'ratio' && signals.some((each) => each.source === 'alert' && each.name === name),
  );
  return ofFlag ?? burning?.sli;
}
