/** The outbox: hands the core's events to whoever collects them, in order, until they are durable there. */
import type { CoreEvent } from './records.ts';
import type { CoreStorage } from './storage/storage.ts';

const BATCH = 500;

/** Delivers events; resolves when they are durable at the other end. */
export type Deliver = (events: CoreEvent[]) => Promise<void>;

/**
 * Sends everything that waits in the outbox. What could not be delivered stays, and what is delivered twice counts once. Returns how many
 * were sent.
 */
export async function flushOutbox(storage: CoreStorage, deliver: Deliver): Promise<number> {
  let sent = 0;
  for (;;) {
    const rows = await storage.all<{ n: number; event: string }>('SELECT n, event FROM outbox ORDER BY n LIMIT ?', BATCH);
    if (rows.length === 0) return sent;
    await deliver(rows.map(({ event }) => JSON.parse(event) as CoreEvent));
    // These alone: in PostgreSQL one with a smaller number may have been committed meanwhile.
    await storage.run(`DELETE FROM outbox WHERE n IN (${rows.map(() => '?').join(', ')})`, ...rows.map(({ n }) => n));
    sent += rows.length;
  }
}
