/** Metrics of the reference core: its providers, and its canary. */
import { Gauge, type Registry } from 'prom-client';
import type { CanaryResult } from '../../core/canary.ts';
import type { Health } from '../../core/providers/delivery.ts';
import { METRICS } from '../../names.ts';

export interface CoreSource {
  health: () => Health[];
  /** Of the last round; empty before the first. */
  canary: () => readonly CanaryResult[];
}

/** Registers what a core shows; before it is open there is nothing to show. */
export function showCore(registers: Registry[], source: () => CoreSource | undefined): void {
  new Gauge({
    name: METRICS.providerHealthy,
    help: '1 while the circuit of a provider of messages is closed.',
    labelNames: ['provider', 'region'],
    registers,
    collect() {
      this.reset();
      for (const { provider, region, isHealthy } of source()?.health() ?? []) this.set({ provider, region }, Number(isHealthy));
    },
  });
  new Gauge({
    name: METRICS.canarySuccess,
    help: '1 when the last synthetic enrollment of a factor succeeded.',
    labelNames: ['factor_type'],
    registers,
    collect() {
      this.reset();
      for (const { factor, isGood } of source()?.canary() ?? []) this.set({ factor_type: factor }, Number(isGood));
    },
  });
}
