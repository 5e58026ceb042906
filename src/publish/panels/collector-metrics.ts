/** The collector's own figures, from Prometheus: they must be seen when ClickHouse has nothing to say. */
import { METRICS } from '../../names.ts';
import type { MetricPanel } from './panel.ts';

const of = (metric: string) => `${metric}{job=~"$job",instance=~"$instance"}`;

export const COLLECTOR_METRICS: readonly MetricPanel[] = [
  {
    id: 29,
    name: 'collected-events',
    title: 'Events collected',
    description:
      'Does telemetry arrive? Events per second by what became of them. Rejected ones are a producer that sends what the catalogue does not know: the dead letters say which. None at all is the way to Muster, not health.',
    kind: 'timeseries',
    unit: 'ops',
    min: 0,
    span: 8,
    height: 8,
    promql: `sum by (result) (rate(${of(METRICS.collectorEvents)}[$__rate_interval]))`,
    legend: '{{result}}',
  },
  {
    id: 30,
    name: 'collector-lag',
    title: 'Collector lag',
    description:
      'Can the figures be believed now? How far the loader is behind what was acknowledged. Above a minute alerts freeze: give the machine room, or look for a heavy query.',
    kind: 'timeseries',
    unit: 's',
    min: 0,
    thresholds: [
      { from: null, level: 'ok' },
      { from: 60, level: 'bad' },
    ],
    span: 8,
    height: 8,
    promql: `max by (instance) (${of(METRICS.collectorLag)})`,
    legend: '{{instance}}',
  },
  {
    id: 31,
    name: 'intake-latency',
    title: 'Intake latency, 95 %',
    description:
      'Do producers wait? Time in which 95 % of intake requests were answered, which is after their events are on disk. When it grows, the disk is slow or full: see /readyz.',
    kind: 'timeseries',
    unit: 's',
    min: 0,
    span: 8,
    height: 8,
    promql: `histogram_quantile(0.95, sum by (le) (rate(${of(`${METRICS.collectorRequestDuration}_bucket`)}[$__rate_interval])))`,
    legend: '95 %',
  },
];
