import type { Counter } from '../../store/rows/sli-counter.ts';
import type { Sli } from './sli.ts';

/** Starts by the minute: what says that traffic comes in at all. */
export const STARTS: Counter = { id: 'M3:starts', unit: 'start', total: `observed = 'full'`, good: '0' };

/**
 * M3, pending backlog: in how many minutes fewer than 1 % of a day's attempts wait past their TTL.
 * Unit: minutes. At the end of each, the attempts that are overdue (TTL passed, no end yet, at most seven days after the start)
 * against the starts of the 24 hours before; a minute without a start in those is not counted. Source: contract, "SLIs".
 *
 * Example: 200 attempts started within a day; two of them are overdue at 12:00 and one from 12:01 on. The minute that ends at 12:00 is
 * bad (2 of 200 is not below 1 %), the next is good: good 1, total 2, M3 = 50 %.
 */
export const m3: Sli = {
  id: 'M3',
  title: 'Pending backlog',
  meaning: 'minutes below 1 % overdue',
  kind: 'time_slices',
  needs: ['enrollment.started', 'enrollment.completed'],
  sliceTarget: 0.99,
  counters: [STARTS],
  slices: {
    minutes: 1,
    sums: { starts: { counter: STARTS.id, spanMinutes: 1_440 } },
    hasBacklog: true,
    counted: 'starts > 0',
    good: 'overdue * 100 < starts',
  },
};
