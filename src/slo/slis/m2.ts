import type { Sli } from './sli.ts';

/**
 * M2, time to enroll: of the completed attempts, how many took at most 60 s from start to completion.
 * Unit: attempts that completed by the deadline and have an observed start, in the minute of completion. A completion before its
 * start (skewed clocks) is left out and counted in `M2:negative`. Source: contract, "SLIs".
 *
 * Example: completions after 20 s, 60 s, 61 s and −2 s. Good 2, total 3, M2 = 66.7 %; one negative.
 */
export const m2: Sli = {
  id: 'M2',
  title: 'Time to enroll',
  meaning: 'completed in 60 s or less',
  kind: 'ratio',
  failsWithProvider: true,
  hasDurations: true,
  counters: [
    {
      id: 'M2',
      unit: 'attempt',
      total: `result = 'completed' AND observed = 'full' AND duration_ms >= 0`,
      good: 'duration_ms <= 60000',
    },
    { id: 'M2:negative', unit: 'attempt', total: `result = 'completed' AND observed = 'full' AND duration_ms < 0`, good: '0' },
  ],
  companions: {
    negative: ({ total }) => (total > 0 ? `${total} completed before their start and are left out` : undefined),
  },
};
