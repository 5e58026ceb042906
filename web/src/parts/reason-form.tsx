/** A reason, and what may be done with it: each a button, which waits for the reason unless it brings one. */
import { useState } from 'react';
import { post } from '../api.ts';

export interface Choice {
  words: string;
  /** What is sent beside the reason. */
  body: Readonly<Record<string, string>>;
  isPrimary?: boolean;
  /** The reason, where nobody says one. */
  otherwise?: string;
}

/** @param onActed called after each answer, a refusal too: somebody else may have been first */
export function ReasonForm(of: { label: string; hint: string; path: string; choices: readonly Choice[]; onActed: () => void }) {
  const { label, hint, path, choices, onActed } = of;
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const act = (body: Choice['body'], why: string) =>
    post(path, { ...body, reason: why }).then(
      () => {
        setReason('');
        setProblem(undefined);
        onActed();
      },
      (error: Error) => {
        setProblem(error.message);
        onActed();
      },
    );
  return (
    <form className="panel" onSubmit={(event) => event.preventDefault()} aria-label={label}>
      <div className="acts">
        <input aria-label="Reason" placeholder={hint} maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        {choices.map(({ words, body, isPrimary, otherwise = '' }) => {
          const why = reason.trim() || otherwise;
          return (
            <button
              key={words}
              type="button"
              className={`button ${isPrimary ? 'primary' : ''}`}
              disabled={why === ''}
              onClick={() => void act(body, why)}
            >
              {words}
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
