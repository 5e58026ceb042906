/** The first step: which factor, and where its codes go. */
import { type SubmitEvent, useState } from 'react';
import type { FactorType } from '../../../../src/core/factors/index.ts';
import type { Options } from './core-api.ts';
import type { Words } from './words.ts';

interface Props {
  words: Words;
  options: Options | undefined;
  problem: string | undefined;
  asksForUser: boolean;
  user: string;
  onStart: (factor: FactorType, detail: string, user: string) => Promise<void>;
  /** Somebody has said who they are. */
  onUser: (user: string) => void;
}

/** Kinds of input that bring the right keyboard, and what the browser may fill in. */
const INPUTS: Partial<Record<FactorType, { type: string; autoComplete: string }>> = {
  sms: { type: 'tel', autoComplete: 'tel' },
  voice: { type: 'tel', autoComplete: 'tel' },
  email: { type: 'email', autoComplete: 'email' },
  hardware_otp: { type: 'text', autoComplete: 'off' },
};

export function Choose({ words, options, problem, asksForUser, user, onStart, onUser }: Props) {
  const [chosen, setChosen] = useState<FactorType>();
  const [isSending, setSending] = useState(false);
  const isAllowed = options?.allowed.some(({ factor_type: type }) => type === chosen);
  const factor = (isAllowed ? chosen : undefined) ?? options?.missing[0] ?? options?.allowed[0]?.factor_type;
  const detail = factor && words.factors[factor].detail;

  const submit = async (event: SubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!factor) return;
    const form = new FormData(event.currentTarget);
    setSending(true);
    await onStart(factor, String(form.get('detail') ?? '').trim(), String(form.get('user') ?? '').trim());
    setSending(false);
  };

  if (!options) return <p role={problem === undefined ? 'status' : 'alert'}>{problem ?? words.busy}</p>;
  if (options.allowed.length === 0) return <p>{words.nothing}</p>;
  return (
    <form onSubmit={submit}>
      <p className="quiet">{words.lead}</p>
      {asksForUser && (
        <>
          <label htmlFor="user">{words.person}</label>
          <input
            id="user"
            name="user"
            required
            autoComplete="username"
            defaultValue={user}
            maxLength={320}
            onBlur={({ currentTarget }) => currentTarget.value.trim() !== '' && onUser(currentTarget.value.trim())}
          />
        </>
      )}
      <fieldset>
        <legend>{words.choose}</legend>
        {options.allowed.map(({ factor_type: type, is_restricted: isRestricted }) => (
          <label key={type} className="choice">
            <input type="radio" name="factor" value={type} checked={factor === type} onChange={() => setChosen(type)} />
            <span>
              <strong>{words.factors[type].name}</strong>
              {options.missing.includes(type) && <em>{words.required}</em>}
              <small>{words.factors[type].about}</small>
              {isRestricted && <small className="warning">{type === 'email' ? words.restricted.mail : words.restricted.phone}</small>}
            </span>
          </label>
        ))}
      </fieldset>
      {factor && detail !== undefined && (
        <>
          <label htmlFor="detail">{detail}</label>
          <input
            key={factor}
            id="detail"
            name="detail"
            required
            {...INPUTS[factor]}
            aria-invalid={problem !== undefined}
            aria-describedby={problem === undefined ? undefined : 'problem'}
          />
        </>
      )}
      <p id="problem" role="alert" className="problem">
        {problem ?? ''}
      </p>
      <button type="submit" className="button primary" disabled={isSending}>
        {words.next}
      </button>
    </form>
  );
}
