/** The embedded engine: `chdb` behind the official client. The one file that knows of the experimental connection hook. */
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { drainPending, Session } from 'chdb';
import { createChdbConnection } from 'chdb/connection';

/** A client on the engine in `path`. Every client is a queue of its own; several may share one path, of one path per process. */
export function embeddedClient(path: string): ClickHouseClient {
  return createClient({ connection: createChdbConnection({ path }) } as never);
}

export interface RawResult {
  bytes: Buffer;
  rowsRead: number;
  bytesRead: number;
  elapsedSeconds: number;
}

/** A connection that answers in any format, as bytes. */
export interface RawSession {
  /** @param parameters values of the `{name:Type}` in the text */
  run(sql: string, format?: string, parameters?: Record<string, string>): Promise<RawResult>;
  close(): void;
}

/**
 * A connection to the engine in `path`. The first one of a path starts the engine, and may give it a configuration.
 * @param configFile ClickHouse server configuration, heeded by the first connection only
 */
export function rawSession(path: string, configFile?: string): RawSession {
  const session = new Session(path, configFile === undefined ? {} : { connectionArgs: [`--config-file=${configFile}`] });
  return {
    async run(sql, format = 'TSVRaw', parameters) {
      const result = await (parameters ? session.queryBindAsync(sql, parameters, { format }) : session.queryAsync(sql, { format }));
      return {
        bytes: Buffer.from(result.bytes()),
        rowsRead: result.rowsRead,
        bytesRead: result.bytesRead,
        elapsedSeconds: result.elapsed,
      };
    },
    close: () => session.close(),
  };
}

/** Waits for what still runs in the engine, so that another path may be opened. */
export async function closeEmbedded(clients: readonly ClickHouseClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client.close()));
  await drainPending();
}
