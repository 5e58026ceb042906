import type { Sli } from './sli.ts';

/**
 * M10, rollbacks: how many deploys were rolled back in the calendar quarter (UTC), and per completed deploy.
 * Unit: `deploy.rolled_back` events; `M10:deploys` counts `deploy.completed` beside. Source: contract, "SLIs".
 *
 * Example: twelve deploys since 1 October, one rolled back on the 9th. M10 = 1 this quarter, 0.083 per deploy; fewer than one is wanted.
 */
export const m10: Sli = {
  id: 'M10',
  title: 'Rollbacks',
  meaning: 'deploys rolled back',
  kind: 'count',
  needs: ['deploy.rolled_back'],
  countedPer: { companion: 'deploys', one: 'deploy' },
  counters: [
    { id: 'M10', unit: 'event', types: ['deploy.rolled_back'], total: '1', good: '0' },
    { id: 'M10:deploys', unit: 'event', types: ['deploy.completed'], total: '1', good: '0' },
  ],
};
