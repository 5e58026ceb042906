/** Opens what watches series and keeps incidents, for the process that serves. */

import type { Config } from '../config.ts';
import { createIncidentWatch } from '../detect/incidents/incident-watch.ts';
import { createAnomalyWatch } from '../detect/series/anomaly-watch.ts';
import type { Metrics } from '../serve/metrics/metrics.ts';
import type { Told } from '../slo/evaluate/notifications.ts';
import type { Services } from './services.ts';

/** Both watches of a store; neither is started. */
export function openDetection(
  { store, slos, now }: Pick<Services, 'store' | 'slos' | 'now'>,
  { dataDir, timeZone }: Pick<Config, 'dataDir' | 'timeZone'>,
  { countFlags }: Pick<Metrics, 'countFlags'>,
  told: () => readonly Told[],
  onProblem: (message: string) => void,
) {
  const { engine } = store;
  const anomalies = createAnomalyWatch({
    engine,
    dataDir,
    timeZone,
    now,
    lagSeconds: store.loader.figuresLagSeconds,
    onFlagged: countFlags,
    onProblem: (message) => onProblem(`anomaly flags: ${message}`),
  });
  const incidents = createIncidentWatch({
    engine,
    slos,
    now,
    told,
    judgedToMs: anomalies.judgedToMs,
    onProblem: (message) => onProblem(`incidents: ${message}`),
  });
  return { anomalies, incidents };
}
