/** The registry of dashboards: whose question each answers, and with which panels, the general before the special. */
import { apiLatency } from '../panels/api-latency.ts';
import { attemptsByResult } from '../panels/attempts-by-result.ts';
import { attemptsInFlight } from '../panels/attempts-in-flight.ts';
import { blockedAttempts } from '../panels/blocked-attempts.ts';
import { budgetRemaining } from '../panels/budget-remaining.ts';
import { burnRate } from '../panels/burn-rate.ts';
import { changes } from '../panels/changes.ts';
import { costPerSuccess } from '../panels/cost-per-success.ts';
import { factorChanges } from '../panels/factor-changes.ts';
import { failedAttempts } from '../panels/failed-attempts.ts';
import { fallbackShare } from '../panels/fallback-share.ts';
import { funnel } from '../panels/funnel.ts';
import { incidents } from '../panels/incidents.ts';
import { latencyByRegion } from '../panels/latency-by-region.ts';
import { peopleBySegment } from '../panels/people-by-segment.ts';
import { privilegedEnrollments } from '../panels/privileged-enrollments.ts';
import { providerHealth } from '../panels/provider-health.ts';
import { providerLatency } from '../panels/provider-latency.ts';
import { successByDay } from '../panels/success-by-day.ts';
import { successByProviderRegion } from '../panels/success-by-provider-region.ts';
import { successRate } from '../panels/success-rate.ts';
import { telemetryFreshness } from '../panels/telemetry-freshness.ts';
import { ticketsPerThousand } from '../panels/tickets-per-thousand.ts';
import { topErrorCodes } from '../panels/top-error-codes.ts';
import { waitingAttempts } from '../panels/waiting-attempts.ts';
import type { DashboardSpec } from './dashboard.ts';
import { DASHBOARD_UID } from './provisioning.ts';

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
    uid: DASHBOARD_UID,
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
    panels: [telemetryFreshness, attemptsInFlight, funnel, latencyByRegion, apiLatency, topErrorCodes, failedAttempts, waitingAttempts],
  },
  {
    uid: 'muster-secops',
    title: 'MFA enrollment: SecOps',
    question: 'Is somebody enrolling or removing factors on accounts that are not theirs?',
    from: 'now-7d',
    refresh: '5m',
    timezone: 'utc',
    panels: [telemetryFreshness, blockedAttempts, factorChanges, privilegedEnrollments, incidents],
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
