/** Attempts along the last day: all of them, and those that were bad, with the deploys of that day. */
import { useCallback, useMemo } from 'react';
import type { Overview, PanelData } from '../api.ts';
import { Chart, type Colours } from './chart.tsx';
import { count } from './format.ts';
import { Panel, PanelState, usePanel } from './panel.tsx';

const HOURS = 24;

interface Bucket {
  time: number;
  good: number;
  bad: number;
}

/** ClickHouse writes times without a zone; they are UTC. */
const toMs = (text: string) => Date.parse(`${text.replace(' ', 'T')}Z`);

function buckets(data: PanelData): Bucket[] {
  const found = new Map<number, Bucket>();
  for (const row of data.rows) {
    const time = toMs(String(row.time));
    const bucket = found.get(time) ?? { time, good: 0, bad: 0 };
    if (row.result === 'completed') bucket.good += Number(row.attempts);
    else bucket.bad += Number(row.attempts);
    found.set(time, bucket);
  }
  return [...found.values()];
}

export function AttemptsChart({ overview, evaluation, theme }: { overview: Overview; evaluation: number; theme: string }) {
  const loaded = usePanel('attempts-by-result', HOURS, { overview, evaluation });
  return (
    <Panel title="Attempts" scope={`last ${HOURS} h, 15-minute bars; blue: did not complete in time`} className="wide" data={loaded.data}>
      <PanelState loaded={loaded} empty="No attempt has settled in the last 24 hours.">
        {(data) => <Bars data={data} overview={overview} theme={theme} />}
      </PanelState>
    </Panel>
  );
}

function Bars({ data, overview, theme }: { data: PanelData; overview: Overview; theme: string }) {
  const bars = useMemo(() => buckets(data), [data]);
  const all = bars.reduce((sum, { good, bad }) => sum + good + bad, 0);
  const bad = bars.reduce((sum, each) => sum + each.bad, 0);
  const option = useCallback(
    (colour: Colours) => {
      const end = Date.parse(overview.at);
      const series = (name: string, pick: (bucket: Bucket) => number, fill: string) => ({
        name,
        type: 'bar',
        stack: 'attempts',
        barMaxWidth: 10,
        itemStyle: { color: fill },
        data: bars.map((bucket) => [bucket.time, pick(bucket)]),
      });
      const deploys = overview.changes
        .filter(({ type, time }) => type.startsWith('deploy.') && Date.parse(time) > end - HOURS * 3_600_000)
        .map(({ deployment, time }) => ({
          xAxis: Date.parse(time),
          label: { formatter: `◆ ${deployment}`, color: colour('text-2'), fontSize: 11 },
        }));
      return {
        grid: { left: 34, right: 8, top: 22, bottom: 24 },
        tooltip: {
          trigger: 'axis',
          backgroundColor: colour('surface-2'),
          borderColor: colour('line-2'),
          textStyle: { color: colour('text'), fontSize: 12 },
        },
        xAxis: {
          type: 'time',
          min: end - HOURS * 3_600_000,
          max: end,
          axisLabel: { color: colour('text-3'), fontSize: 11, hideOverlap: true },
          axisLine: { lineStyle: { color: colour('line-2') } },
          splitLine: { show: false },
        },
        yAxis: {
          type: 'value',
          minInterval: 1,
          splitNumber: 3,
          axisLabel: { color: colour('text-3'), fontSize: 11 },
          splitLine: { lineStyle: { color: colour('line') } },
        },
        series: [
          {
            ...series('not in time', ({ bad: n }) => n, colour('accent')),
            markLine: { symbol: 'none', silent: true, lineStyle: { color: colour('text-3'), type: 'dotted' }, data: deploys },
          },
          series('completed', ({ good }) => good, colour('context')),
        ],
      };
    },
    [bars, overview],
  );
  return (
    <Chart
      theme={theme}
      option={option}
      label={`Attempts of the last ${HOURS} hours: ${count(all)} settled, ${count(bad)} of them did not complete in time.`}
    />
  );
}
