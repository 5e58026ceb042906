/** The shell and its pages: the answer first, then what stands behind it. */
import { Fragment, useEffect, useState } from 'react';
import type { Overview } from './api.ts';
import { AttemptPage } from './pages/attempt-page.tsx';
import { DashboardPage } from './pages/dashboard-page.tsx';
import { FindingList } from './pages/findings/finding-list.tsx';
import { FindingPage } from './pages/findings/finding-page.tsx';
import { IncidentList } from './pages/incidents/incident-list.tsx';
import { IncidentPage } from './pages/incidents/incident-page.tsx';
import { RunbookList, RunbookPage } from './pages/runbook-page.tsx';
import { SignOut } from './pages/sign-in.tsx';
import { SloPage } from './pages/slo-page.tsx';
import { SourceList } from './pages/sources/source-list.tsx';
import { AttemptsChart } from './parts/attempts-chart.tsx';
import { Changes } from './parts/changes.tsx';
import { EventList } from './parts/event-list.tsx';
import { Flags } from './parts/flags.tsx';
import { duration, moment, zone } from './parts/format.ts';
import { Icon } from './parts/icons.tsx';
import { SuccessMatrix } from './parts/matrix.tsx';
import { SloTable, WORDS } from './parts/slo-table.tsx';
import { Waiting } from './parts/waiting.tsx';
import { type Live, useLive } from './use-live.ts';

/** The pages of the rail, by their path; what stands below one belongs to it. */
const PAGES = [
  { path: '/overview', title: 'Overview', icon: 'overview', group: 'Operate' },
  { path: '/incidents', title: 'Incidents', icon: 'incidents', group: 'Operate' },
  { path: '/slos', title: 'SLOs', icon: 'slos', group: 'Operate' },
  { path: '/runbooks', title: 'Runbooks', icon: 'runbook', group: 'Operate' },
  { path: '/sources', title: 'Sources', icon: 'sources', group: 'Operate' },
  { path: '/findings', title: 'Findings', icon: 'findings', group: 'Secure' },
  { path: '/dashboards/oncall', title: 'On call', icon: 'dashboard', group: 'Dashboards' },
  { path: '/dashboards/debug', title: 'Debug', icon: 'dashboard', group: 'Dashboards' },
  { path: '/dashboards/secops', title: 'SecOps', icon: 'dashboard', group: 'Dashboards' },
  { path: '/dashboards/provider-and-cost', title: 'Providers & cost', icon: 'dashboard', group: 'Dashboards' },
  { path: '/dashboards/executive', title: 'Executive', icon: 'dashboard', group: 'Dashboards' },
] as const;
const GROUPS = ['Operate', 'Secure', 'Dashboards'] as const;

/** Which page the address names, and which thing on it. */
function addressed(): { page: string; name: string | undefined; title: string } {
  const [, page = 'overview', second] = location.pathname.split('/');
  const name = second ? decodeURIComponent(second) : undefined;
  const title = PAGES.find(({ path }) => path === location.pathname)?.title ?? PAGES.find(({ path }) => path === `/${page}`)?.title;
  return { page: page || 'overview', name, title: title ?? (page === 'attempts' ? 'Attempts' : page === '' ? 'Overview' : 'No such page') };
}

export function App() {
  const { page, name, title } = addressed();
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
            <b>
              {name === undefined || page === 'dashboards' ? (
                title
              ) : (
                <>
                  {page === 'attempts' ? title : <a href={`/${page}`}>{title}</a>} / {name}
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
            <SignOut />
          </header>
          <main id="main">
            {page === 'overview' ? (
              <Content live={live} now={now} theme={theme} isPaused={isPaused} onPause={() => setPaused(!isPaused)} />
            ) : (
              <Page page={page} name={name} live={live} now={now} theme={theme} />
            )}
          </main>
        </div>
      </div>
    </>
  );
}

/** The page that the address names, but for the overview. */
function Page({ page, name, live, now, theme }: { page: string; name: string | undefined; live: Live; now: number; theme: string }) {
  if (page === 'runbooks') return name === undefined ? <RunbookList /> : <RunbookPage name={name} />;
  if (page === 'incidents')
    return name === undefined ? <IncidentList live={live} now={now} /> : <IncidentPage id={name} live={live} now={now} theme={theme} />;
  if (page === 'findings')
    return name === undefined ? <FindingList live={live} now={now} /> : <FindingPage id={name} live={live} now={now} />;
  if (page === 'sources' && name === undefined) return <SourceList live={live} now={now} />;
  if (page === 'slos' && name === undefined) return <SloList live={live} now={now} />;
  if (name === undefined || !['slos', 'attempts', 'dashboards'].includes(page)) return <NoSuchPage />;
  if (page === 'attempts') return <AttemptPage id={name} live={live} now={now} />;
  if (page === 'dashboards') return <DashboardPage name={name} live={live} now={now} theme={theme} />;
  return <SloPage name={name} live={live} now={now} theme={theme} />;
}

function NoSuchPage() {
  return (
    <div className="verdict">
      <div>
        <h1>There is no such page.</h1>
        <p>
          Nothing is at <code>{location.pathname}</code>. The pages stand on the left; <a href="/overview">the Overview</a> is a good
          beginning.
        </p>
      </div>
    </div>
  );
}

function Rail({ overview, now }: { overview: Overview | undefined; now: number }) {
  const age = overview?.newestEvent ? duration(Math.max(0, (now - Date.parse(overview.newestEvent)) / 1_000)) : '–';
  const here = location.pathname === '/' ? '/overview' : location.pathname;
  return (
    <aside className="rail">
      <a className="brand" href="/overview">
        <Icon name="mark" />
        Muster
      </a>
      <nav className="nav" aria-label="Pages">
        {GROUPS.map((group) => (
          <Fragment key={group}>
            <p className="nav-title">{group}</p>
            {PAGES.filter((each) => each.group === group).map(({ path, title, icon }) => (
              <a key={path} href={path} aria-current={here === path || here.startsWith(`${path}/`) ? 'page' : undefined}>
                <Icon name={icon} />
                {title}
              </a>
            ))}
          </Fragment>
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
      <Flags hours={24} overview={overview} evaluation={evaluation}>
        <AttemptsChart overview={overview} evaluation={evaluation} theme={theme} />
      </Flags>
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
          <li key={alert.finding}>
            <span className={`chip ${alert.severity}`}>
              <Icon name={alert.severity} />
              {WORDS[alert.severity]}
            </span>
            <span>
              {alert.summary}
              <small>since {moment(alert.since, now)}</small>
            </span>
            {alert.incident !== '' && <a href={`/incidents/${encodeURIComponent(alert.incident)}`}>{alert.incident}</a>}
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
