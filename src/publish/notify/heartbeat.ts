/** Calls a dead-man's switch with every evaluation: when the calls stop, somebody else says so. */

import type { Sender } from '../../slo/evaluate/notifications.ts';
import { post } from './post.ts';

const EVERY_MS = 55_000;

/** Calls a dead-man's switch with the evaluations, at most once a minute. */
export function heartbeatSender(url: string, now: () => number): Sender {
  let lastMs = 0;
  return {
    name: `heartbeat at ${new URL(url).host}`,
    endsByTime: false,
    async send() {
      if (now() - lastMs < EVERY_MS) return false;
      const response = await post(url, {});
      await response.body?.cancel();
      if (!response.ok) throw new Error(`answered ${response.status}`);
      lastMs = now();
      return true;
    },
  };
}
