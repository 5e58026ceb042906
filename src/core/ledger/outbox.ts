/** The outbox: hands the core's events to whoever collects them, in order, until they are durable there. */

import type { CoreStorage } from '../storage/storage.ts';
import type { Vault } from '../vault/vault.ts';
import type { CoreEvent } from './records.ts';

const BATCH = 500;

/** Delivers events; resolves when they are durable at the other end. */
export type Deliver = (events: CoreEvent[]) => Promise<void>;

/** Where a code goes lies sealed until it is handed over: a number stands nowhere in the clear. */
const SEALED = 'sealed_destination';
const ownerOf = (event: CoreEvent) => ({ kind: 'event', user: String(event.user ?? ''), id: String(event.id) }) as const;

/** An event as it waits. */
export function asKept(event: CoreEvent, vault: Pick<Vault, 'seal'>): CoreEvent {
  const { destination, ...rest } = event;
  return destination === undefined ? event : { ...rest, [SEALED]: vault.seal(destination, ownerOf(event)).toString('base64') };
}

async function asMade(event: CoreEvent, { vault, onProblem }: Pick<OutboxDeps, 'vault' | 'onProblem'>): Promise<CoreEvent> {
  const { [SEALED]: sealed, ...rest } = event;
  if (typeof sealed !== 'string') return event;
  try {
    return { ...rest, destination: await vault.open<string>(Buffer.from(sealed, 'base64'), ownerOf(event)) };
  } catch {
    // It counts all the same, and must not keep the others waiting.
    onProblem(`event ${String(event.id)} is handed over without its destination, which cannot be opened`);
    return rest;
  }
}

export interface OutboxDeps {
  storage: CoreStorage;
  vault: Pick<Vault, 'open'>;
  onProblem: (message: string) => void;
}

/**
 * Sends everything that waits in the outbox. What could not be delivered stays, and what is delivered twice counts once. Returns how many
 * were sent.
 */
export async function flushOutbox(deps: OutboxDeps, deliver: Deliver): Promise<number> {
  const { storage } = deps;
  let sent = 0;
  for (;;) {
    const rows = await storage.all<{ n: number; event: string }>('SELECT n, event FROM outbox ORDER BY n LIMIT ?', BATCH);
    if (rows.length === 0) return sent;
    await deliver(await Promise.all(rows.map(({ event }) => asMade(JSON.parse(event) as CoreEvent, deps))));
    // These alone: in PostgreSQL one with a smaller number may have been committed meanwhile.
    await storage.run(`DELETE FROM outbox WHERE n IN (${rows.map(() => '?').join(', ')})`, ...rows.map(({ n }) => n));
    sent += rows.length;
  }
}
