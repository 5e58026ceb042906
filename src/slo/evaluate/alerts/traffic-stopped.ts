import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import { STARTS } from '../../slis/m3.ts';
import { type Alert, type AlertContext, type Condition, threshold } from './alert.ts';
import { telemetryStale } from './telemetry-stale.ts';

const WEEK_SECONDS = 7 * 86_400;

const thresholds = z.strictObject({ minutes: threshold.count(30), expected_starts: threshold.count(20), weeks: threshold.count(4) });

/**
 * Traffic stopped: nobody starts an enrollment where, by the same time of past weeks, many should. Not "all is well": the door may be
 * shut, or the producer silent.
 */
export const trafficStopped = {
  name: ALERTS.trafficStopped,
  detector: 'traffic_stopped',
  kind: 'operational',
  labels: [],
  page: '/overview',
  thresholds,
  meaning: 'No enrollment was started for half an hour in which, by past weeks, many would have been.',
  weight: ({ minutes }) => Number(minutes),
  async check({ engine, atMs, thresholdsOf, evaluation }: AlertContext): Promise<Condition[]> {
    const { minutes, expected_starts, weeks } = thresholdsOf(trafficStopped);
    const at = atMs / 1_000;
    const length = minutes * 60;
    const slots = Array.from({ length: weeks + 1 }, (_, week) => at - week * WEEK_SECONDS);
    const within = (end: number) => `minute >= toDateTime(${end - length}, 'UTC') AND minute < toDateTime(${end}, 'UTC')`;
    const startsOfWeeks = slots.map((end, i) => `toUInt32(sumIf(total, ${within(end)})) AS week_${i}`).join(', ');
    const [row] = await engine.session('evaluate').rows<Record<string, number>>(
      `SELECT ${startsOfWeeks}
       FROM minutes FINAL WHERE sli = '${STARTS.id}' AND dimension = ''
         AND minute >= toDateTime(${at - weeks * WEEK_SECONDS - length}, 'UTC') AND minute < toDateTime(${at}, 'UTC')`,
    );
    const seen = slots.map((_, i) => row?.[`week_${i}`] ?? 0);
    // Weeks before there was any traffic say nothing about what is usual.
    const past = seen.slice(1);
    const known = past.slice(0, past.findLastIndex((starts) => starts > 0) + 1);
    const expected = known.length === 0 ? 0 : known.reduce((sum, starts) => sum + starts, 0) / known.length;
    const isCovered = (evaluation.figures.coverage.get('30m') ?? 1) >= thresholdsOf(telemetryStale).coverage;
    if (seen[0] !== 0 || expected < expected_starts || !isCovered) return [];
    return [
      {
        severity: 'page',
        summary: `Nobody started an enrollment for ${minutes} min; ${Math.round(expected)} would be usual`,
        evidence: { starts: 0, expected, minutes, weeks: known.length },
      },
    ];
  },
} satisfies Alert;
