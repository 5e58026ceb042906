import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../system/time.ts';
import { type Alert, type AlertContext, type Condition, threshold, userEvents } from './alert.ts';

const thresholds = z.strictObject({
  minutes: threshold.count(15),
  users: threshold.count(10),
  times_usual: threshold.times(5),
  days: threshold.count(7),
});

/**
 * Mass lockout (F2): many different people cannot get in at once: their recovery fails, their factor exists twice, or a challenge is
 * denied within a day after they enrolled. Compared with the same hour of the days before.
 */
export const massLockout = {
  name: ALERTS.massLockout,
  detector: 'mass_lockout',
  kind: 'operational',
  labels: [],
  page: '/overview',
  thresholds,
  meaning: 'Far more people than usual are locked out: recovery fails, factors exist twice, or challenges fail right after enrolling.',
  weight: ({ users }) => Number(users),
  async check({ engine, atMs, thresholdsOf }: AlertContext): Promise<Condition[]> {
    const limits = thresholdsOf(massLockout);
    const session = engine.session('evaluate');
    const DIRECT = `type IN ('recovery.failed', 'factor.duplicate_detected')`;
    const CHALLENGE = `type IN ('challenge.denied', 'stepup.failed')`;
    /** People and moments; of challenges, those within a day after the person enrolled. */
    const lockedOut = (fromMs: number, toMs: number) => `
      SELECT user_ref, time FROM ${userEvents(fromMs, toMs, 'any')} AND user_ref != '' AND ${DIRECT}
      UNION ALL
      SELECT failed.user_ref AS user_ref, failed.time AS time
        FROM (SELECT user_ref, time FROM ${userEvents(fromMs, toMs, 'any')} AND user_ref != '' AND ${CHALLENGE}) AS failed
      INNER JOIN (SELECT user_ref, time FROM ${userEvents(fromMs - DAY_MS, toMs, 'any')} AND type = 'enrollment.completed')
        AS enrolled USING (user_ref)
      WHERE enrolled.time <= failed.time AND enrolled.time > failed.time - INTERVAL 1 DAY`;
    const fromMs = atMs - limits.minutes * MINUTE_MS;
    // A day of enrollments is only looked through when enough people are concerned at all.
    const [most] = await session.rows<{ users: number }>(
      `SELECT toUInt32(uniqExact(user_ref)) AS users FROM ${userEvents(fromMs, atMs, 'any')} AND user_ref != ''
        AND (${DIRECT} OR ${CHALLENGE})`,
    );
    if ((most?.users ?? 0) < limits.users) return [];
    const [now] = await session.rows<{ users: number }>(`SELECT toUInt32(uniqExact(user_ref)) AS users FROM (${lockedOut(fromMs, atMs)})`);
    const users = now?.users ?? 0;
    if (users < limits.users) return [];
    const usual = await usualUsers();
    if (users < limits.times_usual * usual) return [];
    return [
      {
        severity: 'page',
        summary: `${users} people were locked out within ${limits.minutes} min, usually ${Number(usual.toPrecision(2))}`,
        evidence: { users, usual, minutes: limits.minutes, days: limits.days },
      },
    ];

    /** People locked out per window of the same hour, averaged over the days before. */
    async function usualUsers(): Promise<number> {
      let hits = 0;
      for (let day = 1; day <= limits.days; day++) {
        const start = Math.floor(atMs / HOUR_MS) * HOUR_MS - day * DAY_MS;
        const [row] = await session.rows<{ hits: number }>(
          `SELECT toUInt32(uniqExact(user_ref, intDiv(toUnixTimestamp(time), ${limits.minutes * 60}))) AS hits
           FROM (${lockedOut(start, start + HOUR_MS)})`,
        );
        hits += row?.hits ?? 0;
      }
      return hits / (limits.days * (60 / limits.minutes));
    }
  },
} satisfies Alert;
