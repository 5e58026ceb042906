/** So many statements at a time, and so many that wait. */
import { QueryError } from './query-error.ts';

/** @throws QueryError when as many wait as may */
export function turnstile(limits: { running: number; waiting: number }) {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= limits.running) {
      if (waiting.length >= limits.waiting)
        throw new QueryError('MUSTER_QUERY_BUSY', `${limits.waiting} queries wait already; send this one again later`, {
          code: 202,
          name: 'TOO_MANY_SIMULTANEOUS_QUERIES',
        });
      await new Promise<void>((go) => waiting.push(go));
    } else running += 1;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
