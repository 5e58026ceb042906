/** Findings: what is open, and what was found lately. */
import { useState } from 'react';
import type { ShownFinding } from '../../api.ts';
import { count, moment } from '../../parts/format.ts';
import { Head, Panel, Scroll } from '../../parts/panel.tsx';
import { Waiting } from '../../parts/waiting.tsx';
import { useAnswer } from '../../use-answer.ts';
import type { Live } from '../../use-live.ts';
import { FindingSeverity, findingPath, STATUS, summaryOf, whereOf } from './shown.tsx';

const KINDS = ['all', 'security', 'operational'] as const;
type Kind = (typeof KINDS)[number];

export function FindingList({ live, now }: { live: Live; now: number }) {
  const { answer, problem } = useAnswer<ShownFinding[]>('/api/findings', live.evaluation);
  const [kind, setKind] = useState<Kind>('all');
  if (!answer) return <Waiting problem={problem} />;
  const shown = answer.filter((finding) => kind === 'all' || finding.kind === kind);
  const open = answer.filter(({ end }) => end === null);
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>
            {open.length === 0 ? 'Nothing is open.' : `${count(open.length)} ${open.length === 1 ? 'finding is' : 'findings are'} open.`}
          </h1>
          <p>
            {count(answer.length)} in 30 days, {count(answer.filter(({ status }) => status === 'dismissed').length)} of them dismissed.
          </p>
        </div>
      </div>
      <Panel
        title="Findings"
        scope="30 days, and all that are open"
        className="lines"
        tools={
          <fieldset className="ranges">
            <legend className="hidden">Kind</legend>
            {KINDS.map((each) => (
              <button key={each} type="button" className="button" aria-pressed={each === kind} onClick={() => setKind(each)}>
                {each === 'all' ? 'All' : each === 'security' ? 'Security' : 'Operations'}&nbsp;
                <span className="dim">{count(answer.filter((finding) => each === 'all' || finding.kind === each).length)}</span>
              </button>
            ))}
          </fieldset>
        }
      >
        {shown.length === 0 ? (
          <p className="note">
            <b>Nothing was found.</b>
          </p>
        ) : (
          <Scroll label="Findings">
            <table>
              <Head names={['Severity', 'What, where', 'Since', 'Until', 'Incident']} />
              <tbody>
                {shown.map((finding) => (
                  <Row key={finding.id} finding={finding} now={now} />
                ))}
              </tbody>
            </table>
          </Scroll>
        )}
      </Panel>
    </>
  );
}

function Row({ finding, now }: { finding: ShownFinding; now: number }) {
  const { id, start, end, status, incident } = finding;
  return (
    <tr className={end === null ? 'firing' : undefined}>
      <td>
        <FindingSeverity finding={finding} />
        <small>{STATUS[status]}</small>
      </td>
      <td className="grow">
        <a href={findingPath(id)}>{summaryOf(finding)}</a>
        <small>{whereOf(finding)}</small>
      </td>
      <td>{moment(start, now)}</td>
      <td>{end === null ? 'goes on' : moment(end, now)}</td>
      <td>{incident === '' ? <span className="dim">none</span> : <a href={`/incidents/${encodeURIComponent(incident)}`}>{incident}</a>}</td>
    </tr>
  );
}
