/** One finding: what it stands on, where it is, and what somebody decides of it. */
import { useState } from 'react';
import type { RunbookEntry, ShownFinding } from '../../api.ts';
import { moment } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { ReasonForm } from '../../parts/reason-form.tsx';
import { Waiting } from '../../parts/waiting.tsx';
import { useAnswer } from '../../use-answer.ts';
import type { Live } from '../../use-live.ts';
import { FindingSeverity, findingPath, STATUS, summaryOf } from './shown.tsx';

export function FindingPage({ id, live, now }: { id: string; live: Live; now: number }) {
  const [acted, setActed] = useState(0);
  const { answer, problem } = useAnswer<ShownFinding>(`/api${findingPath(id)}`, live.evaluation + acted);
  const { answer: runbooks } = useAnswer<RunbookEntry[]>('/api/runbooks');
  if (!answer) return <Waiting problem={problem} />;
  const runbook = runbooks && runbookOf(answer, runbooks);
  const { start, end, status, detector, attack, incident, assignee, verdict, decidedAt } = answer;
  const lasted = end === null ? `since ${moment(start, now)}` : `${moment(start, now)} to ${moment(end, now)}`;
  return (
    <>
      <div className={`verdict ${end === null ? `edge ${answer.severity}` : ''}`}>
        <div aria-live="polite">
          <p className="over-title">
            <FindingSeverity finding={answer} /> {STATUS[status].toLowerCase()}, {lasted}
            {verdict !== '' && decidedAt !== null && `, taken for ${verdict} ${moment(decidedAt, now)}`}
            <code>{detector}</code>
            {attack.map((technique) => (
              <code key={technique} title="ATT&CK technique">
                {technique}
              </code>
            ))}
          </p>
          <h1>{summaryOf(answer)}</h1>
          {incident !== '' && (
            <p>
              It is part of <a href={`/incidents/${encodeURIComponent(incident)}`}>{incident}</a>
              {assignee === '' ? '; nobody has it.' : `; ${assignee} has it.`}
            </p>
          )}
        </div>
        {runbook && (
          <a className="button" href={`/runbooks/${runbook.name}`}>
            Runbook
          </a>
        )}
      </div>
      {status !== 'dismissed' && answer.dimensions.incident === undefined && (
        <ReasonForm
          label="Dismiss it"
          hint="Why it is dismissed; goes into the audit log"
          path={`/api${findingPath(id)}/dismissal`}
          choices={VERDICTS}
          onActed={() => setActed(acted + 1)}
        />
      )}
      <Fields title="Where" fields={answer.dimensions} />
      <Fields title="Evidence" fields={answer.evidence} />
    </>
  );
}

/** What to do is said by the runbook of its detector, or of the failure mode that it finds. */
function runbookOf({ detector }: ShownFinding, runbooks: readonly RunbookEntry[]): RunbookEntry | undefined {
  const wanted = detector.replaceAll('_', '-');
  return runbooks.find(({ name }) => name === wanted || name.endsWith(`-${wanted}`));
}

/** Text of any value, as it is. */
const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : JSON.stringify(value));

function Fields({ title, fields }: { title: string; fields: Readonly<Record<string, unknown>> }) {
  const all = Object.entries(fields).filter(([name]) => name !== 'summary');
  if (all.length === 0) return null;
  return (
    <Panel title={title} className="half lines">
      <table>
        <tbody>
          {all.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name.replaceAll('_', ' ')}</th>
              <td className="grow mono">{textOf(value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

/** Somebody takes it for none. */
const VERDICTS = [
  { body: { verdict: 'false' }, words: 'There is nothing' },
  { body: { verdict: 'benign' }, words: 'There is, and it may be so' },
];
