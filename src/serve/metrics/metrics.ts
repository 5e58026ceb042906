/** `/metrics`: the evaluator's counts, the collector's, and the process's own. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { anomalyCounters } from './anomaly-counters.ts';
import { collectorCounters, showLoader } from './collector-counters.ts';
import { type CoreSource, showCore } from './core-gauges.ts';
import { activeAlerts, type OpenFindings, showFindings, showIncidents } from './finding-gauges.ts';
import { type SizeSources, showSizes } from './size-gauges.ts';
import { showSlos } from './slo-gauges.ts';

/** Gauges of the default set whose names break the naming rules of Prometheus; `promtool check metrics` refuses them. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export interface MetricsDeps {
  lagSeconds: () => number;
  /** Open findings, counted in the table; undefined while the store is opening. */
  openFindings: () => Promise<readonly OpenFindings[] | undefined>;
  /** Incidents that are not over, likewise. @default none */
  openIncidents?: () => Promise<readonly { severity: string; count: number }[] | undefined>;
  /** Events of closed minutes since the process started. @default none */
  lateEvents?: () => number;
  sizes?: SizeSources;
  core?: () => CoreSource | undefined;
  /** Series that are watched. @default none */
  watchedSeries?: () => number;
}

export type Metrics = ReturnType<typeof createMetrics>;

/** A registry of its own, so that tests and processes do not share one. */
export function createMetrics({
  lagSeconds,
  openFindings,
  openIncidents = async () => [],
  lateEvents = () => 0,
  sizes,
  core,
  watchedSeries = () => 0,
}: MetricsDeps) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const registers = [registry];
  showFindings(registers, openFindings);
  showIncidents(registers, openIncidents);
  showLoader(registers, lagSeconds, lateEvents);
  if (sizes) showSizes(registers, sizes);
  if (core) showCore(registers, core);
  return {
    registry,
    ...showSlos(registers),
    showAlerts: activeAlerts(registers),
    ...collectorCounters(registers),
    ...anomalyCounters(registers, watchedSeries),
  };
}
