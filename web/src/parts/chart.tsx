/** An ECharts chart in the colours of the theme; a sentence is its name for those who do not see it. */
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { type EChartsCoreOption, getInstanceByDom, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef, useState } from 'react';
import { FlagMarks, useFlags } from './flags.tsx';

use([BarChart, LineChart, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

export type Colours = (name: string) => string;

/** The value of a token in the theme that is shown. */
export const token: Colours = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** Where a moment is in a chart along time; undefined where it is outside of what is drawn, or another axis is. */
function positionOf(element: HTMLElement | null, time: number): number | undefined {
  const chart = element ? getInstanceByDom(element) : undefined;
  const axes = (chart?.getOption()?.xAxis ?? []) as { type?: string }[];
  if (
    !chart ||
    axes[0]?.type !== 'time' ||
    !chart.containPixel({ gridIndex: 0 }, [chart.convertToPixel({ xAxisIndex: 0 }, time), chart.getHeight() / 2])
  )
    return undefined;
  return chart.convertToPixel({ xAxisIndex: 0 }, time);
}

export function Chart({ label, option, theme }: { label: string; option: (colours: Colours) => EChartsCoreOption; theme: string }) {
  const box = useRef<HTMLDivElement>(null);
  const marks = useFlags();
  /** Counts what moves the marks: other options, another size. */
  const [drawn, setDrawn] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the tokens are.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const chart = init(element);
    const observer = new ResizeObserver(() => {
      chart.resize();
      setDrawn((before) => before + 1);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.dispose();
    };
  }, [theme]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new theme made a new chart, which has no options yet.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    // The chart lives as long as the theme; new data only sets new options, so that an open tooltip stays.
    getInstanceByDom(element)?.setOption({ animation: false, ...option(token) });
    setDrawn((before) => before + 1);
  }, [option, theme]);
  return (
    <div className="charted">
      <div ref={box} className="chart" role="img" aria-label={label} />
      {drawn > 0 && <FlagMarks marks={marks} at={(time) => positionOf(box.current, time)} />}
    </div>
  );
}
