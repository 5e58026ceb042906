/** Minutes that were out of the ordinary, as marks on every chart of a page: each leads to its incident. */
import { createContext, type ReactNode, useContext, useMemo } from 'react';
import type { Overview, PanelRow } from '../api.ts';
import { count, exact } from './format.ts';
import { usePanel } from './panel.tsx';

/** What was flagged of one cause, or by itself. */
export interface FlagMark {
  from: number;
  to: number;
  /** Empty while it is in none. */
  incident: string;
  /** In words: what, where, until when. */
  text: string;
}

/** More marks than these cannot be told apart; the newest are shown. */
const MAX_MARKS = 30;
const FlagsContext = createContext<readonly FlagMark[]>([]);
export const useFlags = (): readonly FlagMark[] => useContext(FlagsContext);

/** ClickHouse writes times without a zone; they are UTC. */
const toMs = (text: unknown) => Date.parse(`${String(text).replace(' ', 'T')}Z`);

/** One mark for an incident, and one for each run of flags that is in none. */
function marksOf(rows: readonly PanelRow[]): FlagMark[] {
  const groups = Map.groupBy(rows, (row) => String(row.incident ?? '') || JSON.stringify(row));
  return [...groups.values()]
    .map((of): FlagMark => {
      const [from, to] = [Math.min(...of.map(({ time }) => toMs(time))), Math.max(...of.map(({ last }) => toMs(last))) + 60_000];
      const [first] = of.toSorted((a, b) => toMs(a.time) - toMs(b.time));
      const incident = String(first?.incident ?? '');
      const what = `${String(first?.detector).replaceAll('_', ' ')}, ${String(first?.what)}`;
      const more = of.length > 1 ? ` and ${count(of.length - 1)} more` : '';
      return { from, to, incident, text: `${exact(from)} to ${exact(to)}: ${what}${more}${incident === '' ? '' : ` (${incident})`}` };
    })
    .sort((a, b) => b.from - a.from)
    .slice(0, MAX_MARKS);
}

/** Asks what was flagged in the hours up to the overview's moment, for the charts within. */
export function Flags({
  hours,
  overview,
  evaluation,
  children,
}: {
  hours: number;
  overview: Overview;
  evaluation: number;
  children: ReactNode;
}) {
  const { data } = usePanel('anomaly-flags', hours, { overview, evaluation });
  const marks = useMemo(() => marksOf(data?.rows ?? []), [data]);
  return <FlagsContext.Provider value={marks}>{children}</FlagsContext.Provider>;
}

/** Nearer to one another they could not be told apart, nor hit: the newest stands for both. */
const APART_PIXELS = 24;

/** @param at position of a moment in the chart in pixels; undefined where it is not shown */
export function FlagMarks({ marks, at }: { marks: readonly FlagMark[]; at: (time: number) => number | undefined }) {
  const shown: (FlagMark & { left: number })[] = [];
  for (const mark of marks) {
    const left = at(mark.from);
    if (left === undefined) continue;
    const near = shown.at(-1);
    if (near && near.left - left < APART_PIXELS) near.text += `; ${mark.text}`;
    else shown.push({ ...mark, left });
  }
  return (
    <div className="flags">
      {shown.map(({ from, incident, text, left }) => {
        const key = `${from} ${text}`;
        return incident === '' ? (
          <span key={key} style={{ left }} title={text}>
            ▽
          </span>
        ) : (
          <a key={key} style={{ left }} title={text} aria-label={`Flagged ${text}`} href={`/incidents/${encodeURIComponent(incident)}`}>
            ▼
          </a>
        );
      })}
    </div>
  );
}
