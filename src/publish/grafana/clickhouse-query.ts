/** A query of Grafana's official ClickHouse data source: the Foundation SDK brings none. */
import type { Builder, Dataquery } from '@grafana/grafana-foundation-sdk/cog';
import type { DataSourceRef } from '@grafana/grafana-foundation-sdk/common';

export const CLICKHOUSE_PLUGIN = 'grafana-clickhouse-datasource';
/** The variable by which every panel names its data source. */
export const DATASOURCE: DataSourceRef = { type: CLICKHOUSE_PLUGIN, uid: '${datasource}' };

/** What the plugin's backend reads. */
const FORMATS = { timeseries: 0, table: 1 } as const;

/** Builds one query target. */
export function clickhouseQuery(format: keyof typeof FORMATS, rawSql: string, refId = 'A'): Builder<Dataquery> {
  const query = { refId, datasource: DATASOURCE, editorType: 'sql', queryType: format, format: FORMATS[format], rawSql };
  return { build: () => query as unknown as Dataquery };
}
