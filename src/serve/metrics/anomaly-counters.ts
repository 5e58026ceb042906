/** What the series detectors flag, and how many series they watch. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { DETECTORS, QUESTIONS } from '../../detect/series/index.ts';
import type { Flag } from '../../detect/series/watched-series.ts';
import { METRICS } from '../../names.ts';

/** Registers both. @param watched 0 while history is too short to learn from */
export function anomalyCounters(registers: Registry[], watched: () => number) {
  const flags = new Counter({
    name: METRICS.anomalyFlags,
    help: 'Minutes of series that were flagged as they came, by metric and detector.',
    labelNames: ['metric', 'detector'],
    registers,
  });
  for (const { names, metrics } of [...DETECTORS, ...QUESTIONS.map(({ name, metrics: of }) => ({ names: [name], metrics: of }))])
    for (const detector of names) for (const metric of metrics) flags.inc({ metric, detector }, 0);
  new Gauge({
    name: METRICS.seriesWatched,
    help: 'Series that are watched by what was learned of them; 0 while history is too short.',
    registers,
    collect() {
      this.set(watched());
    },
  });
  return {
    countFlags(flagged: readonly Flag[]): void {
      for (const { metric, detector } of flagged) flags.inc({ metric, detector });
    },
  };
}
