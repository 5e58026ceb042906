/** A panel as Grafana's Foundation SDK builds it. */
import type { Builder } from '@grafana/grafana-foundation-sdk/cog';
import * as common from '@grafana/grafana-foundation-sdk/common';
import { type Panel as GrafanaPanel, ThresholdsConfigBuilder, ThresholdsMode } from '@grafana/grafana-foundation-sdk/dashboard';
import * as prometheus from '@grafana/grafana-foundation-sdk/prometheus';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import { assertNever } from '../../errors.ts';
import type { MetricPanel, Panel, PanelBase, Threshold } from '../panels/panel.ts';
import type { Links } from '../prometheus/rules.ts';
import { clickhouseQuery, DATASOURCE } from './clickhouse-query.ts';

/** Okabe-Ito: told apart with any colour vision; text always says the same. */
export const COLOURS = { ok: '#009E73', warn: '#E69F00', bad: '#D55E00', info: '#0072B2' } as const satisfies Record<
  Threshold['level'],
  string
>;

/** The variable by which panels of Prometheus name their data source. */
export const PROMETHEUS: common.DataSourceRef = { type: 'prometheus', uid: '${prometheus}' };

interface Place {
  x: number;
  y: number;
}

/** @param ground colour of what has no number; the first level then begins at 0 */
function thresholds(steps: readonly Threshold[], ground?: string) {
  const coloured = steps.map(({ from, level }) => ({ value: ground === undefined ? from : (from ?? 0), color: COLOURS[level] }));
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(ground === undefined ? coloured : [{ value: null, color: ground }, ...coloured]);
}

/** A panel of ours as one of Grafana. @param at where on the dashboard it stands */
export function grafanaPanel(panel: Panel, at: Place, links: Links): Builder<GrafanaPanel> {
  const query = clickhouseQuery(panel.kind === 'timeseries' || panel.kind === 'bars' ? 'timeseries' : 'table', panel.sql);
  switch (panel.kind) {
    case 'stat':
      return dressed(new stat.PanelBuilder(), panel, at)
        .graphMode(common.BigValueGraphMode.None)
        .colorMode(common.BigValueColorMode.Value)
        .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false).fields(''))
        .withTarget(query);
    case 'timeseries':
      return dressed(new timeseries.PanelBuilder(), panel, at)
        .lineWidth(2)
        .fillOpacity(0)
        .spanNulls(false as never)
        .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed))
        .withTarget(query);
    case 'bars':
      return dressed(new timeseries.PanelBuilder(), panel, at)
        .drawStyle(common.GraphDrawStyle.Bars)
        .fillOpacity(60)
        .lineWidth(0)
        .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal).group('A'))
        .withTarget(query);
    case 'table': {
      let built = dressed(new table.PanelBuilder(), panel, at).withTarget(query);
      for (const [column, unit] of Object.entries(panel.columnUnits ?? {})) {
        built = built.overrideByName(column, [{ id: 'unit', value: unit }]);
      }
      return panel.opensAttempts ? built.overrideByName('attempt_id', [{ id: 'links', value: [attemptLink(links)] }]) : built;
    }
    case 'matrix': {
      const { row = '', column = '', drawn = '' } = panel.matrix ?? {};
      return (
        dressed(new table.PanelBuilder(), panel, at)
          // Names and empty cells have no number, and take the colour of the first step.
          .thresholds(thresholds(panel.thresholds ?? [], 'transparent'))
          .withTarget(query)
          .withTransformation({
            id: 'groupingToMatrix',
            options: { rowField: row, columnField: column, valueField: drawn, emptyValue: 'null' },
          })
          .cellOptions({ type: common.TableCellDisplayMode.ColorBackground, mode: common.TableCellBackgroundDisplayMode.Basic })
      );
    }
    default:
      return assertNever(panel.kind);
  }
}

/** What every kind of panel says of itself. */
function dressed<B extends stat.PanelBuilder | timeseries.PanelBuilder | table.PanelBuilder>(
  builder: B,
  panel: PanelBase,
  at: Place,
  datasource = DATASOURCE,
): B {
  builder.id(panel.id).title(panel.title).description(panel.description).datasource(datasource).unit(panel.unit);
  builder.gridPos({ ...at, w: panel.span, h: panel.height }).noValue('No data');
  if (panel.decimals !== undefined) builder.decimals(panel.decimals);
  if (panel.min !== undefined) builder.min(panel.min);
  if (panel.max !== undefined) builder.max(panel.max);
  if (panel.thresholds) builder.thresholds(thresholds(panel.thresholds));
  return builder;
}

/** The same of a panel of Prometheus. */
export function grafanaMetricPanel(panel: MetricPanel, at: Place): Builder<GrafanaPanel> {
  const query = new prometheus.DataqueryBuilder().refId('A').datasource(PROMETHEUS).expr(panel.promql).legendFormat(panel.legend).range();
  return dressed(new timeseries.PanelBuilder(), panel, at, PROMETHEUS)
    .lineWidth(2)
    .fillOpacity(0)
    .thresholdsStyle(new common.GraphThresholdsStyleConfigBuilder().mode(common.GraphThresholdsStyleMode.Dashed))
    .withTarget(query);
}

/** From a row to the attempt's timeline, which leads on to its trace. */
const attemptLink = ({ baseUrl }: Links) => ({
  title: 'Open this attempt',
  url: `${baseUrl}/attempts/\${__data.fields.attempt_id:percentencode}?source=\${__data.fields.source:percentencode}`,
  targetBlank: true,
});
