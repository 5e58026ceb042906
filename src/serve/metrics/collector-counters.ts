/** What the collector did: events by what became of them, secrets left out, how long requests took and how far the loader is behind. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Find } from '../../collect/intake/scrub.ts';
import { METRICS } from '../../names.ts';
import { SENSITIVE_KINDS } from '../../privacy/detector.ts';

const LATENCY_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Registers what is counted as requests come in. */
export function collectorCounters(registers: Registry[]) {
  const events = new Counter({
    name: METRICS.collectorEvents,
    help: 'Events by source and what became of them.',
    labelNames: ['source', 'result'],
    registers,
  });
  const redactions = new Counter({
    name: METRICS.collectorRedactions,
    help: 'Secrets and personal data that stood in free text and were left out, by kind.',
    labelNames: ['kind'],
    registers,
  });
  for (const kind of Object.keys(SENSITIVE_KINDS)) redactions.inc({ kind }, 0);
  const intake = new Histogram({
    name: METRICS.collectorRequestDuration,
    help: 'Time from an intake request to its answer.',
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const requests = new Histogram({
    name: METRICS.apiRequestDuration,
    help: 'Time to serve requests of the enrollment API.',
    labelNames: ['operation'],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  return {
    countEvents: (source: string, result: 'accepted' | 'duplicate' | 'rejected', count: number): void =>
      events.inc({ source, result }, count),
    /** Counts what was left out of free text, by kind. */
    countRedactions(finds: readonly Find[]): void {
      for (const { kind } of finds) redactions.inc({ kind });
    },
    observeIntake: (seconds: number): void => intake.observe(seconds),
    observeRequest: (operation: string, seconds: number): void => requests.observe({ operation }, seconds),
  };
}

/** Registers what the loader says when somebody scrapes. @param lateEvents of closed minutes since the process started */
export function showLoader(registers: Registry[], lagSeconds: () => number, lateEvents: () => number): void {
  new Gauge({
    name: METRICS.collectorLag,
    help: 'How far the loader is behind the log.',
    registers,
    collect() {
      this.set(lagSeconds());
    },
  });
  let counted = 0;
  new Counter({
    name: METRICS.lateEvents,
    help: 'Events that came for minutes of which events were dropped: stored, and counted in no figure.',
    registers,
    collect() {
      const late = lateEvents();
      this.inc(Math.max(0, late - counted));
      counted = late;
    },
  });
}
