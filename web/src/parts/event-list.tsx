/** The live stream: events as they are loaded, newest first. */
import { useState } from 'react';
import type { ShownEvent } from '../api.ts';
import { exact } from './format.ts';
import { Panel } from './panel.tsx';

const DETAILS = ['region', 'factor_type', 'provider', 'operation', 'http_status', 'error_class', 'error_code', 'action'] as const;

/** Events of probes and tests: Muster's own canary among them. */
const isOfUsers = ({ traffic }: ShownEvent): boolean => traffic === undefined || traffic === 'user';

export function EventList({ events, isPaused, onPause }: { events: readonly ShownEvent[]; isPaused: boolean; onPause: () => void }) {
  const [showsAll, setShowsAll] = useState(false);
  const shown = showsAll ? events : events.filter(isOfUsers);
  const others = events.length - events.filter(isOfUsers).length;
  return (
    <Panel
      title="Live events"
      scope={isPaused ? 'paused' : 'as they are loaded'}
      className="side"
      tools={
        <>
          {others > 0 && (
            <button type="button" className="tool" aria-pressed={showsAll} onClick={() => setShowsAll(!showsAll)}>
              {showsAll ? 'Hide probes' : 'Show probes'}
            </button>
          )}
          <button type="button" className="tool" aria-pressed={isPaused} onClick={onPause}>
            {isPaused ? 'Go on' : 'Pause'}
          </button>
        </>
      }
    >
      {shown.length === 0 ? (
        <p className="note">Nothing has arrived since this page was opened.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
        <section className="stream" tabIndex={0} aria-label="Live events, newest first">
          <ol>
            {shown.map((event) => (
              <li key={`${event.source}${event.id}${event.time}`}>
                <time dateTime={new Date(Number(event.time)).toISOString()}>{exact(Number(event.time))}</time>
                <span>
                  <b>{event.type}</b> {DETAILS.flatMap((name) => (event[name] === undefined ? [] : [String(event[name])])).join(' · ')}
                </span>
              </li>
            ))}
          </ol>
        </section>
      )}
    </Panel>
  );
}
