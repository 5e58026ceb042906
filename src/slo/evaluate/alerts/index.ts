/** The registry of alerts beside the burn rates: one file each, one line here. */
import type { Alert } from './alert.ts';
import { anomaly } from './anomaly.ts';
import { massLockout } from './mass-lockout.ts';
import { providerOutage } from './provider-outage.ts';
import { rollbackAdvised } from './rollback-advised.ts';
import { telemetryStale } from './telemetry-stale.ts';
import { trafficStopped } from './traffic-stopped.ts';

export const BESIDE_ALERTS: readonly Alert[] = [providerOutage, massLockout, trafficStopped, rollbackAdvised, telemetryStale, anomaly];
