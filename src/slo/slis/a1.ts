import type { Sli } from './sli.ts';

/**
 * A1, API availability: of the enrollment requests, how many were served. It sees a front door that answers errors and so makes no
 * attempts. Unit: `api.request` events with a status, in the minute of the event; 5xx and 429 are bad. Source: contract, "SLIs".
 *
 * Example: 201, 422, 429, 500, and one without a status. Good 2, total 4, A1 = 50 %.
 */
export const a1: Sli = {
  id: 'A1',
  title: 'API availability',
  meaning: 'API requests served, without 5xx and 429',
  kind: 'ratio',
  needs: ['api.request'],
  counters: [
    {
      id: 'A1',
      unit: 'event',
      types: ['api.request'],
      total: 'http_status IS NOT NULL',
      good: 'http_status < 500 AND http_status != 429',
    },
  ],
};
