/** The second step: what is shown once, and the proof. */
import { type SubmitEvent, useRef, useState } from 'react';
import { ask, type Enrollment, Refusal } from './core-api.ts';
import type { Device } from './device.ts';
import { Shown } from './shown.tsx';
import { told, type Words } from './words.ts';

interface Props {
  words: Words;
  language: string;
  token: string | undefined;
  enrollment: Enrollment;
  device: Device | undefined;
  onDone: (codesLeft: number | undefined) => void;
  onBack: () => void;
}

const SENT = new Set(['sms', 'voice', 'email', 'push']);

export function Prove({ words, language, token, enrollment, device, onDone, onBack }: Props) {
  const { id, factor_type: factor } = enrollment;
  const [challenge, setChallenge] = useState(enrollment.challenge ?? {});
  const [problem, setProblem] = useState<{ text: string; isFinal: boolean }>();
  const [needsNext, setNeedsNext] = useState(false);
  const [isSending, setSending] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const until = new Intl.DateTimeFormat(language, { timeStyle: 'short' }).format(new Date(enrollment.expires_at));

  const attempt = async (work: () => Promise<void>) => {
    setSending(true);
    setProblem(undefined);
    try {
      await work();
    } catch (error) {
      const refusal = error instanceof Refusal ? error : undefined;
      setNeedsNext(refusal?.needsNextCode === true);
      setProblem({ text: told(error, words), isFinal: refusal?.isFinal === true });
      input.current?.select();
    } finally {
      setSending(false);
    }
  };
  const submit = (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [said = '', next = ''] = ['proof', 'next'].map((name) => String(form.get(name) ?? '').trim());
    return attempt(async () => {
      const body = device
        ? { number: said, signature: await device.sign(id, said, challenge.nonce ?? '') }
        : { code: said, ...(next !== '' && { next_code: next }) };
      const active = await ask<Enrollment>('POST', `/enrollments/${id}/verify`, { token, body });
      onDone(active.codes_left);
    });
  };
  const resend = () =>
    attempt(async () => {
      const { challenge: next } = await ask<Enrollment>('POST', `/enrollments/${id}/resend`, {
        token,
        body: {},
      });
      setChallenge(next ?? {});
      input.current?.focus();
    });

  return (
    <form onSubmit={submit}>
      <Shown words={words} factor={factor} challenge={challenge} />
      <label htmlFor="proof">{device ? words.typeNumber : words.code}</label>
      <input
        ref={input}
        id="proof"
        name="proof"
        required
        autoComplete="one-time-code"
        inputMode={factor === 'recovery_code' ? 'text' : 'numeric'}
        maxLength={64}
        aria-invalid={problem !== undefined}
        aria-describedby="problem until"
      />
      {needsNext && (
        <>
          <label htmlFor="next">{words.nextCode}</label>
          <input id="next" name="next" required autoComplete="off" inputMode="numeric" maxLength={64} />
        </>
      )}
      <p id="problem" role="alert" className="problem">
        {problem?.text ?? ''}
      </p>
      <p id="until" className="quiet">
        {words.untilTime(until)}
      </p>
      <div className="actions">
        {problem?.isFinal ? (
          <button type="button" className="button primary" onClick={onBack}>
            {words.again}
          </button>
        ) : (
          <button type="submit" className="button primary" disabled={isSending}>
            {words.confirm}
          </button>
        )}
        {SENT.has(factor) && !problem?.isFinal && (
          <button type="button" className="button" onClick={resend} disabled={isSending}>
            {device ? words.renew : words.resend}
          </button>
        )}
        {!problem?.isFinal && (
          <button type="button" className="button" onClick={onBack}>
            {words.back}
          </button>
        )}
      </div>
    </form>
  );
}
