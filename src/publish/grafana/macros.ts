/** Expands the macros of Grafana's ClickHouse data source as the plugin does, so that a panel's SQL also runs without Grafana. */

export interface Range {
  fromMs: number;
  toMs: number;
  /** Width of a bucket. */
  intervalMs: number;
}

const seconds = (ms: number) => Math.floor(ms / 1_000);

/** The SQL of a panel for a range, with every variable at "All". Grafana's own rules: grafana/clickhouse-datasource, pkg/macros. */
export function expandMacros(sql: string, range: Range): string {
  const from = `toDateTime(${seconds(range.fromMs)})`;
  const to = `toDateTime(${seconds(range.toMs)})`;
  const interval = Math.max(1, seconds(range.intervalMs));
  return sql
    .replace(/\$__conditionalAll\((?:[^()]|\([^()]*\))*\)/g, '1=1')
    .replace(/\$__timeFilter\(([^()]*)\)/g, `$1 >= ${from} AND $1 <= ${to}`)
    .replace(/\$__timeInterval\(([^()]*)\)/g, `toStartOfInterval(toDateTime($1), INTERVAL ${interval} second)`)
    .replaceAll('$__fromTime', from)
    .replaceAll('$__toTime', to)
    .replaceAll('$__interval_s', String(interval));
}
