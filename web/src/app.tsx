/** The shell and its pages: the answer first, then what stands behind it. */
import { useEffect, useState } from 'react';
import type { Overview } from './api.ts';
import { AttemptsChart } from './attempts-chart.tsx';
import { Changes } from './changes.tsx';
import { EventList } from './event-list.tsx';
import { duration, moment, zone } from './format.ts';
import { Icon } from './icons.tsx';
import { SloPage } from './slo-page.tsx';
import { SloTable, WORDS } from './slo-table.tsx';
import { SuccessMatrix } from './success-matrix.tsx';
import { type Live, useLive } from './use-live.ts';
import { Waiting } from './waiting.tsx';

/** The pages, by their path. */
const PAGES = {
  overview: { path: '/overview', title: 'Overview' },
  slos: { path: '/slos', title: 'SLOs' },
} as const;
type PageName = keyof typeof PAGES;

/** Which page the address names, and of which SLO. */
function addressed(): { page: PageName; slo: string | undefined } {
  const [, first, second] = location.pathname.split('/');
  return { page: first === 'slos' ? 'slos' : 'overview', slo: second ? decodeURIComponent(second) : undefined };
}

export function App() {
  const { page, slo } = addressed();
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
        <Rail overview={live.overview} now={now} page={page} />
        <div>
          <header className="top">
            <b>
              {slo === undefined ? (
                PAGES[page].title
              ) : (
                <>
                  <a href={PAGES.slos.path}>SLOs</a> / {slo}
                </>
              )}
            </b>
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
            {slo !== undefined ? (
              <SloPage name={slo} live={live} now={now} theme={theme} />
            ) : page === 'slos' ? (
              <SloList live={live} now={now} />
            ) : (
              <Content live={live} now={now} theme={theme} isPaused={isPaused} onPause={() => setPaused(!isPaused)} />
            )}
          </main>
        </div>
      </div>
    </>
  );
}

function Rail({ overview, now, page }: { overview: Overview | undefined; now: number; page: PageName }) {
  const age = overview?.newestEvent ? duration(Math.max(0, (now - Date.parse(overview.newestEvent)) / 1_000)) : '–';
  return (
    <aside className="rail">
      <a className="brand" href="/overview">
        <Icon name="mark" />
        Muster
      </a>
      <nav className="nav" aria-label="Pages">
        <p className="nav-title">Operate</p>
        {(Object.keys(PAGES) as PageName[]).map((name) => (
          <a key={name} href={PAGES[name].path} aria-current={name === page ? 'page' : undefined}>
            <Icon name={name} />
            {PAGES[name].title}
          </a>
        ))}
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
  if (!overview) return <Waiting problem={problem} />;
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
      {overview.alerts.length > 0 && <AlertList alerts={overview.alerts} now={now} />}
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

/** Alerts beside the burn rates: a provider that is out, people locked out, silence. */
function AlertList({ alerts, now }: { alerts: Overview['alerts']; now: number }) {
  return (
    <section className="panel alerts" aria-label="Alerts beside the burn rates">
      <ul>
        {alerts.map((alert) => (
          <li key={`${alert.alert}-${alert.provider}-${alert.region}-${alert.deployment}`}>
            <span className={`chip ${alert.severity}`}>
              <Icon name={alert.severity} />
              {WORDS[alert.severity]}
            </span>
            <span>
              {alert.summary}
              <small>since {moment(alert.since, now)}</small>
            </span>
            <a href={alert.runbook}>Runbook</a>
          </li>
        ))}
      </ul>
    </section>
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

/** All SLOs with budget and state. */
function SloList({ live, now }: { live: Live; now: number }) {
  if (!live.overview) return <Waiting problem={live.problem} />;
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>{live.overview.verdict.headline}</h1>
          <p>{live.overview.verdict.detail}</p>
        </div>
      </div>
      <SloTable slos={live.overview.slos} now={now} />
    </>
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
