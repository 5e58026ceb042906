/** What a panel is. One file each; it comes out in Grafana and on Muster's own page. */
import type { Slo } from '../../slo/definition/openslo.ts';
import type { Sli } from '../../slo/slis/sli.ts';

export interface Threshold {
  /** Null for the first step. */
  from: number | null;
  level: 'ok' | 'warn' | 'bad' | 'info';
}

/** Unit ids of Grafana that panels may have; another one does not compile. */
export type Unit = 'none' | 'short' | 'percentunit' | 's' | 'ms' | 'ops';

/** What every panel says of itself. */
export interface PanelBase {
  /** Stable: Grafana's data links and alerts refer to it. */
  id: number;
  name: string;
  title: string;
  /** The question that it answers, what is good and bad, and what to do. */
  description: string;
  unit: Unit;
  decimals?: number;
  min?: number;
  max?: number;
  thresholds?: readonly Threshold[];
  /** Width in Grafana's 24 columns, and height in its rows. */
  span: number;
  height: number;
}

/** A panel of what is in ClickHouse. */
export interface Panel extends PanelBase {
  kind: 'stat' | 'timeseries' | 'bars' | 'table' | 'matrix';
  /** Units of single columns of a table. */
  columnUnits?: Readonly<Record<string, Unit>>;
  /** Of a matrix: which columns of the answer make its rows, its columns and its cells; `count` says what a cell stands on, `drawn` is the value where that proves something. */
  matrix?: { row: string; column: string; value: string; count: string; drawn: string };
  /** Whether the rows are attempts, named by `source` and `attempt_id`, that can be opened. */
  opensAttempts?: true;
  /** ClickHouse SQL with Grafana's macros. Series: `time`, one text column for the label, one number. */
  sql: string;
}

/** A panel of what Prometheus scrapes, of the collector itself. It comes out in Grafana alone. */
export interface MetricPanel extends PanelBase {
  kind: 'timeseries';
  promql: string;
  /** Name of a series, with Prometheus's labels in double braces. */
  legend: string;
}

/** A panel, given the SLOs that it may show. */
export type PanelFile = (slos: readonly Slo[]) => Panel;

/** To which alerts lead. */
export const ON_CALL_UID = 'muster-oncall';

/** One dashboard for one reader's question. */
export interface DashboardSpec {
  uid: string;
  title: string;
  /** What the reader comes with. */
  question: string;
  /** Range that it opens with, such as `now-6h`. */
  from: string;
  refresh: string;
  timezone: 'browser' | 'utc';
  panels: readonly PanelFile[];
  /** Below them. */
  metrics?: readonly MetricPanel[];
}

/** The variables of a dashboard, as a predicate over the columns of `attempts` and `events_v`. */
export const FILTERS = ['environment', 'region', 'provider', 'factor_type', 'deployment', 'tenant']
  .map((name) => `$__conditionalAll(${name} IN (\${${name}:singlequote}), $${name})`)
  .join(' AND ');

/** Settled attempts of users in the range of the dashboard. */
export const SETTLED_ATTEMPTS = `attempts WHERE traffic = 'user' AND settled_at IS NOT NULL AND $__timeFilter(settled_at) AND ${FILTERS}`;

/** The objective of an SLI. @param otherwise where no SLO has one for it */
export const objectiveOf = (slos: readonly Slo[], sli: Sli, otherwise: number): number =>
  slos.find((slo) => slo.sli === sli)?.objective ?? otherwise;
