import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import { type Alert, type AlertContext, type Condition, threshold } from './alert.ts';

const WINDOW_MINUTES = 5;

const thresholds = z.strictObject({ minutes: threshold.count(10), coverage: threshold.share(0.9) });

/**
 * Telemetry stale: for ten minutes the collector has been seeing too little of the last five. While it does, burn-rate alerts are frozen,
 * so this one must page for itself.
 */
export const telemetryStale = {
  name: ALERTS.telemetryStale,
  detector: 'telemetry_stale',
  kind: 'operational',
  labels: [],
  page: '/overview',
  thresholds,
  meaning: 'The collector was down or behind for too long: burn-rate alerts are frozen and figures cannot be believed.',
  weight: ({ worst_lag_seconds }) => Number(worst_lag_seconds),
  async check({ engine, atMs, thresholdsOf }: AlertContext): Promise<Condition[]> {
    const { minutes, coverage } = thresholdsOf(telemetryStale);
    const length = minutes + WINDOW_MINUTES - 1;
    const from = atMs / 1_000 - length * 60;
    const rows = await engine.session('evaluate').rows<{ n: number; lag: number }>(
      `SELECT toUInt32(intDiv(toUnixTimestamp(minute) - ${from}, 60)) AS n, lag_seconds AS lag FROM coverage FINAL
       WHERE covered = 0 AND minute >= toDateTime(${from}, 'UTC') AND minute < toDateTime(${atMs / 1_000}, 'UTC')`,
    );
    const missing = new Set(rows.map(({ n }) => n));
    const isLowAt = (end: number) => {
      let covered = 0;
      for (let n = end - WINDOW_MINUTES; n < end; n++) covered += missing.has(n) ? 0 : 1;
      return covered / WINDOW_MINUTES < coverage;
    };
    for (let end = WINDOW_MINUTES; end <= length; end++) if (!isLowAt(end)) return [];
    return [
      {
        severity: 'page',
        summary: `The collector was down or behind: ${missing.size} of the last ${length} min are missing`,
        evidence: { missing_minutes: missing.size, minutes: length, worst_lag_seconds: Math.max(...rows.map(({ lag }) => lag)) },
      },
    ];
  },
} satisfies Alert;
