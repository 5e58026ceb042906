import { shareDetector } from './share-detector.ts';

/**
 * Completions and requests take long: more of them than usual take longer than 95 % of them have.
 * Example: completions take three times as long, and half of them are slow where a twentieth was: flagged within three minutes at 20 a minute.
 */
export const latency = shareDetector({ name: 'latency', metrics: ['latency', 'api_latency'], threshold: 16.5, totalShare: 0.6 });
