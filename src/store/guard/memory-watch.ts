/**
 * The memory of the process while statements run. The engine's own bound counts the rows of an answer, not its text: names of columns are written
 * with each row, and control characters in six letters. So the process is looked at too.
 */

const LOOK_EVERY_MS = 100;

export interface MemoryWatchOptions {
  /** What one statement may add, in bytes. */
  perStatement: number;
  /** What everything else may add meanwhile, in bytes. */
  others: number;
  /** Memory that the process holds now, in bytes. */
  residentBytes: () => number;
}

/** Watches from the first statement that runs to the end of the last. */
export function createMemoryWatch({ perStatement, others, residentBytes }: MemoryWatchOptions) {
  /** What ends each, and what the process held when it began. */
  const watched = new Map<() => void, number>();
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const now = residentBytes();
    for (const [end, before] of watched) if (now - before > watched.size * perStatement + others) end();
  };
  return {
    /** @param end is called again and again while there is too much. Returns what says that it has ended. */
    watch(end: () => void): () => void {
      watched.set(end, residentBytes());
      timer ??= setInterval(look, LOOK_EVERY_MS);
      return () => {
        watched.delete(end);
        if (watched.size > 0) return;
        clearInterval(timer);
        timer = undefined;
      };
    },
  };
}
