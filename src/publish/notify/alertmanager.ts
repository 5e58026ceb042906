/** Sends to an Alertmanager by its API, version 2: what fires is sent again and again, as Prometheus does; Alertmanager tells once. */
import type { Notification, Sender } from '../../slo/evaluate/notifications.ts';
import { post } from './post.ts';

/** Should Muster die, what it said fires ends by itself after this. */
const VALID_MS = 4 * 60_000;

/** Tells an Alertmanager by its API v2. @param generatorUrl where people see what fires */
export function alertmanagerSender(url: string, now: () => number, generatorUrl: string): Sender {
  const endpoint = `${url.replace(/\/+$/, '')}/api/v2/alerts`;
  return {
    name: `Alertmanager at ${new URL(url).host}`,
    endsByTime: true,
    async send(notifications) {
      if (notifications.length === 0) return;
      const response = await post(endpoint, {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(notifications.map((notification) => alertOf(notification, now(), generatorUrl))),
      });
      if (!response.ok) throw new Error(`answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      await response.body?.cancel();
    },
  };
}

function alertOf({ labels, annotations, startsAtMs, endsAtMs }: Notification, nowMs: number, generatorUrl: string) {
  return {
    labels,
    annotations,
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs ?? nowMs + VALID_MS).toISOString(),
    generatorURL: generatorUrl,
  };
}
