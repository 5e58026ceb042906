import type { Sli } from './sli.ts';

/**
 * M4, recovery success rate: of the recoveries that settled, how many completed within 72 hours without a person's help.
 * Unit: recoveries `(source, recovery_id)`, in the minute of settlement: completed in time, else the first failure, else 72 hours after
 * the start; without a start, their end. `assisted` on any event makes one bad. Source: contract, "SLIs".
 *
 * Example: one completed after an hour, one after an hour with help, one failed, one silent for 72 hours. Good 1, total 4, M4 = 25 %.
 */
export const m4: Sli = {
  id: 'M4',
  title: 'Recovery success',
  meaning: 'recoveries completed without help',
  kind: 'ratio',
  needs: ['recovery.completed', 'recovery.failed'],
  counters: [{ id: 'M4', unit: 'recovery', total: '1', good: `result = 'completed' AND NOT assisted` }],
};
