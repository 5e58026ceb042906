/** What the evaluator tells others: which alerts fire, and which have ended. The senders are somebody else's. */
import { ALERTS } from '../../names.ts';
import { burnLabels } from '../arithmetic/pairs.ts';
import type { Slo } from '../definition/openslo.ts';
import { type Cause, causeText } from '../inquiry/explain.ts';
import { burnTimes } from '../measure/alert-words.ts';
import { PLACE_LABELS } from './alerts/alert.ts';
import type { ActiveAlert } from './companion-watch.ts';
import type { Evaluation } from './evaluator.ts';

/** An alert as receivers know it: the same labels as those of the generated Prometheus rules. */
export interface Notification {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAtMs: number;
  /** Null while it fires. */
  endsAtMs: number | null;
}

/** Sends notifications somewhere; may be told the same one again and again, and must then not repeat itself. */
export interface Sender {
  readonly name: string;
  /** Whether an end in the future may be sent, at which the alert ends by itself. */
  readonly endsByTime: boolean;
  /**
   * @param isAll whether these are all alerts that fire or have ended lately
   * @returns whether there was anything to send
   * @throws when nobody took them: they are sent again with the next evaluation
   */
  send(notifications: readonly Notification[], isAll: boolean): Promise<boolean>;
}

/** An ended alert is told for so long, for receivers that were away. */
const TELL_ENDED_MS = 15 * 60_000;

/** What somebody was told of, and since when. */
export interface Told {
  /** The SLO whose budget burns; empty for others. */
  slo: string;
  /** The finding of an alert beside; empty for others. */
  finding: string;
  /** The incident whose alert it is; empty for others. */
  incident: string;
  atMs: number;
}

export interface Notifier {
  /** Of what fires now, what was taken by a receiver. */
  told(): readonly Told[];
  /** Tells all senders what fires now and what has ended lately. */
  tell(evaluation: Evaluation, active: readonly ActiveAlert[], causes: ReadonlyMap<string, Cause>): Promise<void>;
}

/** A notifier over these senders; one that fails does not keep the others from being told. */
export function createNotifier(deps: {
  slos: readonly Slo[];
  senders: readonly Sender[];
  baseUrl: string;
  now: () => number;
  onProblem: (message: string) => void;
}): Notifier {
  const known = new Map<string, Notification>();
  let told: readonly Told[] = [];

  return {
    told: () => told,
    async tell(evaluation, active, causes) {
      if (deps.senders.length === 0) return;
      const firing = new Map<string, Notification>();
      // Two may be one alert to receivers: of both somebody is told.
      const subjects: Omit<Told, 'atMs'>[] = [];
      for (const slo of deps.slos) {
        const status = evaluation.statuses.find((each) => each.slo === slo.name);
        for (const pair of slo.pairs) {
          const alert = status?.alerts.find((each) => each.pair === pair.name && each.state === 'firing');
          if (!status || !alert) continue;
          const notification = burnNotification(slo, status, alert, causes.get(slo.name), deps.baseUrl);
          firing.set(keyOf(notification), notification);
          subjects.push({ slo: slo.name, finding: '', incident: '' });
        }
      }
      for (const alert of active) {
        const notification = besideNotification(alert, deps.baseUrl);
        // Whoever was told already hears of its end, not that a page has come.
        if (alert.isInhibited && !known.has(keyOf(notification))) continue;
        firing.set(keyOf(notification), notification);
        subjects.push({ slo: '', finding: alert.finding, incident: alert.incident });
      }
      const nowMs = deps.now();
      for (const [key, notification] of known) {
        if (firing.has(key)) continue;
        if (notification.endsAtMs === null) known.set(key, { ...notification, endsAtMs: nowMs });
        else if (nowMs - notification.endsAtMs > TELL_ENDED_MS) known.delete(key);
      }
      for (const [key, notification] of firing) known.set(key, notification);
      const failed = await sendAll(deps.senders, [...known.values()], deps.onProblem);
      if (failed === deps.senders.length) return;
      const before = told;
      const isSame = (a: Omit<Told, 'atMs'>) => (b: Told) => a.slo === b.slo && a.finding === b.finding && a.incident === b.incident;
      told = subjects.map((subject) => before.find(isSame(subject)) ?? { ...subject, atMs: nowMs });
    },
  };
}

/** Tells every sender; those that fail are named, and tried again with the next evaluation. Returns how many failed. */
export async function sendAll(
  senders: readonly Sender[],
  notifications: readonly Notification[],
  onProblem: (message: string) => void,
): Promise<number> {
  const results = await Promise.allSettled(senders.map((sender) => sender.send(notifications, true)));
  for (const [i, result] of results.entries()) {
    if (result.status === 'rejected')
      onProblem(`${senders[i]?.name}: ${result.reason instanceof Error ? result.reason.message : String(result.reason)}`);
  }
  return results.filter(({ status }) => status === 'rejected').length;
}

export interface TestedRoute {
  route: string;
  /** Undefined when it was taken. */
  problem?: string;
}

/** A test ends by itself after this. */
const TEST_MS = 60_000;

/** Sends one marked page and one marked ticket through every route, and says which took them. */
export async function testRoutes(senders: readonly Sender[], service: string, baseUrl: string, nowMs: number): Promise<TestedRoute[]> {
  const notifications = (['page', 'ticket'] as const).map(
    (severity): Notification => ({
      labels: { alertname: 'MusterTest', service, severity, test: 'true' },
      annotations: {
        summary: `Test of a ${severity} by muster alert test: nothing is wrong`,
        description: `Sent at ${new Date(nowMs).toISOString()} to show that a ${severity} arrives where it should. It ends within a minute.`,
        runbook_url: `${baseUrl}/runbooks/error-budget-burn`,
        dashboard_url: `${baseUrl}/overview`,
      },
      startsAtMs: nowMs,
      endsAtMs: null,
    }),
  );
  return Promise.all(
    senders.map(async (sender) => {
      try {
        await sender.send(
          notifications.map((each) => ({ ...each, endsAtMs: sender.endsByTime ? nowMs + TEST_MS : null })),
          false,
        );
        if (!sender.endsByTime)
          await sender.send(
            notifications.map((each) => ({ ...each, endsAtMs: nowMs })),
            false,
          );
        return { route: sender.name };
      } catch (error) {
        return { route: sender.name, problem: error instanceof Error ? error.message : String(error) };
      }
    }),
  );
}

/** What makes two notifications the same alert. */
export const keyOf = ({ labels }: Notification): string => JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));

type Status = Evaluation['statuses'][number];

function burnNotification(
  slo: Slo,
  status: Status,
  alert: Status['alerts'][number],
  cause: Cause | undefined,
  baseUrl: string,
): Notification {
  const pair = slo.pairs.find(({ name }) => name === alert.pair);
  if (!pair) throw new Error(`no pair ${alert.pair} of ${slo.name}`);
  const burn = status.burnRates[alert.longWindow] ?? null;
  const counts = status.windows[alert.longWindow];
  const speed = burn === null ? '' : ` ${Number(burn.toPrecision(3))} times as fast as allowed`;
  const bad = counts ? `${counts.total - counts.good} of ${counts.total} are bad in ${alert.longWindow}. ` : '';
  return {
    labels: { alertname: ALERTS.errorBudgetBurn, ...burnLabels(slo, pair) },
    annotations: {
      summary: `${slo.title} burns its error budget${speed}`,
      description: `${bad}${sentence(burnTimes(alert))}${cause ? `Leading: ${causeText(cause)}` : ''}`,
      runbook_url: `${baseUrl}/runbooks/error-budget-burn`,
      dashboard_url: `${baseUrl}/slos/${slo.name}`,
    },
    startsAtMs: Date.parse(alert.firedAt ?? new Date(0).toISOString()),
    endsAtMs: null,
  };
}

const sentence = (words: string) => (words === '' ? '' : `${words[0]?.toUpperCase()}${words.slice(1)}. `);

/** Runbook of an alert beside the burn rates, by its detector's name. */
export const runbookOf = (alert: string): string =>
  alert
    .replace(/^Enrollment/, '')
    .replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
    .slice(1);

function besideNotification(alert: ActiveAlert, baseUrl: string): Notification {
  const { severity, service } = alert;
  const place = Object.fromEntries(PLACE_LABELS.map((label) => [label, alert[label]]));
  const labels = { alertname: alert.alert, severity, service, ...place };
  return {
    // To Prometheus an empty label is none.
    labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')),
    annotations: {
      summary: alert.summary,
      description: `${alert.meaning} ${Object.entries(alert.evidence)
        .map(([name, value]) => `${name.replaceAll('_', ' ')}: ${typeof value === 'number' ? Number(value.toPrecision(4)) : value}`)
        .join(', ')}.`,
      runbook_url: `${baseUrl}/runbooks/${runbookOf(alert.alert)}`,
      dashboard_url: `${baseUrl}/${alert.incident === '' ? 'overview' : `incidents/${encodeURIComponent(alert.incident)}`}`,
    },
    startsAtMs: alert.sinceMs,
    endsAtMs: null,
  };
}
