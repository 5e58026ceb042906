/** What to do about an incident: the steps of its runbook, and which of them are in its log. */
import { useRef, useState } from 'react';
import Markdown from 'react-markdown';
import { type IncidentDetail, post, type Runbook } from '../../api.ts';
import { Panel } from '../../parts/panel.tsx';
import { RunbookLink } from '../../parts/runbook-link.tsx';
import { useAnswer } from '../../use-answer.ts';
import { runbookOf, stepsOf } from './runbook-of.ts';
import { pathOf } from './shown.tsx';

export function RunbookSteps({ incident, onActed }: { incident: IncidentDetail; onActed: () => void }) {
  const name = runbookOf(incident);
  const { answer, problem } = useAnswer<Runbook>(`/api/runbooks/${name}`);
  const [refused, setRefused] = useState<string>();
  const [sent, setSent] = useState<string>();
  const list = useRef<HTMLOListElement>(null);
  const done = new Set(incident.log.flatMap(({ act, reason }) => (act === 'step' ? [reason] : [])));
  const steps = stepsOf(answer?.markdown ?? '').map((step) => ({ ...step, isDone: done.has(`runbook ${name}: ${step.logged}`) }));
  const next = steps.findIndex(({ isDone }) => !isDone);
  const tick = (logged: string) => {
    if (sent !== undefined) return;
    setSent(logged);
    post(`/api${pathOf(incident.id)}/acts`, { act: 'step', runbook: name, reason: logged })
      .then(
        () => {
          setRefused(undefined);
          onActed();
          // The button that had the focus goes away.
          list.current?.focus();
        },
        (error: Error) => setRefused(error.message),
      )
      .finally(() => setSent(undefined));
  };
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
      <ol className="steps" ref={list} tabIndex={-1} aria-label="Steps">
        {steps.map(({ markdown, logged, isDone }, i) => (
          <li key={logged} className={isDone ? 'done' : i === next ? 'next' : undefined} aria-current={i === next ? 'step' : undefined}>
            <b aria-hidden="true">{isDone ? '✓' : i + 1}</b>
            <div>
              <Markdown allowedElements={['p', 'code', 'em', 'strong', 'a']} unwrapDisallowed components={{ a: RunbookLink }}>
                {markdown}
              </Markdown>
            </div>
            {isDone ? (
              <span className="dim">done</span>
            ) : (
              incident.status !== 'merged' && (
                <button type="button" className="tool" aria-disabled={sent !== undefined} onClick={() => tick(logged)}>
                  Done<span className="hidden"> with step {i + 1}</span>
                </button>
              )
            )}
          </li>
        ))}
      </ol>
      <p className="key" role="status">
        {steps.length > 0 && `${steps.filter(({ isDone }) => isDone).length} of ${steps.length} steps are done.`}
      </p>
      {refused && (
        <p className="problem" role="alert">
          {refused}
        </p>
      )}
    </Panel>
  );
}
