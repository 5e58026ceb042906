/** What goes wrong again and again, said once and then counted: a hundred equal lines hide the one that differs. */
import { LRUCache } from 'lru-cache';
import { MINUTE_MS } from './time.ts';

/** Messages that are told apart at a time. */
const MAX_MESSAGES = 1_000;

/**
 * Says a message at once, and the same again at most once a minute, with how often it came meanwhile.
 * @returns `say`, and `end`, which says what was held back
 */
export function quieted(say: (message: string) => void): { say: (message: string) => void; end: () => void } {
  const held = new LRUCache<string, { count: number; timer: NodeJS.Timeout }>({
    max: MAX_MESSAGES,
    dispose: ({ timer }) => clearTimeout(timer),
  });
  const tell = (message: string, count: number) => {
    if (count > 0) say(`${message} (${count === 1 ? 'once more' : `${count} more times`} in the last minute)`);
  };
  const hold = (message: string) => {
    const timer = setTimeout(() => {
      const count = held.get(message)?.count ?? 0;
      held.delete(message);
      tell(message, count);
      // What still comes is counted on.
      if (count > 0) hold(message);
    }, MINUTE_MS);
    timer.unref();
    held.set(message, { count: 0, timer });
  };
  return {
    say(message) {
      const known = held.get(message);
      if (known) known.count += 1;
      else {
        say(message);
        hold(message);
      }
    },
    end() {
      for (const [message, { count }] of held.entries()) tell(message, count);
      held.clear();
    },
  };
}
