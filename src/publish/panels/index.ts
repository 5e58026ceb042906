/** The registry of panels, by the dashboards that show them: whose question each answers, the general before the special. */
import { anomalyFlags } from './anomaly-flags.ts';
import { apiLatency } from './api-latency.ts';
import { attemptsByResult } from './attempts-by-result.ts';
import { attemptsInFlight } from './attempts-in-flight.ts';
import { attestation } from './attestation.ts';
import { auditStream } from './audit-stream.ts';
import { blockedAttempts } from './blocked-attempts.ts';
import { budgetRemaining } from './budget-remaining.ts';
import { burnRate } from './burn-rate.ts';
import { changes } from './changes.ts';
import { COLLECTOR_METRICS } from './collector-metrics.ts';
import { costPerSuccess } from './cost-per-success.ts';
import { duplicates } from './duplicates.ts';
import { factorChanges } from './factor-changes.ts';
import { failedAttempts } from './failed-attempts.ts';
import { fallbackShare } from './fallback-share.ts';
import { flagsByDetector } from './flags-by-detector.ts';
import { funnel } from './funnel.ts';
import { incidents } from './incidents.ts';
import { latencyByRegion } from './latency-by-region.ts';
import { type DashboardSpec, ON_CALL_UID, type PanelFile } from './panel.ts';
import { peopleBySegment } from './people-by-segment.ts';
import { privilegedEnrollments } from './privileged-enrollments.ts';
import { providerHealth } from './provider-health.ts';
import { providerLatency } from './provider-latency.ts';
import { securityFindings } from './security-findings.ts';
import { successByDay } from './success-by-day.ts';
import { successByProviderRegion } from './success-by-provider-region.ts';
import { successRate } from './success-rate.ts';
import { telemetryFreshness } from './telemetry-freshness.ts';
import { ticketsPerThousand } from './tickets-per-thousand.ts';
import { topErrorCodes } from './top-error-codes.ts';
import { waitingAttempts } from './waiting-attempts.ts';

export const DASHBOARDS: readonly DashboardSpec[] = [
  {
    uid: 'muster-executive',
    title: 'MFA enrollment: executive',
    question: 'Do people get through, is it getting better, what does it cost, and what went badly?',
    from: 'now-30d',
    refresh: '15m',
    timezone: 'utc',
    panels: [
      successRate,
      telemetryFreshness,
      budgetRemaining,
      successByDay,
      peopleBySegment,
      ticketsPerThousand,
      incidents,
      costPerSuccess,
    ],
  },
  {
    uid: ON_CALL_UID,
    title: 'MFA enrollment: on call',
    question: 'Is enrollment failing, since when, where, why, and what changed?',
    from: 'now-6h',
    refresh: '1m',
    timezone: 'browser',
    panels: [
      successRate,
      telemetryFreshness,
      attemptsInFlight,
      budgetRemaining,
      burnRate,
      attemptsByResult,
      topErrorCodes,
      anomalyFlags,
      flagsByDetector,
      changes,
      successByProviderRegion,
      providerHealth,
      failedAttempts,
    ],
  },
  {
    uid: 'muster-debug',
    title: 'MFA enrollment: debug',
    question: 'Which step, region, operation or single attempt is it?',
    from: 'now-6h',
    refresh: '1m',
    timezone: 'browser',
    panels: [
      telemetryFreshness,
      attemptsInFlight,
      funnel,
      latencyByRegion,
      apiLatency,
      topErrorCodes,
      duplicates,
      failedAttempts,
      waitingAttempts,
      auditStream,
    ],
    metrics: COLLECTOR_METRICS,
  },
  {
    uid: 'muster-secops',
    title: 'MFA enrollment: SecOps',
    question: 'Is somebody enrolling or removing factors on accounts that are not theirs?',
    from: 'now-7d',
    refresh: '5m',
    timezone: 'utc',
    panels: [telemetryFreshness, securityFindings, blockedAttempts, factorChanges, privilegedEnrollments, attestation, incidents],
  },
  {
    uid: 'muster-provider-and-cost',
    title: 'MFA enrollment: providers and cost',
    question: 'Which provider delivers, how fast, at what cost, and how often must another take over?',
    from: 'now-7d',
    refresh: '5m',
    timezone: 'browser',
    panels: [telemetryFreshness, attemptsInFlight, providerHealth, successByProviderRegion, providerLatency, fallbackShare, costPerSuccess],
  },
];

/** Every panel once. */
export const PANELS: readonly PanelFile[] = [...new Set(DASHBOARDS.flatMap(({ panels }) => panels))];
