import { shareDetector } from './share-detector.ts';

/**
 * Failures rise: of attempts, of requests, of providers that others have to stand in for.
 * Example: of 30 attempts a minute one fails usually; a provider fails, 12 do: flagged in the third minute.
 */
export const failures = shareDetector({
  name: 'failures',
  metrics: ['failures', 'api_errors', 'fallbacks'],
  threshold: 21,
  totalShare: 0.7,
});
