/** Axes and tooltips that all line charts share. */
import type { Colours } from './chart.tsx';

export const axis = (colour: Colours, { formatter, ...more }: { type: string; formatter?: string } & Record<string, unknown>) => ({
  axisLabel: { color: colour('text-3'), fontSize: 11, hideOverlap: true, ...(formatter !== undefined && { formatter }) },
  axisLine: { lineStyle: { color: colour('line-2') } },
  splitLine: { show: more.type !== 'time', lineStyle: { color: colour('line') } },
  splitNumber: 4,
  ...more,
});

export const tooltip = (colour: Colours, format: (value: number) => string) => ({
  trigger: 'axis',
  backgroundColor: colour('surface-2'),
  borderColor: colour('line-2'),
  textStyle: { color: colour('text'), fontSize: 12 },
  valueFormatter: (value: unknown) => (typeof value === 'number' ? format(value) : '–'),
});
