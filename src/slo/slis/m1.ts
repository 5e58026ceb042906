import type { Counter } from '../../store/rows/sli-counter.ts';
import type { Sli } from './sli.ts';

const percent = ({ good, total }: { good: number; total: number }) => `${(Math.floor((good / total) * 1e5) / 1e3).toFixed(2)} %`;

const counter: Counter = { id: 'M1', unit: 'attempt', total: `observed = 'full'`, good: `result = 'completed'` };

/**
 * M1, enrollment success rate: of the attempts that settled, how many completed in time, whatever the reason.
 * Unit: attempts with an observed start, in the minute of their settlement. Source: contract, "SLIs".
 * `M1:all` counts bots, synthetic and internal traffic too, to be shown beside.
 *
 * Example: five attempts settle in an hour, one completed after 20 s, one at the deadline exactly, one failed, one was silent
 * for ten minutes, one completed a minute late. Good 2, total 5, M1 = 40 %.
 */
export const m1: Sli = {
  id: 'M1',
  title: 'Enrollment success',
  meaning: 'settled and completed',
  kind: 'ratio',
  needs: ['enrollment.started', 'enrollment.completed'],
  failsWithProvider: true,
  counters: [counter, { ...counter, id: 'M1:all', traffic: 'any' }],
  companions: {
    all: (all, total) => (all.total > total ? `with bots and synthetic traffic ${percent(all)} of ${all.total}` : undefined),
  },
};
