/** The registry of panels: one file each, one line here. */
import { apiLatency } from './api-latency.ts';
import { attemptsByResult } from './attempts-by-result.ts';
import { attemptsInFlight } from './attempts-in-flight.ts';
import { budgetRemaining } from './budget-remaining.ts';
import { burnRate } from './burn-rate.ts';
import { changes } from './changes.ts';
import { factorChanges } from './factor-changes.ts';
import { failedAttempts } from './failed-attempts.ts';
import type { PanelFile } from './panel.ts';
import { providerHealth } from './provider-health.ts';
import { successByProviderRegion } from './success-by-provider-region.ts';
import { successRate } from './success-rate.ts';
import { telemetryFreshness } from './telemetry-freshness.ts';
import { topErrorCodes } from './top-error-codes.ts';

export const PANELS: readonly PanelFile[] = [
  successRate,
  telemetryFreshness,
  attemptsInFlight,
  budgetRemaining,
  burnRate,
  attemptsByResult,
  topErrorCodes,
  changes,
  successByProviderRegion,
  providerHealth,
  apiLatency,
  failedAttempts,
  factorChanges,
];
