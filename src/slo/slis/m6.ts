import { limitWords, type Sli } from './sli.ts';

const LIMIT_MS = 500;
const good = (ms: number) => `http_status < 500 AND duration_ms < ${ms}`;
const meaning = (ms: number) => `API requests under ${limitWords(ms)}`;

/**
 * M6, API latency: of the enrollment requests, how many were served within 500 ms.
 * Unit: `api.request` events that have both a status and a duration, in the minute of the event. A request that fails with 5xx is
 * bad however fast. Split by `cold_start` too. Source: contract, "SLIs".
 *
 * Example: 201 in 84 ms, 201 in 500 ms, 503 in 3 ms, 429 in 2 ms. Good 2 (the first and the last), total 4, M6 = 50 %.
 */
export const m6: Sli = {
  id: 'M6',
  title: 'API latency',
  meaning: meaning(LIMIT_MS),
  kind: 'ratio',
  needs: ['api.request'],
  hasDurations: true,
  threshold: { ms: LIMIT_MS, good, meaning },
  counters: [
    {
      id: 'M6',
      unit: 'event',
      types: ['api.request'],
      total: 'http_status IS NOT NULL AND duration_ms IS NOT NULL',
      good: good(LIMIT_MS),
      extraDimensions: ['cold_start'],
    },
  ],
};
