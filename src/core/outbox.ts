/** The outbox: hands the core's events to whoever collects them, in order, until they are durable there. */
import type { CoreEvent } from './enrollments.ts';
import type { CoreStorage } from './storage.ts';

const BATCH = 500;

/** Delivers events; resolves when they are durable at the other end. */
export type Deliver = (events: CoreEvent[]) => Promise<void>;

/** Sends everything that waits in the outbox. What could not be delivered stays. Returns how many were sent. */
export async function flushOutbox(storage: CoreStorage, deliver: Deliver): Promise<number> {
  let sent = 0;
  for (;;) {
    const rows = storage.all<{ n: number; event: string }>('SELECT n, event FROM outbox ORDER BY n LIMIT ?', BATCH);
    const last = rows.at(-1);
    if (!last) return sent;
    await deliver(rows.map(({ event }) => JSON.parse(event) as CoreEvent));
    storage.run('DELETE FROM outbox WHERE n <= ?', last.n);
    sent += rows.length;
  }
}
