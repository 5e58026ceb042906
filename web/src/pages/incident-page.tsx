/** Incidents: what is not over and what cost most; and one of them, from its first sign to its end. */
import { Fragment, type ReactNode, useEffect, useState } from 'react';
import { get, type IncidentDetail, post, type ShownIncident, type ShownSuppression } from '../api.ts';
import { count, duration, exact, moment } from '../parts/format.ts';
import { Icon } from '../parts/icons.tsx';
import { LeadSeriesChart } from '../parts/lead-series.tsx';
import { Panel, Scroll } from '../parts/panel.tsx';
import { Waiting } from '../parts/waiting.tsx';
import type { Live } from '../use-live.ts';

const STATUS: Readonly<Record<ShownIncident['status'], string>> = {
  open: 'Open',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  dismissed: 'Dismissed',
  merged: 'Merged',
};
const isOver = ({ status }: ShownIncident): boolean => status !== 'open' && status !== 'acknowledged';
const secondsBetween = (from: string, to: string | null): number | undefined =>
  to === null ? undefined : Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000);
const lasted = (seconds: number | undefined): string => (seconds === undefined ? '–' : seconds < 1 ? 'at once' : duration(seconds));
/** A share of an error budget, which may be more than all of it. */
const spentText = (budgetSpent: number): string => `${(100 * budgetSpent).toFixed(1)}\u00a0%`;

/** What a route answers, asked again with each evaluation; the old answer stays until the new is there. */
function useAnswer<T>(path: string, renewal: number) {
  const [answer, setAnswer] = useState<T>();
  const [problem, setProblem] = useState<string>();
  // biome-ignore lint/correctness/useExhaustiveDependencies: a renewal asks again, though the address is the same.
  useEffect(() => {
    let isGone = false;
    get<T>(path).then(
      (found) => !isGone && setAnswer(found),
      (error: Error) => !isGone && setProblem(error.message),
    );
    return () => {
      isGone = true;
    };
  }, [path, renewal]);
  return { answer, problem };
}

export function IncidentList({ live, now }: { live: Live; now: number }) {
  const { answer, problem } = useAnswer<ShownIncident[]>('/api/incidents', live.evaluation);
  if (!answer) return <Waiting problem={problem} />;
  const all = answer.filter(({ status }) => status !== 'merged');
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>{headline(all)}</h1>
          <p>{worst(all, now)}</p>
        </div>
      </div>
      <ListFacts incidents={all} />
      <Panel title="Incidents" scope="30 days, and all that are not over" className="lines">
        {all.length === 0 ? (
          <p className="note">
            <b>No incident in 30 days.</b>
            Series are watched from the third day of history on.
          </p>
        ) : (
          <Scroll label="Incidents">
            <table>
              <thead>
                <tr>
                  <th scope="col">Severity</th>
                  <th scope="col">What, where</th>
                  <th scope="col">Began</th>
                  <th scope="col" className="right">
                    Budget spent
                  </th>
                  <th scope="col" className="right">
                    People hit
                  </th>
                  <th scope="col" className="right">
                    Detected in
                  </th>
                  <th scope="col" className="right">
                    Mitigated in
                  </th>
                  <th scope="col">Who</th>
                </tr>
              </thead>
              <tbody>
                {all.map((incident) => (
                  <Row key={incident.id} incident={incident} now={now} />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Panel>
      <HeldBack renewal={live.evaluation} now={now} />
    </>
  );
}

/** What begins no incident since somebody dismissed one of it. */
function HeldBack({ renewal, now }: { renewal: number; now: number }) {
  const { answer } = useAnswer<ShownSuppression[]>('/api/suppressions', renewal);
  if (!answer || answer.length === 0) return null;
  return (
    <Panel title="Held back" scope="since an incident of it was dismissed; muster suppressions end takes one back" className="lines">
      <Scroll label="Held back">
        <table>
          <thead>
            <tr>
              <th scope="col">What, where</th>
              <th scope="col">Why</th>
              <th scope="col">Until</th>
              <th scope="col" className="right">
                Minutes held back
              </th>
            </tr>
          </thead>
          <tbody>
            {answer.map(({ detector, metric, dimension, value, reason, until, heldBack }) => (
              <tr key={`${detector}${metric}${dimension}${value}`}>
                <td>
                  {detector.replaceAll('_', ' ')} of {metric.replaceAll('_', ' ')}
                  <small>
                    {dimension.replaceAll('_', ' ')} = {value || 'none'}
                  </small>
                </td>
                <td className="grow">{reason}</td>
                <td className="nowrap">{moment(until, now)}</td>
                <td className="right">{count(heldBack)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function headline(all: readonly ShownIncident[]): string {
  const open = all.filter((each) => !isOver(each));
  if (open.length === 0) return 'Every incident is over.';
  const pages = open.filter(({ severity }) => severity === 'page').length;
  const nobody = open.filter(({ assignee }) => assignee === '').length;
  if (open.length === 1) return `One incident is not over${pages > 0 ? ', a page' : ''}${nobody > 0 ? '; nobody has it' : ''}.`;
  const taken = nobody === 0 ? '' : nobody === open.length ? '; nobody has any' : `; nobody has ${nobody} of them`;
  return `${open.length} incidents are not over${pages > 0 ? `, ${pages} of them pages` : ''}${taken}.`;
}

function worst(all: readonly ShownIncident[], now: number): string {
  const [most] = all.filter(({ slos }) => slos.length > 0).sort((a, b) => (b.slos[0]?.budgetSpent ?? 0) - (a.slos[0]?.budgetSpent ?? 0));
  const [spent] = most?.slos ?? [];
  if (!most || !spent) return 'None took one per cent of an error budget.';
  return `The one that cost most began ${moment(most.start, now)}: ${most.id}, ${most.title}, ${count(most.users)} people, ${spentText(spent.budgetSpent)} of the budget of ${spent.slo}.`;
}

const median = (values: readonly number[]): number | undefined => values.toSorted((a, b) => a - b)[values.length >> 1];

function ListFacts({ incidents }: { incidents: readonly ShownIncident[] }) {
  const found = incidents.flatMap(({ start, detected }) => secondsBetween(start, detected) ?? []);
  const ended = incidents.flatMap(({ start, mitigated }) => secondsBetween(start, mitigated) ?? []);
  const dismissed = incidents.filter(({ status }) => status === 'dismissed').length;
  const pages = incidents.filter(({ severity }) => severity === 'page').length;
  return (
    <dl className="facts">
      <Fact label="Incidents, 30 d" value={count(incidents.length)} note={`${count(pages)} of them pages`} />
      <Fact label="Detected in, median" value={lasted(median(found))} note={`of ${count(found.length)}, after their first sign`} />
      <Fact label="Mitigated in, median" value={lasted(median(ended))} note={`of ${count(ended.length)} that are over`} />
      <Fact label="Dismissed" value={`${count(dismissed)} of ${count(incidents.length)}`} note="taken for none by somebody" />
    </dl>
  );
}

function Fact({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>
        {value}
        <small>{note}</small>
      </dd>
    </div>
  );
}

function Severity({ incident, children }: { incident: ShownIncident; children?: ReactNode }) {
  const { severity } = incident;
  return (
    <span className={`chip ${isOver(incident) ? 'inactive' : severity}`}>
      <Icon name={severity} />
      {severity === 'page' ? 'Page' : 'Ticket'}
      {children}
    </span>
  );
}

const placeOf = ({ cause, change }: ShownIncident): string =>
  [
    cause ? `${cause.dimension.replaceAll('_', ' ')} = ${cause.value || 'none'}` : 'no value stands out',
    ...(change ? [`${change.type.replace('deploy.', 'deploy ').replaceAll('_', ' ')} ${change.deployment}`] : []),
  ].join('; ');

function Row({ incident, now }: { incident: ShownIncident; now: number }) {
  const { id, title, start, detected, mitigated, slos, users, assignee } = incident;
  const [spent] = slos;
  return (
    <tr className={isOver(incident) ? undefined : 'firing'}>
      <td>
        <Severity incident={incident} />
        <small>{STATUS[incident.status]}</small>
      </td>
      <td className="grow">
        <a href={`/incidents/${encodeURIComponent(id)}`}>{title}</a>
        <small>
          {id} · {placeOf(incident)}
        </small>
      </td>
      <td>{moment(start, now)}</td>
      <td className="right">
        {spent ? spentText(spent.budgetSpent) : '–'}
        <small>{spent ? `${spent.slo}${slos.length > 1 ? ` +${slos.length - 1}` : ''}` : 'no budget'}</small>
      </td>
      <td className="right">{users === 0 ? '–' : count(users)}</td>
      <td className="right">{lasted(secondsBetween(start, detected))}</td>
      <td className="right">{lasted(secondsBetween(start, mitigated))}</td>
      <td>{assignee || <span className="dim">nobody</span>}</td>
    </tr>
  );
}

export function IncidentPage({ id, live, now, theme }: { id: string; live: Live; now: number; theme: string }) {
  const [acted, setActed] = useState(0);
  const { answer, problem } = useAnswer<IncidentDetail>(`/api/incidents/${encodeURIComponent(id)}`, live.evaluation + acted);
  if (!answer) return <Waiting problem={problem} />;
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>
            {answer.title} <Severity incident={answer}>, {STATUS[answer.status].toLowerCase()}</Severity>
          </h1>
          <p>{sentence(answer, now)}</p>
        </div>
        <a className="button" href={`/runbooks/${runbookOf(answer)}`}>
          Runbook
        </a>
      </div>
      <dl className="facts">
        <Fact
          label="Cause"
          value={answer.cause?.value || '–'}
          note={answer.cause ? `${answer.cause.dimension.replaceAll('_', ' ')}; most of the excess` : 'no value stands out'}
        />
        <Fact
          label="Changed before"
          value={answer.change?.deployment || '–'}
          note={answer.change ? `${answer.change.type}, ${moment(answer.change.time, now)}` : 'nothing is known of the two hours before'}
        />
        <Fact label="People hit" value={count(answer.users)} note={`${count(answer.attempts)} attempts failed`} />
        <Fact
          label="Budget spent"
          value={answer.slos[0] ? spentText(answer.slos[0].budgetSpent) : '–'}
          note={answer.slos.map(({ slo, budgetSpent }) => `${slo} ${spentText(budgetSpent)}`).join('; ') || 'less than one per cent of any'}
        />
      </dl>
      <Acts incident={answer} onActed={() => setActed(acted + 1)} />
      {answer.series && <LeadSeriesChart series={answer.series} theme={theme} />}
      <Lanes incident={answer} now={now} />
      <Before incidents={answer.before} now={now} />
      <Log incident={answer} />
      <Failed incident={answer} />
    </>
  );
}

const seenAfter = (seconds: number): string => (seconds < 1 ? 'at once' : `${duration(seconds)} later`);

function sentence({ start, detected, mitigated, end, mergedInto, assignee }: ShownIncident, now: number): string {
  const began = `It began ${moment(start, now)} and was seen ${seenAfter(secondsBetween(start, detected) ?? 0)}.`;
  const ended = mitigated === null ? ' Its signs go on.' : ` Its signs ended after ${lasted(secondsBetween(start, mitigated))}.`;
  const who =
    mergedInto !== ''
      ? ` It is the same as ${mergedInto}.`
      : end === null
        ? ` ${assignee === '' ? 'Nobody has it.' : `${assignee} has it.`}`
        : '';
  return `${began}${ended}${who}`;
}

const ACTS = [
  { act: 'ack', words: 'Acknowledge', when: ['open'] },
  { act: 'note', words: 'Add a note', when: ['open', 'acknowledged', 'resolved', 'dismissed'] },
  { act: 'resolve', words: 'Resolve', when: ['open', 'acknowledged'] },
  { act: 'dismiss', words: 'Dismiss', when: ['open', 'acknowledged', 'resolved'] },
] as const;

/** What can be done with it now: each asks for a reason. */
function Acts({ incident, onActed }: { incident: ShownIncident; onActed: () => void }) {
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const possible = ACTS.filter(({ when }) => (when as readonly string[]).includes(incident.status));
  if (possible.length === 0) return null;
  const act = (what: string) =>
    post(`/api/incidents/${encodeURIComponent(incident.id)}/acts`, { act: what, reason }).then(
      () => {
        setReason('');
        setProblem(undefined);
        onActed();
      },
      (error: Error) => {
        setProblem(error.message);
        // Somebody else may have been first: what he has done is shown.
        onActed();
      },
    );
  return (
    <form className="panel" onSubmit={(event) => event.preventDefault()} aria-label="What to do">
      <div className="acts">
        <input
          aria-label="Reason"
          placeholder="Why, or the note; goes into the log"
          maxLength={500}
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {possible.map((each) => (
          <button key={each.act} type="button" className="button" disabled={reason.trim() === ''} onClick={() => void act(each.act)}>
            {each.words}
          </button>
        ))}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </form>
  );
}

const MAX_LANES = 24;
const SIGNS: Readonly<Record<string, string>> = { flag: '', alert: 'budget of ', finding: 'finding ' };

/** Its signs and its moments on one axis. */
function Lanes({ incident, now }: { incident: ShownIncident; now: number }) {
  const { start, detected, notified, acknowledged, mitigated, end, signals } = incident;
  const moments = [
    ['first sign', start],
    ['detected', detected],
    ['notified', notified],
    ['acknowledged', acknowledged],
    ['mitigated', mitigated],
    ['over', end],
  ].filter((each): each is [string, string] => each[1] !== null);
  const times = [...moments.map(([, at]) => Date.parse(at)), ...signals.map((sign) => Date.parse(sign.end))];
  const [from, to] = [Date.parse(start), Math.max(...times, Date.parse(start) + 60_000)];
  const at = (time: number) => `${(100 * Math.min(Math.max(time - from, 0), to - from)) / (to - from)}%`;
  const shown = signals
    .toSorted((a, b) => Date.parse(b.end) - Date.parse(b.start) - (Date.parse(a.end) - Date.parse(a.start)))
    .slice(0, MAX_LANES);
  const more = signals.length - shown.length;
  return (
    <Panel title="Signs" scope={`${moment(start, now)} to ${moment(to, now)}; longest first${more > 0 ? `; ${more} more in the API` : ''}`}>
      <div className="lanes">
        <span>{moments.map(([name, time]) => `${name} ${exact(Date.parse(time)).slice(0, 5)}`).join(', ')}</span>
        <div className="lane moments">
          {moments.map(([name, time]) => (
            <b key={name} style={{ left: at(Date.parse(time)) }} title={`${name} ${time}`} />
          ))}
        </div>
        {shown.map(({ source, name, of, dimension, value, start: since, end: until, severity }) => (
          <Fragment key={`${source}${name}${of}${dimension}${value}${since}`}>
            <span>
              {SIGNS[source]}
              {name.replaceAll('_', ' ')}
              {source === 'flag' && of !== name ? ` of ${of.replaceAll('_', ' ')}` : ''}
              <span className="dim">{dimension === '' ? ' all' : ` ${dimension.replaceAll('_', ' ')} ${value || 'none'}`}</span>
            </span>
            <div className="lane">
              <i
                className={severity}
                style={{ left: at(Date.parse(since)), right: `calc(100% - ${at(Date.parse(until))})` }}
                title={`${since} to ${until}`}
              />
            </div>
          </Fragment>
        ))}
      </div>
    </Panel>
  );
}

/** What to do is said by what leads it. */
const RUNBOOKS: Readonly<Record<string, string>> = { provider: 'provider-outage', deployment: 'rollback-advised' };
const runbookOf = ({ cause }: ShownIncident): string => RUNBOOKS[cause?.dimension ?? ''] ?? 'anomaly';

/** Whether it was there before. */
function Before({ incidents, now }: { incidents: readonly ShownIncident[]; now: number }) {
  if (incidents.length === 0) return null;
  return (
    <Panel title="Seen before" scope="the same cause" className="lines">
      <table>
        <tbody>
          {incidents.map(({ id, title, start, mitigated, slos: [spent] }) => (
            <tr key={id}>
              <td className="grow">
                <a href={`/incidents/${encodeURIComponent(id)}`}>{title}</a>
                <small>{id}</small>
              </td>
              <td className="nowrap">{moment(start, now)}</td>
              <td className="right">{lasted(secondsBetween(start, mitigated))}</td>
              <td className="right">{spent ? spentText(spent.budgetSpent) : '–'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

/** What people did with it. */
function Log({ incident }: { incident: IncidentDetail }) {
  if (incident.log.length === 0) return null;
  return (
    <Panel title="Log" scope="what was done, oldest first; the audit log has it too" className="lines">
      <Scroll label="Log" height={320}>
        <table>
          <tbody>
            {incident.log.map(({ at, actor, act, reason }) => (
              <tr key={`${at}${act}`}>
                <td className="nowrap">{exact(Date.parse(at))}</td>
                <td>{act}</td>
                <td className="grow">{reason}</td>
                <td className="mono dim">{actor}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function Failed({ incident }: { incident: IncidentDetail }) {
  return (
    <Panel
      title="Failed attempts"
      scope={`meanwhile${incident.cause ? `, ${incident.cause.dimension.replaceAll('_', ' ')} ${incident.cause.value}` : ''}; the newest`}
      className="lines"
    >
      {incident.failed.length === 0 ? (
        <p className="note">No attempt that has ended failed there meanwhile.</p>
      ) : (
        <Scroll label="Failed attempts" height={420}>
          <table>
            <tbody>
              {incident.failed.map(({ source, attemptId, settledAt, result, errorClass, errorCode }) => (
                <tr key={`${source}/${attemptId}`}>
                  <td>{exact(Date.parse(settledAt))}</td>
                  <td className="grow mono">
                    <a href={`/attempts/${encodeURIComponent(attemptId)}?source=${encodeURIComponent(source)}`}>{attemptId}</a>
                  </td>
                  <td>{result.replaceAll('_', ' ')}</td>
                  <td className="dim">{[errorClass, errorCode].filter(Boolean).join(': ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}
