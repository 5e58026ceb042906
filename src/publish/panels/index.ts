/** The registry of panels: one file each, one line here. */
import { apiLatency } from './api-latency.ts';
import { attemptsByResult } from './attempts-by-result.ts';
import { attemptsInFlight } from './attempts-in-flight.ts';
import { blockedAttempts } from './blocked-attempts.ts';
import { budgetRemaining } from './budget-remaining.ts';
import { burnRate } from './burn-rate.ts';
import { changes } from './changes.ts';
import { costPerSuccess } from './cost-per-success.ts';
import { factorChanges } from './factor-changes.ts';
import { failedAttempts } from './failed-attempts.ts';
import { fallbackShare } from './fallback-share.ts';
import { funnel } from './funnel.ts';
import { incidents } from './incidents.ts';
import { latencyByRegion } from './latency-by-region.ts';
import type { PanelFile } from './panel.ts';
import { peopleBySegment } from './people-by-segment.ts';
import { privilegedEnrollments } from './privileged-enrollments.ts';
import { providerHealth } from './provider-health.ts';
import { providerLatency } from './provider-latency.ts';
import { successByDay } from './success-by-day.ts';
import { successByProviderRegion } from './success-by-provider-region.ts';
import { successRate } from './success-rate.ts';
import { telemetryFreshness } from './telemetry-freshness.ts';
import { ticketsPerThousand } from './tickets-per-thousand.ts';
import { topErrorCodes } from './top-error-codes.ts';
import { waitingAttempts } from './waiting-attempts.ts';

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
  successByDay,
  peopleBySegment,
  ticketsPerThousand,
  incidents,
  costPerSuccess,
  funnel,
  latencyByRegion,
  waitingAttempts,
  blockedAttempts,
  privilegedEnrollments,
  providerLatency,
  fallbackShare,
];
