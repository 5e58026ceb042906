/** Where the failures of an incident come from, and how they fail. */
import type { IncidentCauses } from '../../api.ts';
import { count } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { words } from './shown.tsx';

export const shareText = (share: number): string => `${Math.round(100 * Math.min(1, share))}\u00a0%`;
/** Of a bar. */
const widthOf = (share: number): string => `${100 * Math.min(1, share)}%`;

/** What an SLI counts as bad, where that is not what failed. */
const BAD: Readonly<Record<string, string>> = { M2: 'slow completions', M6: 'slow requests', M7: 'fallbacks', A1: 'failed requests' };
export const failuresOf = (sli: string | null | undefined): string => BAD[sli ?? ''] ?? 'failures';

export function CausesPanel({ answer, problem }: { answer: IncidentCauses | undefined; problem: string | undefined }) {
  if (answer?.sli === null) return null;
  return (
    <Panel title={`Where the ${failuresOf(answer?.sli)} come from`} scope="share of excess">
      {answer ? (
        <Causes causes={answer} />
      ) : problem === undefined ? (
        <div className="skeleton" />
      ) : (
        <p className="note">
          <b>This panel has no answer.</b>
          {problem}
        </p>
      )}
    </Panel>
  );
}

function Causes({ causes: { causes, errors } }: { causes: IncidentCauses }) {
  const most = Math.max(1, ...errors.map(({ bad }) => bad));
  return (
    <>
      {causes.length === 0 && <p className="note">Nothing stands out.</p>}
      <ul className="shares">
        {causes.map(({ dimension, value, excessShare, bad, total, isSignificant }) => (
          <li key={`${dimension}=${value}`}>
            <span>
              <small>{words(dimension)}</small>
              {value || 'none'}
            </span>
            <span className="track" aria-hidden="true">
              <i className={isSignificant ? undefined : 'context'} style={{ width: widthOf(excessShare) }} />
            </span>
            <span className="right">
              <b className={isSignificant ? undefined : 'dim'}>{shareText(excessShare)}</b>
              <small>
                {count(bad)} of {count(total)}
                {isSignificant ? '' : ', chance'}
              </small>
            </span>
          </li>
        ))}
      </ul>
      {errors.length > 0 && (
        <>
          <p className="key">Error codes meanwhile</p>
          <ul className="shares">
            {errors.map(({ code, bad }) => (
              <li key={code}>
                <code>{code || 'none'}</code>
                <span className="track" aria-hidden="true">
                  <i className="context" style={{ width: widthOf(bad / most) }} />
                </span>
                <b className="right">{count(bad)}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
