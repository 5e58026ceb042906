/** The live stream: events as they are loaded, newest first. */
import type { ShownEvent } from '../api.ts';
import { exact } from './format.ts';
import { Panel } from './panel.tsx';

const DETAILS = ['region', 'factor_type', 'provider', 'operation', 'http_status', 'error_class', 'error_code', 'action'] as const;

export function EventList({ events, isPaused, onPause }: { events: readonly ShownEvent[]; isPaused: boolean; onPause: () => void }) {
  return (
    <Panel
      title="Live events"
      scope={isPaused ? 'paused' : 'as they are loaded'}
      className="side"
      tools={
        <button type="button" className="tool" aria-pressed={isPaused} onClick={onPause}>
          {isPaused ? 'Go on' : 'Pause'}
        </button>
      }
    >
      {events.length === 0 ? (
        <p className="note">Nothing has arrived since this page was opened.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1).
        <section className="stream" tabIndex={0} aria-label="Live events, newest first">
          <ol>
            {events.map((event) => (
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
