/** One incident, from its first sign to its end: what happened, where it comes from, what to do. */
import { Fragment, useCallback, useState } from 'react';
import type { IncidentCauses, IncidentDetail, ShownIncident } from '../../api.ts';
import { count, duration, exact, moment } from '../../parts/format.ts';
import { LeadSeriesChart } from '../../parts/lead-series.tsx';
import { Panel, Scroll } from '../../parts/panel.tsx';
import { Waiting } from '../../parts/waiting.tsx';
import { useAnswer } from '../../use-answer.ts';
import type { Live } from '../../use-live.ts';
import { Acts } from './acts.tsx';
import { CausesPanel, failuresOf, shareText } from './causes.tsx';
import { runbookOf } from './runbook-of.ts';
import { RunbookSteps } from './runbook-steps.tsx';
import { Fact, isOver, lasted, pathOf, Severity, STATUS, secondsBetween, spentText, words } from './shown.tsx';

export function IncidentPage({ id, live, now, theme }: { id: string; live: Live; now: number; theme: string }) {
  const [acted, setActed] = useState(0);
  const onActed = useCallback(() => setActed((times) => times + 1), []);
  const { answer, problem } = useAnswer<IncidentDetail>(`/api${pathOf(id)}`, live.evaluation + acted);
  // It goes through all that failed: asked again when another sign was seen, and not with each evaluation.
  const causes = useAnswer<IncidentCauses>(answer && `/api${pathOf(id)}/causes`, Date.parse(answer?.lastSign ?? ''));
  if (!answer) return <Waiting problem={problem} />;
  return (
    <>
      <div className={`verdict ${answer.status === 'open' ? `edge ${answer.severity}` : ''}`}>
        <div aria-live="polite">
          <p className="over-title">
            <Severity incident={answer}>, {STATUS[answer.status].toLowerCase()}</Severity> {answer.id} {madeOf(answer)}
          </p>
          <h1>{answer.title}</h1>
          <p>{sentence(answer, now)}</p>
        </div>
        <a className="button" href={`/runbooks/${runbookOf(answer)}`}>
          Runbook
        </a>
      </div>
      <Facts incident={answer} causes={causes.answer} now={now} />
      <Acts incident={answer} onActed={onActed} />
      <div className="wide stack">
        {answer.series && <LeadSeriesChart series={answer.series} theme={theme} />}
        <Lanes incident={answer} now={now} />
        <Failed incident={answer} />
      </div>
      <div className="side stack">
        <RunbookSteps incident={answer} onActed={onActed} />
        <CausesPanel {...causes} />
        <Before incidents={answer.before} now={now} />
        <Log incident={answer} />
      </div>
    </>
  );
}

const KINDS = [
  ['alert', 'alert', 'alerts'],
  ['flag', 'flagged series', 'flagged series'],
  ['finding', 'finding', 'findings'],
] as const;

/** What it groups. */
function madeOf({ signals }: ShownIncident): string {
  const parts = KINDS.flatMap(([source, one, many]) => {
    const n = signals.filter((each) => each.source === source).length;
    return n === 0 ? [] : [`${count(n)} ${n === 1 ? one : many}`];
  });
  return `groups ${parts.join(', ')}`;
}

function Facts({ incident, causes, now }: { incident: IncidentDetail; causes: IncidentCauses | undefined; now: number }) {
  const { start, detected, notified, cause, users, attempts, slos, change } = incident;
  const leading = causes?.causes.find(({ dimension, value }) => dimension === cause?.dimension && value === cause.value);
  const notification = notified === null ? 'nobody was told' : `told ${moment(notified, now)}`;
  return (
    <dl className="facts">
      <Fact
        label={isOver(incident) ? 'Began' : 'Since'}
        value={moment(start, now)}
        note={`detected ${moment(detected, now)}; ${notification}`}
      />
      <Fact
        label="Where"
        value={cause ? `${words(cause.dimension)} ${cause.value || 'none'}` : '–'}
        note={
          leading
            ? `${shareText(leading.excessShare)} of ${failuresOf(causes?.sli)} beyond the usual`
            : cause
              ? 'most of the excess'
              : 'no value stands out'
        }
      />
      <Fact
        label="Impact"
        value={`${count(attempts)} failed, ${count(users)} people`}
        note={slos.map(({ slo, budgetSpent }) => `${slo} ${spentText(budgetSpent)}`).join('; ') || 'less than one per cent of any budget'}
      />
      <Fact
        label={causes?.isChangeRuledOut ? 'Ruled out' : 'Changed before'}
        value={change?.deployment || '–'}
        note={change ? `${words(change.type.replace('.', ' '))}, ${moment(change.time, now)}` : 'nothing is known of the two hours before'}
      />
    </dl>
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

/** Shown before somebody asks for all. */
const MAX_LANES = 10;
const SIGNS: Readonly<Record<string, string>> = { flag: '', alert: 'budget of ', finding: 'finding ' };

/** Its signs and its moments on one axis. */
function Lanes({ incident, now }: { incident: ShownIncident; now: number }) {
  const [isWhole, setWhole] = useState(false);
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
    .slice(0, isWhole ? signals.length : MAX_LANES);
  const more = signals.length - shown.length;
  return (
    <Panel
      title="Signs"
      scope={`${moment(start, now)} to ${moment(to, now)}; longest first`}
      tools={
        signals.length > MAX_LANES && (
          <button type="button" className="tool" aria-expanded={isWhole} onClick={() => setWhole(!isWhole)}>
            {isWhole ? 'Fewer' : `${count(more)} more`}
          </button>
        )
      }
    >
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
              {words(name)}
              {source === 'flag' && of !== name ? ` of ${words(of)}` : ''}
              <span className="dim">{dimension === '' ? ' all' : ` ${words(dimension)} ${value || 'none'}`}</span>
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
                <a href={pathOf(id)}>{title}</a>
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
      scope={`meanwhile${incident.cause ? `, ${words(incident.cause.dimension)} ${incident.cause.value}` : ''}; the newest`}
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
                  <td>{words(result)}</td>
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
