/** What is open: the alerts beside the burn rates, and the findings of every detector. */
import { Gauge, type Registry } from 'prom-client';
import { SECRET_EXPOSURE } from '../../collect/intake/exposures.ts';
import { METRICS } from '../../names.ts';
import { PLACE_LABELS } from '../../slo/evaluate/alerts/alert.ts';
import { BESIDE_ALERTS } from '../../slo/evaluate/alerts/index.ts';
import type { ActiveAlert } from '../../slo/evaluate/companion-watch.ts';
import { LOG_DAMAGE } from '../../store/upkeep/damage.ts';
import { boundedLabel } from './bounded-label.ts';

export interface OpenFindings {
  detector: string;
  severity: string;
  count: number;
}

/** Shown at 0 while nothing of theirs is open. */
const DETECTORS = [...BESIDE_ALERTS.map(({ detector }) => detector), SECRET_EXPOSURE, LOG_DAMAGE];

/** Registers the count of open findings. @param count of the table; undefined while the store is opening */
export function showFindings(registers: Registry[], count: () => Promise<readonly OpenFindings[] | undefined>): void {
  const bounded = boundedLabel();
  new Gauge({
    name: METRICS.findingsOpen,
    help: 'Open findings.',
    labelNames: ['detector', 'severity'],
    registers,
    async collect() {
      // What cannot be counted now stays what it was.
      const counted = await count().catch(() => undefined);
      if (!counted) return;
      this.reset();
      for (const detector of DETECTORS) for (const severity of ['page', 'ticket']) this.set({ detector, severity }, 0);
      for (const { detector, severity, count: open } of counted) this.set({ detector: bounded(detector), severity }, open);
    },
  });
}

/** Registers the count of incidents that are not over. @param count of the table; undefined while the store is opening */
export function showIncidents(
  registers: Registry[],
  count: () => Promise<readonly { severity: string; count: number }[] | undefined>,
): void {
  new Gauge({
    name: METRICS.incidentsOpen,
    help: 'Incidents that are not over.',
    labelNames: ['severity'],
    registers,
    async collect() {
      const counted = await count().catch(() => undefined);
      if (!counted) return;
      for (const severity of ['page', 'ticket']) this.set({ severity }, counted.find((each) => each.severity === severity)?.count ?? 0);
    },
  });
}

/** Registers the alerts beside the burn rates. Returns what shows those that fire. */
export function activeAlerts(registers: Registry[]): (alerts: readonly ActiveAlert[]) => void {
  const gauge = new Gauge({
    name: METRICS.alertActive,
    help: '1 while an alert beside the burn rates fires.',
    labelNames: ['alert', 'severity', 'service', ...PLACE_LABELS],
    registers,
  });
  return (alerts) => {
    gauge.reset();
    const bounded = PLACE_LABELS.map((label) => [label, boundedLabel()] as const);
    for (const { alert, severity, service, ...place } of alerts) {
      const labels = Object.fromEntries(bounded.map(([label, within]) => [label, within(place[label])]));
      gauge.set({ alert, severity, service, ...labels }, 1);
    }
  };
}
