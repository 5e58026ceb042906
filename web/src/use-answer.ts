/** What a route answers. */
import { useEffect, useState } from 'react';
import { get } from './api.ts';

/**
 * Asks, and asks again when `renewal` changes; the old answer stays until the new is there, but never for another address.
 * @param path undefined while it is not known what to ask
 */
export function useAnswer<T>(path: string | undefined, renewal = 0): { answer: T | undefined; problem: string | undefined } {
  const [known, setKnown] = useState<{ path: string | undefined; answer?: T; problem?: string }>({ path });
  // biome-ignore lint/correctness/useExhaustiveDependencies: a renewal asks again, though the address is the same.
  useEffect(() => {
    if (path === undefined) return;
    const leaving = new AbortController();
    get<T>(path, leaving.signal).then(
      (answer) => setKnown({ path, answer }),
      (error: Error) => {
        if (leaving.signal.aborted) return;
        setKnown((before) => ({ ...(before.path === path ? before : { path }), problem: error.message }));
      },
    );
    return () => leaving.abort();
  }, [path, renewal]);
  return known.path === path ? { answer: known.answer, problem: known.problem } : { answer: undefined, problem: undefined };
}
