import { shareDetector } from './share-detector.ts';

/**
 * Attempts neither end nor fail: more than usual are in flight for longer than 95 % of completions take. A provider that swallows codes
 * shows here within minutes, while an attempt only counts as failed ten minutes after its start.
 */
export const inFlight = shareDetector({ name: 'in_flight', metrics: ['in_flight'], threshold: 20, totalShare: 0.7 });
