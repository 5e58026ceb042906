/** Where the failures of an incident come from, and how they fail. */
import type { IncidentCauses } from '../../api.ts';
import { count } from '../../parts/format.ts';
import { Panel } from '../../parts/panel.tsx';
import { words } from './shown.tsx';

export const shareText = (share: number): string => `${Math.round(100 * Math.min(1, share))}\u00a0%`;

/** Of a bar. */
const widthOf = (share: number): string => `${100 * Math.min(1, share)}%`;

export function CausesPanel({ causes: { sli, causes, errors } }: { causes: IncidentCauses }) {
  if (sli === null) return null;
  const most = Math.max(1, ...errors.map(({ bad }) => bad));
  return (
    <Panel title="Where the failures come from" scope="share of excess">
      {causes.length === 0 ? (
        <p className="note">Nothing failed more than usual.</p>
      ) : (
        <ul className="shares">
          {causes.map(({ dimension, value, excessShare, bad, total, isSignificant }) => (
            <li key={`${dimension}=${value}`}>
              <span>
                <small>{words(dimension)}</small>
                {value || 'none'}
              </span>
              <span className="track" aria-hidden="true">
                <i className={isSignificant ? undefined : 'chance'} style={{ width: widthOf(excessShare) }} />
              </span>
              <span className="right">
                <b className={isSignificant ? undefined : 'dim'}>{shareText(excessShare)}</b>
                <small>
                  {count(bad)} of {count(total)}
                </small>
              </span>
            </li>
          ))}
        </ul>
      )}
      {causes.some(({ isSignificant }) => !isSignificant) && <p className="key">Grey: no more than chance.</p>}
      {errors.length > 0 && (
        <>
          <p className="key">Error codes meanwhile</p>
          <ul className="shares">
            {errors.map(({ code, bad }) => (
              <li key={code}>
                <code>{code || 'none'}</code>
                <span className="track" aria-hidden="true">
                  <i className="chance" style={{ width: widthOf(bad / most) }} />
                </span>
                <b className="right">{count(bad)}</b>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}
