/** The registries of detectors: one file each, one line here. Those that go minute by minute, and those that ask about a stretch. */
import type { CountDetector } from './detector.ts';
import { drift } from './drift.ts';
import { failures } from './failures.ts';
import { inFlight } from './in-flight.ts';
import { latency } from './latency.ts';
import { levelShift } from './level-shift.ts';
import { newValue } from './new-value.ts';
import type { Question } from './question.ts';
import type { ShareDetector } from './share-detector.ts';
import { volume } from './volume.ts';

export const QUESTIONS: readonly Question[] = [levelShift, newValue, drift];

export const DETECTORS: readonly (ShareDetector | CountDetector)[] = [failures, latency, inFlight, volume];
