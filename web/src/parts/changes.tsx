/** What changed: deploys, rollbacks, incidents, circuits, policies, newest first. */
import type { ReactNode } from 'react';
import type { Overview } from '../api.ts';
import { moment } from './format.ts';
import { Panel } from './panel.tsx';

type Change = Overview['changes'][number];

const SENTENCES: Readonly<Record<string, (change: Change) => ReactNode>> = {
  'deploy.completed': ({ deployment }) => (
    <>
      Deploy <b>{deployment}</b>
    </>
  ),
  'deploy.rolled_back': ({ deployment, reason }) => (
    <>
      Rollback of <b>{deployment}</b>
      {reason && `: ${reason}`}
    </>
  ),
  'incident.opened': ({ action, reason }) => (
    <>
      Incident <b>{action}</b>
      {reason && `: ${reason.replaceAll('_', ' ')}`}
    </>
  ),
  'incident.resolved': ({ action }) => (
    <>
      Incident <b>{action}</b> resolved
    </>
  ),
  'provider.circuit_opened': ({ provider, region }) => (
    <>
      Circuit opened: <b>{provider}</b>
      {region && `, ${region}`}
    </>
  ),
  'policy.changed': ({ action }) => (
    <>
      Policy <b>{action}</b>
    </>
  ),
};

export function Changes({ changes, now }: { changes: readonly Change[]; now: number }) {
  return (
    <Panel title="What changed" scope="last 30 days" className="side">
      {changes.length === 0 ? (
        <p className="note">
          No deploy, incident or policy change is known. Send <code>deploy.completed</code> from your pipeline to see it here.
        </p>
      ) : (
        <ul className="changes">
          {changes.map((change) => (
            <li key={`${change.time}${change.type}${change.action}${change.deployment}`}>
              <time dateTime={change.time} title={change.time}>
                {moment(change.time, now).replace(/ \d\d:\d\d$/, '')}
              </time>
              <span>{SENTENCES[change.type]?.(change) ?? change.type}</span>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
