/** Requests that are being answered: a process that stops finishes them, and turns new ones away. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { MusterError } from '../errors.ts';

export interface OpenRequests {
  /** Told of a request as its answer begins. */
  begin(response: ServerResponse): void;
  /** From now on nothing new is begun. */
  stop(): void;
  isStopping(): boolean;
  /** Resolves when all that was begun is answered, or after so long. */
  settled(withinMs: number): Promise<void>;
}

/** The requests of one process. */
export function createOpenRequests(): OpenRequests {
  const open = new Set<ServerResponse>();
  let isStopping = false;
  let onEmpty = () => {};
  return {
    begin(response) {
      open.add(response);
      // Whoever asks again goes elsewhere, or waits.
      if (isStopping) response.setHeader('connection', 'close');
      response.once('close', () => {
        open.delete(response);
        if (open.size === 0) onEmpty();
      });
    },
    stop() {
      isStopping = true;
    },
    isStopping: () => isStopping,
    async settled(withinMs) {
      if (open.size === 0) return;
      const ended = new AbortController();
      const empty = new Promise<void>((resolve) => {
        onEmpty = resolve;
      });
      await Promise.race([empty, sleep(withinMs, undefined, { signal: ended.signal }).catch(() => {})]);
      ended.abort();
    },
  };
}

/** What those are told who come while Muster stops. */
export const stopping = () => new MusterError('MUSTER_NOT_READY', 'Muster is stopping; send this request again');
