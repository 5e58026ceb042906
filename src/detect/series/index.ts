/** The registry of detectors: one file each, one line here. */
import type { CountDetector } from './detector.ts';
import { failures } from './failures.ts';
import { inFlight } from './in-flight.ts';
import { latency } from './latency.ts';
import type { ShareDetector } from './share-detector.ts';
import { volume } from './volume.ts';

export const DETECTORS: readonly (ShareDetector | CountDetector)[] = [failures, latency, inFlight, volume];
