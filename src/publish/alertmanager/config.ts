/** Alertmanager's configuration from the escalation matrix (https://prometheus.io/docs/alerting/latest/configuration/). */
import { stringify } from 'yaml';
import { METRICS } from '../../detect/series/metrics.ts';
import { ALERTS } from '../../names.ts';
import type { Slo } from '../../slo/definition/openslo.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';
import type { Escalation } from './escalation.ts';

/** What makes alerts one notification: what varies while one lasts is in the annotations. */
const GROUP_BY = ['alertname', 'slo', 'service'];

const matcher = (label: string, value: string) => `${label}="${value}"`;
const anyOf = (label: string, values: readonly string[]) => `${label}=~"${values.join('|')}"`;

/**
 * Which alert silences which, while both fire. `equal` labels that both lack count as equal, so each rule names labels that its
 * source always has.
 */
function inhibitions(slos: readonly Slo[]) {
  const symptoms = slos.filter(({ sli }) => sli.failsWithProvider).map(({ name }) => name);
  return [
    {
      source_matchers: [matcher('alertname', ALERTS.errorBudgetBurn), matcher('severity', 'page')],
      target_matchers: [matcher('alertname', ALERTS.errorBudgetBurn), matcher('severity', 'ticket')],
      equal: ['slo', 'service'],
    },
    // Who is told that a provider is down need not be told of each budget that it burns; other budgets still page.
    ...(symptoms.length === 0
      ? []
      : [
          {
            source_matchers: [matcher('alertname', ALERTS.providerOutage), matcher('severity', 'page')],
            target_matchers: [matcher('alertname', ALERTS.errorBudgetBurn), anyOf('slo', symptoms)],
            equal: ['service'],
          },
        ]),
    // An early sign says nothing more once the budget itself pages.
    ...METRICS.flatMap(({ name, earlySignOf }) => {
      const burning = slos.filter(({ sli }) => earlySignOf.includes(sli.id)).map(({ name: slo }) => slo);
      if (burning.length === 0) return [];
      return [
        {
          source_matchers: [matcher('alertname', ALERTS.errorBudgetBurn), matcher('severity', 'page'), anyOf('slo', burning)],
          target_matchers: [matcher('alertname', ALERTS.anomaly), matcher('metric', name)],
          equal: ['service'],
        },
      ];
    }),
    // What cannot be seen cannot be judged.
    {
      source_matchers: [matcher('alertname', ALERTS.telemetryStale)],
      target_matchers: [anyOf('alertname', [ALERTS.errorBudgetBurn, ALERTS.trafficStopped, ALERTS.rollbackAdvised, ALERTS.anomaly])],
      equal: ['service'],
    },
  ];
}

/** The configuration file. Alerts that no route takes go to the first receiver: none is lost. */
export function alertmanagerConfig(slos: readonly Slo[], { receivers, routes, maintenance }: Escalation): GeneratedFile {
  const mute = maintenance.length > 0 ? { mute_time_intervals: maintenance.map(({ name }) => name) } : {};
  const config = {
    route: {
      receiver: Object.keys(receivers)[0],
      group_by: GROUP_BY,
      group_wait: '30s',
      group_interval: '5m',
      repeat_interval: '4h',
      routes: routes.map(({ receiver, severity, alerts, also, wait, again }) => ({
        receiver,
        matchers: [...(severity ? [matcher('severity', severity)] : []), ...(alerts ? [anyOf('alertname', alerts)] : [])],
        ...(also && { continue: true }),
        group_wait: wait,
        repeat_interval: again,
        ...mute,
      })),
    },
    inhibit_rules: inhibitions(slos),
    receivers: Object.entries(receivers).map(([name, url]) => ({ name, webhook_configs: [{ url, send_resolved: true }] })),
    ...(maintenance.length > 0 && {
      time_intervals: maintenance.map(({ name, weekdays, from, to, zone }) => ({
        name,
        time_intervals: [{ weekdays, times: [{ start_time: from, end_time: to }], location: zone }],
      })),
    }),
  };
  return {
    path: 'alerts/alertmanager/alertmanager.yaml',
    text: `# ${GENERATED_NOTE}\n${stringify(config, { lineWidth: 0, aliasDuplicateObjects: false })}`,
  };
}
