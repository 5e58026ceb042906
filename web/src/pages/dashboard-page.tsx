/** A dashboard: the panels that Grafana shows, on Muster's own page, over the range that is chosen. */
import { useEffect, useState } from 'react';
import { get, type Overview, type ShownDashboard, type ShownPanel } from '../api.ts';
import { Flags } from '../parts/flags.tsx';
import { moment } from '../parts/format.ts';
import { Panel, PanelState, usePanel } from '../parts/panel.tsx';
import { PanelView } from '../parts/panel-view.tsx';
import { Waiting } from '../parts/waiting.tsx';
import type { Live } from '../use-live.ts';

const RANGES = [
  [1, '1 h'],
  [6, '6 h'],
  [24, '1 d'],
  [168, '7 d'],
  [720, '30 d'],
] as const;
const MAX_HOURS = 720;

export function DashboardPage({ name, live, now, theme }: { name: string; live: Live; now: number; theme: string }) {
  const { dashboards, problem } = useDashboards();
  const [chosen, setChosen] = useState<number | undefined>(rangeInAddress());
  const dashboard = dashboards?.find((each) => each.name === name);
  if (dashboards && !dashboard) {
    return (
      <div className="verdict">
        <h1>No dashboard is called {name}.</h1>
      </div>
    );
  }
  if (!dashboard || !live.overview) return <Waiting problem={problem ?? live.problem} />;
  const { overview, evaluation } = live;
  const hours = chosen ?? dashboard.hours;
  const choose = (next: number) => {
    const query = new URLSearchParams(location.search);
    query.set('from', `now-${next}h`);
    history.replaceState(null, '', `?${query}`);
    setChosen(next);
  };
  return (
    <>
      <div className="verdict">
        <div>
          <h1>{dashboard.title}</h1>
          <p>{dashboard.question}</p>
          {live.problem && (
            <p className="key" role="status">
              Nothing is newer than {moment(overview.at, now)}: {live.problem}
            </p>
          )}
        </div>
        <fieldset className="ranges">
          <legend className="hidden">Time range</legend>
          {RANGES.map(([length, text]) => (
            <button key={length} type="button" className="button" aria-pressed={length === hours} onClick={() => choose(length)}>
              {text}
            </button>
          ))}
        </fieldset>
      </div>
      <Flags hours={hours} overview={overview} evaluation={evaluation}>
        {dashboard.panels.map((panel) => (
          <ShownInPanel key={panel.name} panel={panel} hours={hours} overview={overview} evaluation={evaluation} theme={theme} now={now} />
        ))}
      </Flags>
    </>
  );
}

const CLASSES: Partial<Record<ShownPanel['kind'], string>> = { table: 'lines', stat: 'stat' };

/** `?from=now-6h`, as in Grafana. */
function rangeInAddress(): number | undefined {
  const hours = /^now-(\d{1,4})h$/.exec(new URLSearchParams(location.search).get('from') ?? '')?.[1];
  return hours === undefined ? undefined : Math.min(Math.max(1, Number(hours)), MAX_HOURS);
}

function useDashboards() {
  const [dashboards, setDashboards] = useState<ShownDashboard[]>();
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    get<ShownDashboard[]>('/api/dashboards').then(setDashboards, (error: Error) => setProblem(error.message));
  }, []);
  return { dashboards, problem };
}

interface ShownInPanelProps {
  panel: ShownPanel;
  hours: number;
  overview: Overview;
  evaluation: number;
  theme: string;
  now: number;
}

function ShownInPanel({ panel, hours, overview, evaluation, theme, now }: ShownInPanelProps) {
  const loaded = usePanel(panel.name, hours, { overview, evaluation });
  // Grafana has 24 columns, the page 12.
  const columns = Math.max(3, Math.ceil(panel.span / 2));
  return (
    <Panel
      title={panel.title}
      className={`spanned ${CLASSES[panel.kind] ?? ''}`}
      columns={columns}
      help={panel.description}
      hasTable={panel.kind !== 'stat' && panel.kind !== 'table'}
      data={loaded.data}
    >
      <PanelState loaded={loaded} empty="Nothing in this range.">
        {(data) => <PanelView panel={panel} rows={data.rows} theme={theme} now={now} />}
      </PanelState>
    </Panel>
  );
}
