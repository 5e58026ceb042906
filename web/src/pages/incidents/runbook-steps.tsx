/** What to do about an incident: the steps of its runbook, and which of them are in its log. */
import { useState } from 'react';
import Markdown from 'react-markdown';
import { type IncidentDetail, post, type Runbook } from '../../api.ts';
import { Panel } from '../../parts/panel.tsx';
import { useAnswer } from '../../use-answer.ts';
import { MAX_REASON, runbookOf, stepsOf } from './runbook-of.ts';
import { pathOf } from './shown.tsx';

export function RunbookSteps({ incident, onActed }: { incident: IncidentDetail; onActed: () => void }) {
  const name = runbookOf(incident);
  const { answer, problem } = useAnswer<Runbook>(`/api/runbooks/${name}`);
  const [refused, setRefused] = useState<string>();
  const done = new Set(incident.log.flatMap(({ act, reason }) => (act === 'step' ? [reason] : [])));
  const steps = stepsOf(answer?.markdown ?? '').map((text, i) => {
    const reason = `${i + 1}. ${text}`.slice(0, MAX_REASON).trim();
    return { text, reason, isDone: done.has(`runbook ${name}: ${reason}`) };
  });
  const next = steps.findIndex(({ isDone }) => !isDone);
  const tick = (reason: string) =>
    post(`/api${pathOf(incident.id)}/acts`, { act: 'step', runbook: name, reason }).then(
      () => {
        setRefused(undefined);
        onActed();
      },
      (error: Error) => setRefused(error.message),
    );
  return (
    <Panel
      title="Runbook"
      scope={answer?.title ?? ''}
      tools={
        <a className="nowrap" href={`/runbooks/${name}`}>
          Open full
        </a>
      }
    >
      {problem && <p className="key">{problem}</p>}
      <ol className="steps">
        {steps.map(({ text, reason, isDone }, i) => (
          <li key={reason} className={isDone ? 'done' : i === next ? 'next' : undefined}>
            <b>{isDone ? '✓' : i + 1}</b>
            <div>
              <Markdown allowedElements={['p', 'code', 'em', 'strong']} unwrapDisallowed>
                {text}
              </Markdown>
            </div>
            {isDone ? (
              <span className="dim">done</span>
            ) : (
              <button type="button" className="tool" onClick={() => void tick(reason)}>
                Done<span className="hidden">: step {i + 1}</span>
              </button>
            )}
          </li>
        ))}
      </ol>
      {refused && (
        <p className="problem" role="alert">
          {refused}
        </p>
      )}
    </Panel>
  );
}
