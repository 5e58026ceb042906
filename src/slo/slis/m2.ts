import { limitWords, type Sli } from './sli.ts';

const LIMIT_MS = 60_000;
const good = (ms: number) => `duration_ms <= ${ms}`;
const meaning = (ms: number) => `completed in ${limitWords(ms)} or less`;

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
  meaning: meaning(LIMIT_MS),
  kind: 'ratio',
  needs: ['enrollment.started', 'enrollment.completed'],
  failsWithProvider: true,
  hasDurations: true,
  threshold: { ms: LIMIT_MS, good, meaning },
  counters: [
    {
      id: 'M2',
      unit: 'attempt',
      total: `result = 'completed' AND observed = 'full' AND duration_ms >= 0`,
      good: good(LIMIT_MS),
    },
    { id: 'M2:negative', unit: 'attempt', total: `result = 'completed' AND observed = 'full' AND duration_ms < 0`, good: '0' },
  ],
  companions: {
    negative: ({ total }) => (total > 0 ? `${total} completed before their start and are left out` : undefined),
  },
};
