/** What a panel shows, by its kind. */
import { useCallback, useMemo } from 'react';
import type { PanelRow, ShownPanel } from '../api.ts';
import { Chart, type Colours } from './chart.tsx';
import { axis, tooltip } from './chart-parts.ts';
import { count, duration, moment, percent } from './format.ts';
import { Matrix } from './matrix.tsx';
import { Scroll } from './panel.tsx';

interface ViewProps {
  panel: ShownPanel;
  rows: readonly PanelRow[];
  theme: string;
  now: number;
}

/** A row of Grafana's grid. */
const ROW_PIXELS = 38;
/** More lines than these cannot be told apart. */
const MAX_SERIES = 5;
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/;
/** What went well is the ground on which the rest is seen. */
const HEALTHY = 'completed';
/** ClickHouse writes times without a zone; they are UTC. */
const toMs = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`);

export function PanelView(props: ViewProps) {
  switch (props.panel.kind) {
    case 'stat':
      return <Stat {...props} />;
    case 'timeseries':
    case 'bars':
      return <Series {...props} />;
    case 'matrix':
      return <Matrix panel={props.panel} rows={props.rows} />;
    case 'table':
      return <Table {...props} />;
    default:
      return props.panel.kind satisfies never;
  }
}

/** A value in its unit. */
function inUnit(value: number, unit: ShownPanel['unit'], decimals?: number): string {
  if (unit === 'percentunit') return value < 0.5 ? `${Number((value * 100).toPrecision(3))}\u00a0%` : percent(value);
  if (unit === 's') return duration(value);
  if (unit === 'ms') return duration(value / 1_000);
  return Number.isInteger(value) ? count(value) : value.toFixed(decimals ?? 2);
}

/** Which of the panel's levels a value has reached. */
const levelOf = (panel: ShownPanel, value: number) => panel.thresholds?.findLast(({ from }) => from === null || value >= from)?.level;

function Stat({ panel, rows }: ViewProps) {
  const row = rows.at(-1) ?? {};
  const value = Object.values(row).findLast((each) => typeof each === 'number');
  if (typeof value !== 'number') return <p className="figure">–</p>;
  return <p className={`figure ${levelOf(panel, value) === 'bad' ? 'over' : ''}`}>{inUnit(value, panel.unit, panel.decimals)}</p>;
}

interface Line {
  name: string;
  total: number;
  points: [time: number, value: number | null][];
}

/** Series of rows with `time`, at most one text and one number, the largest first. */
function linesOf(rows: readonly PanelRow[]): Line[] {
  const lines = new Map<string, Line>();
  for (const row of rows) {
    const { time, ...rest } = row;
    const value = Object.values(rest).find((each) => typeof each === 'number');
    if (typeof time !== 'string' || typeof value !== 'number') continue;
    const text = Object.values(rest).find((each) => typeof each === 'string');
    const name = typeof text === 'string' ? text || 'not said' : (Object.keys(rest)[0] ?? 'value');
    const line = lines.get(name) ?? { name, total: 0, points: [] };
    line.points.push([toMs(time), value]);
    line.total += value;
    lines.set(name, line);
  }
  return [...lines.values()].sort((a, b) => b.total - a.total);
}

/** A line ends where nothing was: a hole of more than one step is no measurement. */
function broken(lines: readonly Line[]): Line[] {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b);
  const step = Math.min(...times.slice(1).map((time, i) => time - (times[i] as number)));
  return lines.map((line) => ({
    ...line,
    points: line.points.flatMap((point, i): Line['points'] => {
      const before = line.points[i - 1]?.[0];
      return before !== undefined && point[0] - before > 1.5 * step ? [[before + step, null], point] : [point];
    }),
  }));
}

/** Bars of one moment stand on one another only where every series has that moment. */
function aligned(lines: readonly Line[]): Line[] {
  const times = [...new Set(lines.flatMap(({ points }) => points.map(([time]) => time)))].sort((a, b) => a - b);
  return lines.map((line) => {
    const known = new Map(line.points);
    return { ...line, points: times.map((time) => [time, known.get(time) ?? 0]) };
  });
}

function Series({ panel, rows, theme }: ViewProps) {
  const lines = useMemo(() => (panel.kind === 'bars' ? aligned(linesOf(rows)) : broken(linesOf(rows))), [rows, panel]);
  const option = useCallback(
    (colour: Colours) => {
      const isBars = panel.kind === 'bars';
      const limits = (panel.thresholds ?? []).flatMap(({ from }) => (from === null ? [] : [{ yAxis: from }]));
      const format = (value: number) => inUnit(value, panel.unit, panel.decimals);
      return {
        grid: { left: 8, right: 12, top: 12, bottom: lines.length > 1 ? 28 : 8, containLabel: true },
        legend:
          lines.length > 1
            ? {
                type: 'scroll',
                bottom: 0,
                pageTextStyle: { color: colour('text-2') },
                pageIconColor: colour('text-2'),
                textStyle: { color: colour('text-2'), fontSize: 11 },
                icon: 'rect',
                itemHeight: 3,
                itemWidth: 12,
              }
            : undefined,
        tooltip: tooltip(colour, format),
        xAxis: axis(colour, { type: 'time' }),
        yAxis: {
          ...axis(colour, { type: 'value', min: panel.min, max: panel.max }),
          axisLabel: { color: colour('text-3'), fontSize: 11, formatter: format },
        },
        series: lines.map(({ name, points }, i) => {
          const fill = name !== HEALTHY && i < MAX_SERIES ? colour(`series-${i + 1}`) : colour('context');
          return {
            name,
            data: points,
            ...(isBars
              ? { type: 'bar', stack: 'all', barMaxWidth: 10, itemStyle: { color: fill } }
              : { type: 'line', showSymbol: points.length < 3, lineStyle: { width: 1.5, color: fill }, itemStyle: { color: fill } }),
            ...(i === 0 &&
              limits.length > 0 && {
                markLine: {
                  symbol: 'none',
                  silent: true,
                  label: { show: false },
                  lineStyle: { color: colour('page'), type: 'dashed' },
                  data: limits,
                },
              }),
          };
        }),
      };
    },
    [lines, panel],
  );
  const names = lines.slice(0, MAX_SERIES).map(({ name }) => name);
  return (
    <Chart
      theme={theme}
      option={option}
      label={`${panel.title}: ${lines.length === 1 ? 'one line' : `${lines.length} lines, the largest ${names.join(', ')}`}; the table has the figures.`}
    />
  );
}

function Table({ panel, rows, now }: ViewProps) {
  const columns = Object.keys(rows[0] ?? {}).filter((column) => !panel.opensAttempts || column !== 'source');
  return (
    <Scroll label={panel.title} height={panel.height * ROW_PIXELS}>
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col" className={typeof rows[0]?.[column] === 'number' ? 'right' : undefined}>
                {column.replaceAll('_', ' ')}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={JSON.stringify(row)}>
              {columns.map((column) => (
                <Cell key={column} panel={panel} column={column} row={row} now={now} />
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Cell({ panel, column, row, now }: { panel: ShownPanel; column: string; row: PanelRow; now: number }) {
  const value = row[column] ?? null;
  if (value === null || value === '') return <td className="dim">–</td>;
  if (typeof value === 'number') {
    const unit = panel.columnUnits?.[column];
    // A table's thresholds are those of the column that has a unit of its own.
    const isOver = unit !== undefined && levelOf(panel, value) === 'bad';
    return <td className={`right ${isOver ? 'over' : ''}`}>{inUnit(value, unit ?? panel.unit, panel.decimals)}</td>;
  }
  if (panel.opensAttempts && column === 'attempt_id') {
    return (
      <td className="mono">
        <a href={`/attempts/${encodeURIComponent(value)}?${new URLSearchParams({ source: String(row.source ?? '') })}`}>{value}</a>
      </td>
    );
  }
  if (TIME.test(value)) return <td className="nowrap">{moment(toMs(value), now)}</td>;
  return <td className={/_(ref|id)$/.test(column) ? 'mono' : undefined}>{value}</td>;
}
