/** Answers that are in memory as a whole until they are read: what is on its way is bounded, and who does not read is let go. */
import type { ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { QueryError } from '../store/guard/query-error.ts';

const MEBIBYTE = 1024 * 1024;
/** Of all large answers on their way. */
const MAX_HELD_BYTES = 512 * MEBIBYTE;
/** Answers of panels and of programs that look around are sent whatever others have asked for. */
const SMALL_BYTES = MEBIBYTE;
/** Nothing was read for so long, or for twice as long: Node begins anew once, where the first of it has gone out since it looked. */
const IDLE_MS = 15_000;
/** What is read is read within this, which is 0.2 MiB a second for the largest answer. */
const WHOLE_MS = 600_000;

/** The answers of one process. */
export interface WholeAnswers {
  /**
   * @param packed whether whoever asked takes gzip
   * @throws QueryError when others have not read theirs yet
   */
  send(response: ServerResponse, head: Readonly<Record<string, string>>, body: Buffer, packed?: boolean): Promise<void>;
}

/** Nothing is on its way yet. */
export function createWholeAnswers(limits = { heldBytes: MAX_HELD_BYTES, idleMs: IDLE_MS, wholeMs: WHOLE_MS }): WholeAnswers {
  let held = 0;
  return {
    async send(response, head, body, packed = false) {
      const counted = body.length > SMALL_BYTES ? body.length : 0;
      if (counted > 0 && held + counted > limits.heldBytes)
        throw new QueryError('MUSTER_QUERY_BUSY', `large answers of ${held} bytes are still being read; send this query again later`, {
          code: 202,
          name: 'TOO_MANY_SIMULTANEOUS_QUERIES',
        });
      // From here on, packing included: it waits for a thread.
      held += counted;
      const letGo = () => void response.destroy();
      const late = setTimeout(letGo, limits.wholeMs);
      const release = () => {
        clearTimeout(late);
        held -= counted;
      };
      if (response.destroyed) return release();
      response.once('close', release);
      const text = packed ? await gzipped(body, { level: 1 }) : body;
      if (response.destroyed) return;
      response.setTimeout(limits.idleMs, letGo);
      response.writeHead(200, { ...head, 'content-length': String(text.length), ...(packed && { 'content-encoding': 'gzip' }) });
      response.end(text);
    },
  };
}

const gzipped = promisify(gzip);
