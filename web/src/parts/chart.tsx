/** An ECharts chart in the colours of the theme; a sentence is its name for those who do not see it. */
import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { type EChartsCoreOption, getInstanceByDom, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'react';

use([BarChart, LineChart, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

export type Colours = (name: string) => string;

/** The value of a token in the theme that is shown. */
export const token: Colours = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export function Chart({ label, option, theme }: { label: string; option: (colours: Colours) => EChartsCoreOption; theme: string }) {
  const box = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the theme changes what the tokens are.
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const chart = init(element);
    const observer = new ResizeObserver(() => chart.resize());
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
  }, [option, theme]);
  return <div ref={box} className="chart" role="img" aria-label={label} />;
}
