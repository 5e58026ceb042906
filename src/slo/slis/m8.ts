import type { Sli } from './sli.ts';

const WEEK_MINUTES = 7 * 1_440;

/**
 * M8, support tickets: in how many hours the rate over the last seven days stays below 5 tickets per 1,000 completed attempts.
 * Unit: full hours. At the end of each, `ticket.opened` of the 168 hours before against the attempts completed in them; an hour
 * without a completed attempt in those is not counted. Source: contract, "SLIs".
 *
 * Example: in the week before 12:00 2,000 attempts completed and 9 tickets came in, a tenth comes at 12:30. The hour that ends at 12:00
 * is good (4.5 per 1,000), the next is bad (5.0): good 1, total 2, M8 = 50 %.
 */
export const m8: Sli = {
  id: 'M8',
  title: 'Support tickets',
  meaning: 'hours below 5 per 1,000 completed',
  kind: 'rate',
  needs: ['ticket.opened'],
  sliceTarget: 0.995,
  counters: [
    { id: 'M8:completed', unit: 'attempt', total: `result = 'completed'`, good: '0' },
    { id: 'M8:tickets', unit: 'event', types: ['ticket.opened'], total: '1', good: '0' },
  ],
  slices: {
    minutes: 60,
    sums: {
      completed: { counter: 'M8:completed', spanMinutes: WEEK_MINUTES },
      tickets: { counter: 'M8:tickets', spanMinutes: WEEK_MINUTES },
    },
    hasBacklog: false,
    counted: 'completed > 0',
    good: 'tickets * 1000 < completed * 5',
  },
};
