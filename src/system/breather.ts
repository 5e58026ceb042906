/** Long work on the one thread: others are served in between. */
import { setImmediate as yieldToLoop } from 'node:timers/promises';

/** Work for so long is noticed by nobody. */
const SLICE_MS = 5;

export interface Breather {
  /** Whether it is time to let others go first. */
  isDue(): boolean;
  /** Lets others go first. */
  rest(): Promise<void>;
}

/** One for each piece of work; its time runs from here, and anew after each rest. */
export function breather(): Breather {
  let sinceMs = performance.now();
  return {
    isDue: () => performance.now() - sinceMs > SLICE_MS,
    async rest() {
      await yieldToLoop();
      sinceMs = performance.now();
    },
  };
}
