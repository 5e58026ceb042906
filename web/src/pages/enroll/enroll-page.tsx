/** The page in which a person enrolls: choose, say where to, prove, done. One step at a time, by keyboard as well. */
import { useEffect, useRef, useState } from 'react';
import type { FactorType } from '../../../../src/core/factors/index.ts';
import { Choose } from './choose.tsx';
import { ask, type Enrollment, type Options, Refusal, takeToken } from './core-api.ts';
import { type Device, makeDevice } from './device.ts';
import { Prove } from './prove.tsx';
import { told, wordsFor } from './words.ts';

type Step =
  | { kind: 'choose' }
  | { kind: 'prove'; enrollment: Enrollment; device: Device | undefined }
  | { kind: 'done'; factor: FactorType; codesLeft: number | undefined; missing: readonly FactorType[] };

const { language, words } = wordsFor(location.search, navigator.languages);
const token = takeToken();

/** Fields of a start that say where codes go, or which token it is. */
const FIELDS: Partial<Record<FactorType, string>> = { sms: 'phone', voice: 'phone', email: 'address', hardware_otp: 'serial' };

const FIRST: Step = { kind: 'choose' };

/** A token says by itself whose it is. */
const optionsFor = (user: string): Promise<Options> =>
  ask('GET', `/enrollments/options${token === undefined ? `?user=${encodeURIComponent(user)}` : ''}`, { token });

export function EnrollPage() {
  const [step, setStep] = useState<Step>(FIRST);
  const [options, setOptions] = useState<Options>();
  const [problem, setProblem] = useState<string>();
  const [user, setUser] = useState('');
  const heading = useRef<HTMLHeadingElement>(null);

  useEffect(() => {
    document.documentElement.lang = language;
    document.title = words.title;
    optionsFor('somebody').then(setOptions, (error: unknown) =>
      setProblem(error instanceof Refusal && error.code === 'MUSTER_UNAUTHORIZED' ? words.needsLink : told(error, words)),
    );
  }, []);
  // Whoever cannot see the page hears what the new step is.
  useEffect(() => {
    if (step !== FIRST) heading.current?.focus();
  }, [step]);

  const go = (next: Step) => {
    setProblem(undefined);
    setStep(next);
  };
  const start = async (factor: FactorType, detail: string, person: string) => {
    setProblem(undefined);
    setUser(person);
    try {
      const device = factor === 'push' ? await makeDevice() : undefined;
      const field = FIELDS[factor];
      const body = {
        user: token === undefined ? person : options?.user,
        factor_type: factor,
        channel: 'self_service',
        ...(field !== undefined && { [field]: detail }),
        ...(device && { public_key: device.publicKey }),
      };
      const begin = () => ask<Enrollment>('POST', '/enrollments', { token, body });
      const first = await begin();
      // An answer of before, whose enrollment has ended meanwhile, shows nothing any more.
      const enrollment = first.challenge === undefined ? await begin() : first;
      go({ kind: 'prove', enrollment, device });
    } catch (error) {
      setProblem(told(error, words));
    }
  };
  const finish = async (factor: FactorType, codesLeft: number | undefined) => {
    const now = await optionsFor(user).catch(() => undefined);
    go({ kind: 'done', factor, codesLeft, missing: now?.missing ?? [] });
  };
  const nameOf = (factor: FactorType) => words.factors[factor].name;

  return (
    <main className="enroll">
      <div className="panel">
        <h1 ref={heading} tabIndex={-1}>
          {step.kind === 'done'
            ? words.done(nameOf(step.factor))
            : step.kind === 'prove'
              ? nameOf(step.enrollment.factor_type)
              : words.title}
        </h1>
        {step.kind === 'choose' && (
          <Choose
            words={words}
            options={options}
            problem={problem}
            asksForUser={token === undefined}
            user={user}
            onStart={start}
            onUser={(person) => optionsFor(person).then(setOptions, () => {})}
          />
        )}
        {step.kind === 'prove' && (
          <Prove
            key={step.enrollment.id}
            words={words}
            token={token}
            enrollment={step.enrollment}
            device={step.device}
            language={language}
            onDone={(codesLeft) => finish(step.enrollment.factor_type, codesLeft)}
            onBack={() => go({ kind: 'choose' })}
          />
        )}
        {step.kind === 'done' && (
          <Done
            codesLeft={step.codesLeft}
            missing={step.missing.map(nameOf)}
            onAnother={token === undefined ? () => go({ kind: 'choose' }) : undefined}
          />
        )}
      </div>
    </main>
  );
}

/** What is left to say to somebody who has enrolled. */
function Done({
  codesLeft,
  missing,
  onAnother,
}: {
  codesLeft: number | undefined;
  missing: string[];
  onAnother: (() => void) | undefined;
}) {
  return (
    <>
      <p>{words.doneLead}</p>
      {codesLeft !== undefined && <p>{words.codesLeft(codesLeft)}</p>}
      {missing.length > 0 && <p>{words.stillMissing(missing.join(', '))}</p>}
      {onAnother && (
        <button type="button" className="button" onClick={onAnother}>
          {words.another}
        </button>
      )}
    </>
  );
}
