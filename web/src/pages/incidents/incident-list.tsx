/** Incidents: what is not over, what cost most, and whether the flags were right. */
import { useState } from 'react';
import type { ShownIncident, ShownSuppression } from '../../api.ts';
import { count, moment } from '../../parts/format.ts';
import { Panel, PanelState, Scroll, usePanel } from '../../parts/panel.tsx';
import { Waiting } from '../../parts/waiting.tsx';
import { useAnswer } from '../../use-answer.ts';
import type { Live } from '../../use-live.ts';
import { Fact, isOver, lasted, pathOf, Severity, STATUS, secondsBetween, spentText, words } from './shown.tsx';

const DAY_MS = 86_400_000;
const SHOWN_DAYS = 30;

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
      <Facts incidents={all} />
      <Incidents all={all} now={now} />
      {live.overview && <FlagsByDetector overview={live.overview} evaluation={live.evaluation} />}
      <HeldBack renewal={live.evaluation} now={now} />
    </>
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

function Facts({ incidents }: { incidents: readonly ShownIncident[] }) {
  const found = incidents.flatMap(({ start, detected }) => secondsBetween(start, detected) ?? []);
  const ended = incidents.flatMap(({ start, mitigated }) => secondsBetween(start, mitigated) ?? []);
  const dismissed = incidents.filter(({ status }) => status === 'dismissed').length;
  const pages = incidents.filter(({ severity }) => severity === 'page').length;
  return (
    <dl className="facts">
      <Fact label={`Incidents, ${SHOWN_DAYS} d`} value={count(incidents.length)} note={`${count(pages)} of them pages`} />
      <Fact label="Detected in, median" value={lasted(median(found))} note={`of ${count(found.length)}, after their first sign`} />
      <Fact label="Mitigated in, median" value={lasted(median(ended))} note={`of ${count(ended.length)} that are over`} />
      <Fact label="Dismissed" value={`${count(dismissed)} of ${count(incidents.length)}`} note="taken for none by somebody" />
    </dl>
  );
}

type Wanted = ShownIncident['status'] | 'all';
const WANTED: readonly Wanted[] = ['all', 'open', 'acknowledged', 'resolved', 'dismissed'];

function Incidents({ all, now }: { all: readonly ShownIncident[]; now: number }) {
  const [wanted, setWanted] = useState<Wanted>('all');
  const shown = all.filter(({ status }) => wanted === 'all' || status === wanted);
  const from = Math.min(now - SHOWN_DAYS * DAY_MS, ...all.map(({ start }) => Date.parse(start)));
  return (
    <Panel
      title="Incidents"
      scope={`${SHOWN_DAYS} days, and all that are not over`}
      className="lines"
      tools={<StatusFilter all={all} wanted={wanted} onWant={setWanted} />}
    >
      {shown.length === 0 ? (
        <p className="note">
          <b>{wanted === 'all' ? `No incident in ${SHOWN_DAYS} days.` : `None is ${wanted}.`}</b>
          {wanted === 'all' && 'Series are watched from the third day of history on.'}
        </p>
      ) : (
        <Scroll label="Incidents">
          <table>
            <thead>
              <tr>
                <th scope="col">Severity</th>
                <th scope="col">What, where</th>
                <th scope="col">
                  <span className="hidden">Began</span>
                  <Ticks from={from} to={now} />
                </th>
                {['Budget spent', 'People hit', 'Detected in', 'Mitigated in'].map((name) => (
                  <th key={name} scope="col" className="right">
                    {name}
                  </th>
                ))}
                <th scope="col">Who</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((incident) => (
                <Row key={incident.id} incident={incident} from={from} now={now} />
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}

function StatusFilter({ all, wanted, onWant }: { all: readonly ShownIncident[]; wanted: Wanted; onWant: (wanted: Wanted) => void }) {
  return (
    <fieldset className="ranges">
      <legend className="hidden">Status</legend>
      {WANTED.map((each) => (
        <button key={each} type="button" className="button" aria-pressed={each === wanted} onClick={() => onWant(each)}>
          {each === 'all' ? 'All' : STATUS[each]}&nbsp;
          <span className="dim">{count(each === 'all' ? all.length : all.filter(({ status }) => status === each).length)}</span>
        </button>
      ))}
    </fieldset>
  );
}

/** A handful of days of the axis that all rows share. */
function Ticks({ from, to }: { from: number; to: number }) {
  const step = (to - from) / 4;
  return (
    <span className="span-axis" aria-hidden="true">
      {[0, 1, 2, 3].map((i) => (
        <span key={i}>{moment(new Date(from + i * step).toISOString(), to).replace(/ \d\d:\d\d$/, '')}</span>
      ))}
      <span>now</span>
    </span>
  );
}

const placeOf = ({ cause, change }: ShownIncident): string =>
  [
    cause ? `${words(cause.dimension)} = ${cause.value || 'none'}` : 'no value stands out',
    ...(change ? [`${words(change.type.replace('deploy.', 'deploy '))} ${change.deployment}`] : []),
  ].join('; ');

function Row({ incident, from, now }: { incident: ShownIncident; from: number; now: number }) {
  const { id, title, start, detected, mitigated, end, slos, users, assignee, severity } = incident;
  const [spent] = slos;
  const at = (time: number) => `${(100 * (time - from)) / (now - from)}%`;
  const ended = end === null ? now : Date.parse(end);
  return (
    <tr className={isOver(incident) ? undefined : 'firing'}>
      <td>
        <Severity incident={incident} />
        <small>{STATUS[incident.status]}</small>
      </td>
      <td className="grow">
        <a href={pathOf(id)}>{title}</a>
        <small>
          {id} · {placeOf(incident)}
        </small>
      </td>
      <td>
        <span className="lane-of-row" title={`${start} to ${end ?? 'now'}`}>
          <i className={isOver(incident) ? severity : 'open'} style={{ left: at(Date.parse(start)), right: `calc(100% - ${at(ended)})` }} />
        </span>
        <small>{moment(start, now)}</small>
      </td>
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

/** What became of each detector's flags. */
function FlagsByDetector({ overview, evaluation }: { overview: NonNullable<Live['overview']>; evaluation: number }) {
  const loaded = usePanel('flags-by-detector', SHOWN_DAYS * 24, { overview, evaluation });
  const runsOf = (row: Record<string, unknown>) => ['in_incidents', 'dismissed', 'alone'].map((name) => Number(row[name] ?? 0));
  return (
    <Panel title="Were flags right?" scope={`runs of flagged minutes, ${SHOWN_DAYS} d`} className="lines" data={loaded.data}>
      <PanelState loaded={loaded} empty="Nothing was flagged.">
        {({ rows }) => {
          const most = Math.max(...rows.map((row) => runsOf(row).reduce((sum, n) => sum + n, 0)));
          return (
            <div className="lanes">
              {rows.map((row) => {
                const [inIncidents = 0, dismissed = 0, alone = 0] = runsOf(row);
                const share = (n: number) => `${(100 * n) / most}%`;
                return (
                  <div className="of-detector" key={String(row.detector)}>
                    <span>{words(String(row.detector))}</span>
                    <span className="runs" aria-hidden="true">
                      <i style={{ width: share(inIncidents) }} />
                      <i className="false" style={{ width: share(dismissed) }} />
                      <i className="alone" style={{ width: share(alone) }} />
                    </span>
                    <span className="dim">
                      {count(inIncidents)} in incidents{dismissed > 0 ? `, ${count(dismissed)} dismissed` : ''}
                      {alone > 0 ? `, ${count(alone)} alone` : ''}
                    </span>
                  </div>
                );
              })}
            </div>
          );
        }}
      </PanelState>
    </Panel>
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
                  {words(detector)} of {words(metric)}
                  <small>
                    {words(dimension)} = {value || 'none'}
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
