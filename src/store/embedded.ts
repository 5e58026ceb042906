/** The embedded engine: `chdb` behind the official client. The one file that knows of the experimental connection hook. */
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { drainPending } from 'chdb';
import { createChdbConnection } from 'chdb/connection';

/** A client on the engine in `path`. Every client is a queue of its own; several may share one path, of one path per process. */
export function embeddedClient(path: string): ClickHouseClient {
  return createClient({ connection: createChdbConnection({ path }) } as never);
}

/** Waits for what still runs in the engine, so that another path may be opened. */
export async function closeEmbedded(clients: readonly ClickHouseClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  await drainPending();
}
