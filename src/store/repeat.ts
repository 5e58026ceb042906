import { oneAtATime } from './one-at-a-time.ts';

/** Work that may say, by returning {@link MORE}, that there is more to do at once, without the usual pause. */
export type Work = () => Promise<unknown>;

/** What work returns when it should be done again at once. */
export const MORE = Symbol('more');

/** Runs one piece of work again and again, never twice at once, and on demand in between. */
export function repeat(everyMs: number, onProblem: (message: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const once = oneAtATime();
  return {
    /** One run now, after the one that may be going on. */
    once,
    start(work: Work): void {
      const tick = async () => {
        const result = await once(work).catch((error: unknown) => onProblem(error instanceof Error ? error.message : String(error)));
        if (!isStopped) timer = setTimeout(tick, result === MORE ? 0 : everyMs);
      };
      timer = setTimeout(tick, 0);
    },
    /** Ends it, after the run that may be going on. */
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      await once(async () => {});
    },
  };
}
