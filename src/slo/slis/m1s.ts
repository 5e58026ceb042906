import type { Sli } from './sli.ts';

/**
 * M1S, system success: M1 without the attempts that the user gave up or policy refused, which is what on-call can answer for.
 * Unit: attempts with an observed start whose fault is neither `user` nor `policy`, in the minute of their settlement.
 * Source: contract, "SLIs" and, for faults, "Attempts".
 *
 * Example: ten attempts settle: seven completed, one the user cancelled, one policy refused, one the provider lost. Good 7, total 8,
 * M1S = 87.5 %, where M1 is 70 %.
 */
export const m1s: Sli = {
  id: 'M1S',
  title: 'System success',
  meaning: 'completed, user and policy aside',
  kind: 'ratio',
  needs: ['enrollment.started', 'enrollment.completed'],
  failsWithProvider: true,
  counters: [
    {
      id: 'M1S',
      unit: 'attempt',
      total: `observed = 'full' AND fault NOT IN ('user', 'policy')`,
      good: `result = 'completed'`,
    },
  ],
};
