/** The heads of the audit log in all their places: written after each entry, and compared with the log. */

import { type Chain, type Link, START, wrongWith } from './audit-chain.ts';
import type { HeadPlace } from './audit-head.ts';

/** Heads under the chain of a log. */
export function createHeads(chain: Chain, places: readonly HeadPlace[]) {
  return {
    places,
    async write(link: Link, into: readonly HeadPlace[] = places): Promise<void> {
      for (const place of into) await place.write(chain.headText(link));
    },
    /** The newest: it may be ahead of a log that was cut off. */
    async newest(): Promise<Link> {
      let newest = START;
      for (const place of places) {
        const link = chain.headOf(await place.read?.());
        if (link && link.seq > newest.seq) newest = link;
      }
      return newest;
    },
    /** What is wrong with those that are read here, of those that belong to the store only or of all. */
    async wrong(last: Link, hashAt: (seq: number) => string | undefined, onlyOwn: boolean) {
      const wrong: { head: Link | undefined; why: string }[] = [];
      for (const place of places) {
        if (!place.read || (onlyOwn && place.isAdded)) continue;
        const head = chain.headOf(await place.read());
        const why = wrongWith(head, last, hashAt);
        if (why !== undefined) wrong.push({ head, why: `the head in ${place.name} ${why}` });
      }
      return wrong;
    },
  };
}

export type Heads = ReturnType<typeof createHeads>;
