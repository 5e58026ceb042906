/** Connections for statements from outside, used again where nothing went wrong on them: opening one takes as long as a small statement. */
import { randomUUID } from 'node:crypto';
import type { Engine, RawSession } from '../engine/engine.ts';

export interface Connection extends RawSession {
  /** What the engine knows its statements by. */
  readonly name: string;
  /** It is not used again: what ended its statement may still be on its way, or left something behind. */
  isSpent: boolean;
}

/**
 * @param idle how many are kept open at most
 * @param settings bounds of what a statement may take
 */
export function connectionPool(engine: Engine, { idle, settings }: { idle: number; settings: Record<string, string | number> }) {
  const free: Connection[] = [];
  let isClosed = false;
  return {
    /** @param own settings beside the usual ones, of one that is used once */
    async take(own: Record<string, string | number> = {}): Promise<Connection> {
      const isOwn = Object.keys(own).length > 0;
      const found = isOwn ? undefined : free.pop();
      if (found) return found;
      const name = `muster-guarded-${randomUUID()}`;
      const session = await engine.untrusted({ ...settings, ...own, log_comment: name });
      const connection: Connection = {
        name,
        isSpent: isOwn,
        run(sql, format, values = {}) {
          // The engine keeps values of parameters until their connection is closed.
          connection.isSpent ||= Object.keys(values).length > 0;
          return session.run(sql, format, values);
        },
        close: () => session.close(),
      };
      return connection;
    },
    /** Once its statement has ended. */
    give(connection: Connection): void {
      if (connection.isSpent || isClosed || free.length >= idle) connection.close();
      else free.push(connection);
    },
    close(): void {
      isClosed = true;
      for (const connection of free.splice(0)) connection.close();
    },
  };
}
