/** Sends to an Alertmanager by its API, version 2: what fires is sent again and again, as Prometheus does; Alertmanager tells once. */
import { keyOf, type Notification, type Sender } from '../../slo/evaluate/notifications.ts';
import { DAY_MS } from '../../system/time.ts';
import { post } from './post.ts';
import { ofThePast, readTold, type Told, writeTold } from './told.ts';

/** What fires must not end because nothing is heard of Muster: it ends when Muster says so, and by itself only after this. */
const VALID_MS = DAY_MS;

export interface AlertmanagerOptions {
  url: string;
  /** Where people see what fires. */
  generatorUrl: string;
  /** Keeps what was said to fire. */
  statePath: string;
  now: () => number;
}

/** Tells an Alertmanager by its API v2. What a process before this one said fires, and does not any more, is ended. */
export function alertmanagerSender({ url, generatorUrl, statePath, now }: AlertmanagerOptions): Sender {
  const endpoint = `${url.replace(/\/+$/, '')}/api/v2/alerts`;
  let told: Told | undefined;
  return {
    name: `Alertmanager at ${new URL(url).host}`,
    endsByTime: true,
    async send(current, isAll) {
      told ??= await readTold(statePath);
      const notifications = isAll ? [...current, ...ofThePast(told, current, now())] : current;
      if (notifications.length === 0) return false;
      const response = await post(endpoint, {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(notifications.map((notification) => alertOf(notification, now(), generatorUrl))),
      });
      if (!response.ok) throw new Error(`answered ${response.status}: ${(await response.text()).slice(0, 200)}`);
      await response.body?.cancel();
      if (!isAll) return true;
      const firing = firingOf(notifications, now());
      const isChanged = Object.keys(firing).join() !== Object.keys(told).join();
      told = firing;
      if (isChanged) await writeTold(statePath, told);
      return true;
    },
  };
}

const firingOf = (notifications: readonly Notification[], nowMs: number): Told =>
  Object.fromEntries(
    notifications
      .filter(({ endsAtMs }) => endsAtMs === null)
      .map((each) => {
        const { labels, annotations, startsAtMs } = each;
        return [keyOf(each), { labels, annotations, startsAtMs, isEnded: false, atMs: nowMs }];
      }),
  );

function alertOf({ labels, annotations, startsAtMs, endsAtMs }: Notification, nowMs: number, generatorUrl: string) {
  return {
    labels,
    annotations,
    startsAt: new Date(startsAtMs).toISOString(),
    endsAt: new Date(endsAtMs ?? nowMs + VALID_MS).toISOString(),
    generatorURL: generatorUrl,
  };
}
