/** What can be done with an incident now. */
import { useState } from 'react';
import { post, type ShownIncident } from '../../api.ts';
import { pathOf } from './shown.tsx';

const ACTS = [
  { act: 'ack', words: 'Acknowledge', when: ['open'], otherwise: 'looking at it' },
  { act: 'note', words: 'Add a note', when: ['open', 'acknowledged', 'resolved', 'dismissed'] },
  { act: 'resolve', words: 'Resolve', when: ['open', 'acknowledged'] },
  { act: 'dismiss', words: 'Dismiss', when: ['open', 'acknowledged', 'resolved'] },
] as const satisfies readonly { act: string; words: string; when: readonly ShownIncident['status'][]; otherwise?: string }[];

/** Each asks for a reason, but for the first thing that somebody does whom a page woke: that is one click. */
export function Acts({ incident, onActed }: { incident: ShownIncident; onActed: () => void }) {
  const { id, status } = incident;
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const act = (what: string, why: string) =>
    post(`/api${pathOf(id)}/acts`, { act: what, reason: why }).then(
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
  const possible = ACTS.filter(({ when }) => (when as readonly string[]).includes(status));
  if (possible.length === 0) return null;
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
        {possible.map((each) => {
          const why = reason.trim() || ('otherwise' in each ? each.otherwise : '');
          return (
            <button
              key={each.act}
              type="button"
              className={`button ${each.act === 'ack' ? 'primary' : ''}`}
              disabled={why === ''}
              onClick={() => void act(each.act, why)}
            >
              {each.words}
            </button>
          );
        })}
        {problem && (
          <p className="problem" role="alert">
            {problem}
          </p>
        )}
      </div>
    </form>
  );
}
