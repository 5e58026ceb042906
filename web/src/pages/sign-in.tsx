/** Signing in with a key, once keys are configured: a session in a cookie that no script can read. */
import { type SubmitEvent, useEffect, useState } from 'react';
import { get, post } from '../api.ts';

/** Where the page goes after signing in: only a page of ours. */
function wanted(): string {
  const next = new URL(new URLSearchParams(location.search).get('next') ?? '/', location.href);
  return next.origin === location.origin ? next.href : '/';
}

export function SignInPage() {
  const [problem, setProblem] = useState<string>();
  const [isSending, setSending] = useState(false);
  const signIn = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const key = String(new FormData(event.currentTarget).get('key') ?? '').trim();
    setSending(true);
    try {
      await post('/login', { key });
      location.assign(wanted());
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setSending(false);
    }
  };
  return (
    <main className="sign-in">
      <form className="panel" onSubmit={signIn}>
        <h1>Sign in to Muster</h1>
        <p className="quiet" id="hint">
          With a key that may read; whoever runs Muster makes one with <code>muster keys create --scope read</code>.
        </p>
        <label htmlFor="key">Key</label>
        <input
          id="key"
          name="key"
          type="password"
          autoComplete="current-password"
          required
          aria-describedby={problem === undefined ? 'hint' : 'hint problem'}
          aria-invalid={problem !== undefined}
        />
        <p id="problem" role="alert" className="problem">
          {problem === undefined ? '' : `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`}
        </p>
        <button type="submit" className="button" disabled={isSending}>
          Sign in
        </button>
      </form>
    </main>
  );
}

/** Shown to whoever has signed in. */
export function SignOut() {
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    get<{ name: string | null }>('/api/session').then(
      (session) => setName(session.name),
      () => {},
    );
  }, []);
  if (name === null) return null;
  const signOut = () => post('/logout', {}).finally(() => location.assign('/login'));
  return (
    <button type="button" className="button" onClick={signOut} title={name}>
      Sign out
    </button>
  );
}
