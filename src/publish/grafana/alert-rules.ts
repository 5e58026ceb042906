/** Grafana-managed alert rules, contact points, policies and mute timings, as files that Grafana provisions itself from. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { Pair } from '../../slo/arithmetic/pairs.ts';
import type { Slo } from '../../slo/definition/openslo.ts';
import { BESIDE_ALERTS } from '../../slo/evaluate/alerts/index.ts';
import type { Escalation } from '../alertmanager/escalation.ts';
import { GENERATED_NOTE, type GeneratedFile } from '../generated.ts';
import { ON_CALL_UID } from '../panels/panel.ts';
import {
  type AlertingRule,
  absentAlert,
  besideAlert,
  burnAlert,
  causeTemplate,
  type Links,
  STUCK_MINUTES,
  servicesOf,
} from '../prometheus/rules.ts';
import { absentSql, besideAlertSql, burnAlertSql, causeSql, SILENT } from './alert-sql.ts';
import { CLICKHOUSE_PLUGIN } from './clickhouse-query.ts';
import { CLICKHOUSE_UID, FOLDER } from './provisioning.ts';

const EXPRESSION = { type: '__expr__', uid: '__expr__' } as const;
/** The counts are renewed with each minute. */
const INTERVAL = '60s';
/** Grafana takes at most so many characters. */
const MAX_UID = 40;

/** A stable id: the name where it fits, else its beginning and a hash of it. */
function uidOf(name: string): string {
  if (name.length <= MAX_UID) return name;
  return `${name.slice(0, MAX_UID - 9)}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}

interface Question {
  title: string;
  uid: string;
  sql: string;
  /** Adds labels to what annotations can say, and takes no part in the decision. */
  causeSql?: string;
  /** Fires above this. @default SILENT */
  above?: number;
  /** `KeepLast` where an answer is always expected, `OK` where no row means that nothing fires. */
  noDataState: 'KeepLast' | 'OK' | 'Alerting';
  /** Without an answer what fired must not end. @default KeepLast */
  execErrState?: 'Alerting';
  rule: AlertingRule;
  summary: string;
  /** Instead of the rule's, whose templates are Prometheus's. */
  description?: string | undefined;
}

const clickhouseQuery = (refId: string, sql: string) => ({
  refId,
  datasourceUid: CLICKHOUSE_UID,
  relativeTimeRange: { from: 600, to: 0 },
  model: {
    refId,
    datasource: { type: CLICKHOUSE_PLUGIN, uid: CLICKHOUSE_UID },
    editorType: 'sql',
    queryType: 'table',
    format: 1,
    rawSql: sql,
  },
});

function ruleOf({ title, uid, sql, causeSql: cause, above, noDataState, execErrState, rule, summary, description }: Question) {
  const { labels, annotations } = rule;
  return {
    uid: uidOf(uid),
    title,
    condition: 'B',
    data: [
      clickhouseQuery('A', sql),
      {
        refId: 'B',
        datasourceUid: EXPRESSION.uid,
        model: {
          refId: 'B',
          datasource: EXPRESSION,
          type: 'threshold',
          expression: 'A',
          conditions: [{ evaluator: { type: 'gt', params: [above ?? SILENT] } }],
        },
      },
      ...(cause ? [clickhouseQuery('C', cause)] : []),
    ],
    noDataState,
    execErrState: execErrState ?? 'KeepLast',
    for: rule.for ?? '0s',
    dashboardUid: ON_CALL_UID,
    panelId: 3,
    // Grafana makes `alertname` of the title, which must be unique: `alert` says which of ours it is.
    labels: { ...labels, alert: rule.alert },
    annotations: { ...annotations, summary, ...(description && { description }), __dashboardUid__: ON_CALL_UID, __panelId__: '3' },
  };
}

function burnQuestion(slo: Slo, pair: Pair, links: Links): Question {
  const rule = burnAlert(slo, pair, links);
  const template = causeTemplate(slo);
  const hasCause = template !== '';
  return {
    title: `${slo.title} burns its error budget (pair ${pair.name}: ${pair.long}, ${pair.short})`,
    uid: `muster-${slo.name}-${pair.name}`,
    sql: burnAlertSql(slo, pair),
    noDataState: 'KeepLast',
    rule,
    summary: `${slo.title} burns its error budget {{ printf "%.1f" .Values.A.Value }} times as fast as allowed`,
    ...(hasCause && {
      causeSql: causeSql(slo, pair),
      description: rule.annotations.description?.replace(template, '{{ with .Values.C.Labels.leading }} Leading: {{ . }}{{ end }}'),
    }),
  };
}

/** Rules of these SLOs and of the alerts beside them. */
export function grafanaAlertRules(slos: readonly Slo[], links: Links): GeneratedFile {
  const burns = slos.flatMap((slo) => slo.pairs.map((pair) => ruleOf(burnQuestion(slo, pair, links))));
  const beside = BESIDE_ALERTS.map((alert) =>
    ruleOf({
      title: alert.name,
      uid: `muster-${alert.detector.replaceAll('_', '-')}`,
      sql: besideAlertSql(alert),
      noDataState: 'OK',
      rule: besideAlert(alert, links),
      summary: `${alert.name}${alert.labels.map((label) => `{{ with .Labels.${label} }}, ${label} {{ . }}{{ end }}`).join('')}`,
    }),
  );
  const absent = servicesOf(slos).map((service) => {
    const rule = absentAlert(service, links);
    return ruleOf({
      title: `${rule.alert} (${service})`,
      uid: `muster-absent-${service}`,
      sql: absentSql,
      above: STUCK_MINUTES,
      noDataState: 'Alerting',
      execErrState: 'Alerting',
      rule,
      summary: rule.annotations.summary ?? '',
    });
  });
  const group = (name: string, rules: unknown[]) => ({ orgId: 1, name, folder: FOLDER, interval: INTERVAL, rules });
  return yamlFile('alerts/grafana/muster-rules.yaml', {
    apiVersion: 1,
    groups: [group('muster-slo', burns), group('muster-alerts', [...beside, ...absent])],
  });
}

/** Who is told: the escalation matrix as contact points, a policy tree and mute timings. The tree replaces the one that is there. */
export function grafanaNotifications({ receivers, routes, maintenance }: Escalation): GeneratedFile {
  return yamlFile('alerts/grafana/muster-notifications.yaml', {
    apiVersion: 1,
    contactPoints: Object.entries(receivers).map(([name, url]) => ({
      orgId: 1,
      name,
      receivers: [{ uid: uidOf(`muster-${name}`), type: 'webhook', settings: { url, httpMethod: 'POST' } }],
    })),
    policies: [
      {
        orgId: 1,
        receiver: Object.keys(receivers)[0],
        group_by: ['alert', 'slo', 'service'],
        group_wait: '30s',
        group_interval: '5m',
        repeat_interval: '4h',
        routes: routes.map(({ receiver, severity, alerts, also, wait, again }) => ({
          receiver,
          object_matchers: [...(severity ? [['severity', '=', severity]] : []), ...(alerts ? [['alert', '=~', alerts.join('|')]] : [])],
          ...(also && { continue: true }),
          group_wait: wait,
          repeat_interval: again,
          ...(maintenance.length > 0 && { mute_time_intervals: maintenance.map(({ name }) => name) }),
        })),
      },
    ],
    ...(maintenance.length > 0 && {
      muteTimes: maintenance.map(({ name, weekdays, from, to, zone }) => ({
        orgId: 1,
        name,
        time_intervals: [{ weekdays, times: [{ start_time: from, end_time: to }], location: zone }],
      })),
    }),
  });
}

const yamlFile = (path: string, value: unknown): GeneratedFile => ({
  path,
  text: `# ${GENERATED_NOTE}\n${stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })}`,
});
