/** Background work: again and again, and what is said of it when it fails. */
import { oneAtATime } from './one-at-a-time.ts';

/** Work that may say, by returning {@link MORE}, that there is more to do at once, without the usual pause. */
export type Work = () => Promise<unknown>;

/** What work returns when it should be done again at once. */
export const MORE = Symbol('more');
const FAILED = Symbol('failed');

/** Work that fails is tried again after a pause that doubles, up to this. */
const MAX_PAUSE_MS = 5_000;
/** The same problem is said again after so many failures. */
const SAID_EVERY = 60;

/** Says a problem when it begins, and again once in a while, rather than each time that something fails by it. */
export function sayOnce(onProblem: (message: string) => void) {
  let problem: string | undefined;
  let times = 0;
  return {
    failed(error: unknown): void {
      const message = error instanceof Error ? error.message : String(error);
      times = message === problem ? times + 1 : 0;
      problem = message;
      if (times % SAID_EVERY === 0) onProblem(message);
    },
    succeeded(): void {
      problem = undefined;
    },
    /** What the last run failed by, if it did. */
    problem: () => problem,
  };
}

/** Runs one piece of work again and again, never twice at once, and on demand in between. */
export function repeat(everyMs: number, onProblem: (message: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  let failures = 0;
  const said = sayOnce(onProblem);
  const once = oneAtATime();
  return {
    /** One run now, after the one that may be going on. */
    once,
    start(work: Work): void {
      const tick = async () => {
        const result = await once(work).catch((error: unknown) => {
          said.failed(error);
          return FAILED;
        });
        failures = result === FAILED ? failures + 1 : 0;
        if (failures === 0) said.succeeded();
        const pauseMs = Math.max(everyMs, Math.min(everyMs * 2 ** (failures - 1), MAX_PAUSE_MS));
        if (!isStopped) timer = setTimeout(tick, result === MORE ? 0 : pauseMs);
      };
      timer = setTimeout(tick, 0);
    },
    /** Why the last run failed, if it did. */
    problem: said.problem,
    /** Ends it, after the run that may be going on. */
    async stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      await once(async () => {});
    },
  };
}
