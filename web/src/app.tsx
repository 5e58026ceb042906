/** The shell and its one page so far, the Overview: the answer first, then what stands behind it. */
import { useEffect, useState } from 'react';
import type { Overview } from './api.ts';
import { AttemptsChart } from './attempts-chart.tsx';
import { Changes } from './changes.tsx';
import { EventList } from './event-list.tsx';
import { duration, zone } from './format.ts';
import { Icon } from './icons.tsx';
import { SloTable } from './slo-table.tsx';
import { SuccessMatrix } from './success-matrix.tsx';
import { type Live, useLive } from './use-live.ts';

export function App() {
  const [isPaused, setPaused] = useState(false);
  const [theme, setTheme] = useState(document.documentElement.dataset.theme ?? 'dark');
  const live = useLive(isPaused);
  const now = useClock();
  const flip = () => {
    const next = theme === 'dark' ? 'light' : 'dark';
    document.documentElement.dataset.theme = next;
    localStorage.setItem('muster-theme', next);
    setTheme(next);
  };
  return (
    <>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <div className="shell">
        <Rail overview={live.overview} now={now} />
        <div>
          <header className="top">
            <b>Overview</b>
            <span className={`live ${live.isConnected && !isPaused ? '' : 'off'}`}>
              <i />
              {isPaused ? 'Paused' : live.isConnected ? 'Live' : 'Not connected'}
            </span>
            <span className="quiet nowrap">{zone()}</span>
            <button type="button" className="button" onClick={flip}>
              {theme === 'dark' ? 'Light' : 'Dark'}
              <span className="hidden"> theme</span>
            </button>
          </header>
          <main id="main">
            <Content live={live} now={now} theme={theme} isPaused={isPaused} onPause={() => setPaused(!isPaused)} />
          </main>
        </div>
      </div>
    </>
  );
}

function Rail({ overview, now }: { overview: Overview | undefined; now: number }) {
  const age = overview?.newestEvent ? duration(Math.max(0, (now - Date.parse(overview.newestEvent)) / 1_000)) : '–';
  return (
    <aside className="rail">
      <a className="brand" href="/overview">
        <Icon name="mark" />
        Muster
      </a>
      <nav className="nav" aria-label="Pages">
        <p className="nav-title">Operate</p>
        <a href="/overview" aria-current="page">
          <Icon name="overview" />
          Overview
        </a>
      </nav>
      <dl>
        <div>
          <dt>Newest event</dt>
          <dd>{age === '–' ? age : `${age} ago`}</dd>
        </div>
        <div>
          <dt>Version</dt>
          <dd>{overview?.version ?? '–'}</dd>
        </div>
      </dl>
    </aside>
  );
}

function Content({
  live,
  now,
  theme,
  isPaused,
  onPause,
}: {
  live: Live;
  now: number;
  theme: string;
  isPaused: boolean;
  onPause: () => void;
}) {
  const { overview, problem, events, evaluation } = live;
  if (!overview) {
    return (
      <>
        <div className="verdict">
          <h1>{problem ? 'Muster is starting.' : 'Loading.'}</h1>
        </div>
        <p className="note">{problem ?? 'Asking for the figures.'}</p>
      </>
    );
  }
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>{overview.verdict.headline}</h1>
          <p>{overview.verdict.detail}</p>
        </div>
        <a className="button" href="/runbooks/error-budget-burn">
          Runbook
        </a>
      </div>
      {problem && (
        <p className="fill" role="status">
          The figures are from {new Date(overview.at).toLocaleTimeString()}: {problem}
        </p>
      )}
      {overview.fill && (
        <div className="fill" role="status">
          <span>
            The history of the demo is filled in: {overview.fill.done} of {overview.fill.total} days. Figures grow until it is complete.
          </span>
          <progress aria-label="Days of history" value={overview.fill.done} max={overview.fill.total} />
        </div>
      )}
      <AttemptsChart overview={overview} evaluation={evaluation} theme={theme} />
      <Changes changes={overview.changes} now={now} />
      <SloTable slos={overview.slos} now={now} />
      <SuccessMatrix overview={overview} evaluation={evaluation} />
      <EventList events={events} isPaused={isPaused} onPause={onPause} />
      {overview.newestEvent === null && !overview.fill && <FirstEvent />}
    </>
  );
}

function FirstEvent() {
  const command = `curl ${location.origin}/v1/events -H 'content-type: application/json' -d '{"id":"1","type":"enrollment.started","time":"${new Date().toISOString()}","source":"my-app","attempt_id":"a-1","user":"ada@example.org","factor_type":"totp"}'`;
  return (
    <section className="panel" aria-label="Send the first event">
      <div className="note">
        <b>Send the first event</b>
        One call is enough; the attempt counts once it ends, or after ten minutes of silence.
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1). */}
        <pre tabIndex={0}>{command}</pre>
      </div>
    </section>
  );
}

/** The time, to the second, for ages. */
function useClock(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
