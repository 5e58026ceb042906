/** Runbooks: what to do, with queries that run here. */
import { Fragment, type ReactNode, useState } from 'react';
import Markdown from 'react-markdown';
import { type PanelRow, post, type Runbook, type RunbookEntry } from '../api.ts';
import { Panel, PlainTable, Scroll } from '../parts/panel.tsx';
import { RunbookLink } from '../parts/runbook-link.tsx';
import { Waiting } from '../parts/waiting.tsx';
import { useAnswer } from '../use-answer.ts';

export function RunbookList() {
  const { answer, problem } = useAnswer<RunbookEntry[]>('/api/runbooks');
  if (!answer) return <Waiting problem={problem} />;
  return (
    <>
      <div className="verdict">
        <div>
          <h1>What to do when it fails</h1>
          <p>One runbook for each alert, and one for each failure mode.</p>
        </div>
      </div>
      <Panel title="Runbooks" className="lines">
        <Scroll label="Runbooks">
          <table>
            <tbody>
              {answer.map(({ name, title, lastReviewed }) => (
                <tr key={name}>
                  <td className="grow">
                    <a href={`/runbooks/${name}`}>{title}</a>
                  </td>
                  <td className="dim">reviewed {lastReviewed}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Panel>
    </>
  );
}

export function RunbookPage({ name }: { name: string }) {
  const { answer, problem } = useAnswer<Runbook>(`/api/runbooks/${encodeURIComponent(name)}`);
  if (!answer) return <Waiting problem={problem} />;
  return (
    <>
      <div className="verdict">
        <div>
          <h1>{answer.title}</h1>
          <p>Last reviewed {answer.lastReviewed}.</p>
        </div>
      </div>
      <article className="prose">
        <Markdown components={{ pre: Fragment, code: Code, a: RunbookLink }}>{answer.markdown}</Markdown>
      </article>
    </>
  );
}

function Code({ className, children }: { className?: string | undefined; children?: ReactNode }) {
  const text = String(children);
  if (className === 'language-sql') return <Query sql={text.trim()} />;
  if (!text.includes('\n')) return <code>{children}</code>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
    <pre className="sql" tabIndex={0}>
      {text}
    </pre>
  );
}

/** A query that runs where it is read, through the same gate as any other. */
function Query({ sql }: { sql: string }) {
  const [rows, setRows] = useState<PanelRow[]>();
  const [problem, setProblem] = useState<string>();
  const [isRunning, setRunning] = useState(false);
  const run = async () => {
    setRunning(true);
    try {
      const text = await post('/api/query', { sql, format: 'JSONEachRow' });
      setRows(
        text
          .split('\n')
          .filter(Boolean)
          .map((line) => JSON.parse(line) as PanelRow),
      );
      setProblem(undefined);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
    setRunning(false);
  };
  return (
    <div className="query">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1). */}
      <pre className="sql" tabIndex={0}>
        {sql}
      </pre>
      <button type="button" className="button" disabled={isRunning} onClick={run}>
        {isRunning ? 'Running' : 'Run'}
        <span className="hidden"> this query</span>
      </button>
      <button type="button" className="button" onClick={() => void navigator.clipboard.writeText(sql)}>
        Copy<span className="hidden"> this query</span>
      </button>
      <div aria-live="polite">
        {problem && <p className="key">{problem}</p>}
        {rows?.length === 0 && <p className="key">No row: nothing of the kind.</p>}
        {rows && rows.length > 0 && <PlainTable title="The answer" rows={rows} />}
      </div>
    </div>
  );
}
