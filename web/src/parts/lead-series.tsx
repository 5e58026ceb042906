/** The series that shows an incident best: what was seen, what is usual, and which minutes were flagged. */
import { useCallback } from 'react';
import type { IncidentDetail } from '../api.ts';
import { Chart, type Colours } from './chart.tsx';
import { axis, tooltip } from './chart-parts.ts';
import { count } from './format.ts';
import { Panel } from './panel.tsx';

type Series = NonNullable<IncidentDetail['series']>;

export function LeadSeriesChart({ series, theme }: { series: Series; theme: string }) {
  const { points, kind } = series;
  const isHigh = kind === 'share' && points.some(({ observed, high }) => Math.max(observed ?? 0, high) > 0.5);
  const format = useCallback(
    (value: number) => (kind === 'share' ? `${Number((100 * value).toPrecision(3))}\u00a0%` : String(Number(value.toPrecision(3)))),
    [kind],
  );
  const option = useCallback(
    (colour: Colours) => {
      const line = (name: string, pick: (point: Series['points'][number]) => number | null, more: object) => ({
        name,
        type: 'line',
        showSymbol: false,
        connectNulls: false,
        data: points.map((point) => [point.at, pick(point)]),
        ...more,
      });
      const none = { lineStyle: { opacity: 0 }, silent: true, stack: 'band', tooltip: { show: false } };
      return {
        grid: { left: 44, right: 12, top: 16, bottom: 24 },
        tooltip: tooltip(colour, format),
        xAxis: axis(colour, { type: 'time' }),
        yAxis: {
          ...axis(colour, { type: 'value', min: 0, ...(isHigh && { max: 1, interval: 0.25 }) }),
          axisLabel: { color: colour('text-3'), fontSize: 11, formatter: format },
        },
        series: [
          line('least', ({ low }) => low, none),
          line('most that is usual', ({ low, high }) => high - low, { ...none, areaStyle: { color: colour('surface-3'), opacity: 0.8 } }),
          line('usual', ({ expected }) => expected, {
            lineStyle: { color: colour('context'), type: 'dashed', width: 1 },
            itemStyle: { color: colour('context') },
          }),
          line('seen', ({ observed }) => observed, {
            lineStyle: { color: colour('text'), width: 1.5 },
            itemStyle: { color: colour('text') },
          }),
          // A flagged minute alone between two that are not has no line.
          line('flagged', ({ observed, isFlagged }) => (isFlagged ? observed : null), {
            showSymbol: true,
            symbolSize: 4,
            lineStyle: { color: colour('accent'), width: 2 },
            itemStyle: { color: colour('accent') },
          }),
        ],
      };
    },
    [points, format, isHigh],
  );
  const flagged = points.filter(({ isFlagged }) => isFlagged).length;
  const where = series.dimension === '' ? 'all' : `${series.dimension.replaceAll('_', ' ')} ${series.value || 'none'}`;
  return (
    <Panel
      title={series.title}
      scope={`${where}, ${kind === 'share' ? 'share by the minute' : 'a minute'}; blue: flagged; ground: 99.9 % of such minutes`}
    >
      <Chart
        theme={theme}
        option={option}
        label={`${series.title}, ${where}: ${count(flagged)} of ${count(points.length)} minutes were flagged.`}
      />
    </Panel>
  );
}
