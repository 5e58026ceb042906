/** Burn rates of a pair along the last day, long and short window against the threshold, on a log axis. */
import { useCallback, useState } from 'react';
import type { SloDetail } from '../api.ts';
import { Chart, type Colours } from './chart.tsx';
import { axis, tooltip } from './chart-parts.ts';
import { burn } from './format.ts';
import { Panel } from './panel.tsx';

/** A log axis has no zero: what burns less is drawn here. */
const FLOOR = 0.1;

export function BurnChart({ detail, theme }: { detail: SloDetail; theme: string }) {
  const [chosen, setChosen] = useState(detail.pairs[0]?.name);
  const pair = detail.pairs.find(({ name }) => name === chosen) ?? detail.pairs[0];
  const points = detail.burn.find((each) => each.pair === pair?.name)?.points ?? [];
  const option = useCallback(
    (colour: Colours) => {
      const line = (name: string, key: 'long' | 'short', color: string, width: number) => ({
        name,
        type: 'line',
        showSymbol: false,
        connectNulls: false,
        lineStyle: { color, width },
        itemStyle: { color },
        data: points.map((point) => [Date.parse(point.at), point[key] === null ? null : Math.max(FLOOR, point[key])]),
      });
      return {
        grid: { left: 44, right: 12, top: 12, bottom: 24 },
        tooltip: tooltip(colour, (value) => (value <= FLOOR ? `≤ ${FLOOR}×` : burn(value))),
        xAxis: axis(colour, { type: 'time' }),
        yAxis: axis(colour, { type: 'log', min: FLOOR, max: 100, formatter: '{value}×' }),
        series: [
          line(pair?.short ?? 'short', 'short', colour('context'), 1.25),
          {
            ...line(pair?.long ?? 'long', 'long', colour('text'), 2),
            markLine: {
              symbol: 'none',
              silent: true,
              lineStyle: { color: colour('page'), type: 'solid', width: 1 },
              label: {
                position: 'insideStartTop',
                color: colour('page'),
                fontSize: 11,
                formatter: `fires above ${burn(pair?.fittedFactor ?? null)}`,
              },
              data: [{ yAxis: pair?.fittedFactor ?? 1 }],
            },
          },
        ],
      };
    },
    [points, pair],
  );
  const now = points.at(-1);
  return (
    <Panel
      title="Burn rate"
      scope={`last 24 h, log; bright: ${pair?.long}, grey: ${pair?.short}; gaps: no traffic`}
      tools={detail.pairs.map(({ name, long, short }) => (
        <button key={name} type="button" className="tool" aria-expanded={name === pair?.name} onClick={() => setChosen(name)}>
          {long} and {short}
        </button>
      ))}
    >
      <Chart
        theme={theme}
        option={option}
        label={`Burn rates over ${pair?.long} and ${pair?.short} in the last 24 hours: now ${burn(now?.long ?? null)} and ${burn(now?.short ?? null)}, fires above ${burn(pair?.fittedFactor ?? null)}.`}
      />
    </Panel>
  );
}
