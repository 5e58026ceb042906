/** Runs one piece of work again and again, never twice at once, and on demand in between. */
export function repeat(everyMs: number, onProblem: (message: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const once = (work: () => Promise<void>): Promise<void> => {
    const result = running.then(work);
    running = result.catch(() => {});
    return result;
  };
  return {
    /** One run now, after the one that may be going on. */
    once,
    start(work: () => Promise<void>): void {
      const tick = async () => {
        await once(work).catch((error: unknown) => onProblem(error instanceof Error ? error.message : String(error)));
        if (!isStopped) timer = setTimeout(tick, everyMs);
      };
      timer = setTimeout(tick, 0);
    },
    /** Ends it, after the run that may be going on. */
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
