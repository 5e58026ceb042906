import type { Sli } from './sli.ts';

/**
 * M9, unauthorised attempts: how many requests were blocked, and how many attempts denied at a risk of 0.8 or more.
 * Unit: `access.blocked` events in their minute, and settled attempts with such a denial in the minute of settlement. Reported per day
 * with its trend; there is no objective. Open security findings that began in the period are added when the status is asked. Source: contract, "SLIs".
 *
 * Example: three requests blocked on one day, two denials of one attempt at risk 0.9, one at 0.5. M9 = 4 that day.
 */
export const m9: Sli = {
  id: 'M9',
  title: 'Unauthorised attempts',
  meaning: 'blocked requests and risky denials',
  kind: 'count',
  needs: ['access.blocked'],
  hasFindings: true,
  counters: [
    { id: 'M9', unit: 'event', types: ['access.blocked'], total: '1', good: '0' },
    { id: 'M9', unit: 'attempt', total: 'denied_at_risk', good: '0' },
  ],
};
