/** What the period spent, from 100 % down, with deploys and maintenance on the same axis, and until when it lasts. */
import { useCallback } from 'react';
import type { OverviewSlo, SloDetail } from '../api.ts';
import { Chart, type Colours } from './chart.tsx';
import { axis, tooltip } from './chart-parts.ts';
import { budget, moment, outlook } from './format.ts';
import { Panel } from './panel.tsx';

export function BudgetChart({ slo, detail, theme, now }: { slo: OverviewSlo; detail: SloDetail; theme: string; now: number }) {
  const last = detail.burnDown.at(-1);
  const option = useCallback(
    (colour: Colours) => {
      const from = Date.parse(detail.period.from);
      const to = Date.parse(detail.period.to);
      const lowest = Math.min(0, ...detail.burnDown.map(({ left }) => left * 100));
      return {
        grid: { left: 44, right: 12, top: 22, bottom: 24 },
        tooltip: tooltip(colour, (value) => `${Math.floor(value)} %`),
        xAxis: axis(colour, { type: 'time', min: from, max: to }),
        yAxis: axis(colour, { type: 'value', max: 100, min: Math.floor(lowest / 25) * 25, formatter: '{value} %' }),
        series: [
          {
            name: 'left',
            type: 'line',
            showSymbol: false,
            lineStyle: { color: colour('text'), width: 2 },
            itemStyle: { color: colour('text') },
            areaStyle: { color: colour('surface-3'), opacity: 0.5, origin: 'start' },
            data: detail.burnDown.map(({ at, left }) => [Date.parse(at), left * 100]),
            markLine: {
              symbol: 'none',
              silent: true,
              lineStyle: { color: colour('text-3'), type: 'dotted' },
              label: { color: colour('text-2'), fontSize: 11, formatter: (mark: { name: string }) => mark.name },
              data: detail.deploys.slice(0, 12).map(({ at, deployment, type }) => ({
                name: type === 'deploy.rolled_back' ? `↩ ${deployment}` : `◆ ${deployment}`,
                xAxis: Date.parse(at),
              })),
            },
            markArea: {
              silent: true,
              itemStyle: { color: colour('maintenance'), opacity: 0.25 },
              data: detail.maintenance.map(({ start, end }) => [{ xAxis: Date.parse(start) }, { xAxis: Date.parse(end) }]),
            },
          },
          {
            name: 'even spending',
            type: 'line',
            showSymbol: false,
            silent: true,
            lineStyle: { color: colour('context'), width: 1, type: 'dashed' },
            itemStyle: { color: colour('context') },
            data: [
              [from, 100],
              [to, 0],
            ],
          },
        ],
      };
    },
    [detail],
  );
  const text = sentence(slo.forecast, now);
  return (
    <Panel title="Budget" scope="left of this period, dashed: even spending, ◆ deploys" className="wide">
      <Chart theme={theme} option={option} label={`Error budget: ${last ? budget(last.left) : 'nothing'} left. ${text}`} />
      <p className="key">{text}</p>
    </Panel>
  );
}

/** Until when it lasts, and how sure that is. */
function sentence(forecast: OverviewSlo['forecast'], now: number): string {
  if (forecast === null) return 'Too few events to say until when it lasts.';
  const { emptyAt, earliest, latest, isSpent, window } = forecast;
  if (isSpent) return 'It is spent.';
  const rate = `At the rate of the last ${window === '1d' ? 'day' : window}`;
  if (emptyAt === null) return `${rate} it lasts${earliest ? `; at the worst (95 %) it is empty ${moment(earliest, now)}` : ''}.`;
  const range = `${earliest ? moment(earliest, now) : 'now'} to ${latest ? moment(latest, now) : 'never'}`;
  return `${rate} it is ${outlook(forecast, now)}, ${moment(emptyAt, now)} (${range}, 95 %).`;
}
