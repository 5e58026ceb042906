/** One attempt: what became of it, its requests along time, its events, and how each SLO counted it. */
import { useEffect, useState } from 'react';
import { asTree, countedText, isBad, spanKey, TOLD } from '../../../src/slo/wording/attempt-wording.ts';
import { type AttemptDetail, type AttemptEvent, get, type Overview } from '../api.ts';
import { duration, exact, moment } from '../parts/format.ts';
import { Panel, Scroll } from '../parts/panel.tsx';
import { Waiting } from '../parts/waiting.tsx';
import type { Live } from '../use-live.ts';

const FACTS = ['user_ref', 'user_tier', 'factor_type', 'region', 'deployment', 'client_version', 'tenant'] as const;
const BAD = new Set(['failure', 'timeout', 'denied']);

export function AttemptPage({ id, live, now }: { id: string; live: Live; now: number }) {
  const { detail, problem } = useAttempt(id, live.evaluation);
  const [shown, setShown] = useState<string>();
  if (!detail) return <Waiting problem={problem} />;
  const event = detail.events.find((each) => each.id === shown) ?? detail.events[0];
  return (
    <>
      <div className="verdict">
        <div aria-live="polite">
          <h1>{detail.sentence}</h1>
          <p>
            {detail.startedAt === null
              ? 'Its start was not heard: it counts in no rate of success.'
              : `Started ${moment(detail.startedAt, now)}, at ${exact(Date.parse(detail.startedAt))}.`}
          </p>
        </div>
      </div>
      <dl className="facts many">
        <Fact label="Source" value={detail.source} />
        {FACTS.flatMap((name) =>
          detail.labels[name] ? [<Fact key={name} label={name.replaceAll('_', ' ')} value={detail.labels[name]} />] : [],
        )}
        <Fact label="provider" value={providers(detail)} />
      </dl>
      <Timeline detail={detail} overview={live.overview} shown={event?.id} onShow={setShown} />
      <HowItCounted detail={detail} />
      {detail.spans.length > 0 && <Trace spans={detail.spans} hasMore={detail.hasMoreSpans} />}
      {event && <Stored event={event} />}
    </>
  );
}

function useAttempt(id: string, evaluation: number) {
  const [detail, setDetail] = useState<AttemptDetail>();
  const [problem, setProblem] = useState<string>();
  const isSettled = detail !== undefined && detail.result !== 'pending';
  // biome-ignore lint/correctness/useExhaustiveDependencies: an attempt that waits may have ended with each evaluation.
  useEffect(() => {
    if (isSettled) return;
    let isGone = false;
    const source = new URLSearchParams(location.search).get('source');
    const query = source ? `?${new URLSearchParams({ source })}` : '';
    get<AttemptDetail>(`/api/attempts/${encodeURIComponent(id)}${query}`).then(
      (found) => !isGone && setDetail(found),
      (error: Error) => !isGone && setProblem(error.message),
    );
    return () => {
      isGone = true;
    };
  }, [id, evaluation]);
  return { detail, problem };
}

function providers({ labels }: AttemptDetail): string {
  const { provider, provider_final: last } = labels;
  if (!provider && !last) return 'none: on device';
  return !last || last === provider ? (provider ?? '') : `${provider}, then ${last}`;
}

function Fact({ label, value }: { label: string; value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd className="plain">{value}</dd>
    </div>
  );
}

const isBadEvent = (event: AttemptEvent) =>
  BAD.has(String(event.outcome)) ||
  Number(event.http_status) >= 500 ||
  Number(event.http_status) === 429 ||
  event.type === 'enrollment.failed';

/** Every event in its distance from the start; a request is as wide as it took. */
function Timeline({
  detail,
  overview,
  shown,
  onShow,
}: {
  detail: AttemptDetail;
  overview: Overview | undefined;
  shown: string | undefined;
  onShow: (id: string) => void;
}) {
  const startMs = Date.parse(detail.startedAt ?? detail.events[0]?.time ?? '');
  const longest = Math.max(1, ...detail.events.map(({ duration_ms: ms }) => Number(ms ?? 0)));
  return (
    <Panel
      title="Timeline"
      scope={`${detail.isCut ? 'the first ' : ''}${detail.events.length} events; a bar is as long as the request took`}
      className="wide lines"
    >
      <Scroll label="Events, oldest first">
        <table>
          <tbody>
            {detail.events.map((event) => (
              <tr key={event.id} className={event.id === shown ? 'chosen' : undefined}>
                <td className="right dim">{offset(Date.parse(event.time) - startMs)}</td>
                <td className="grow">
                  <button
                    type="button"
                    className={`link ${isBadEvent(event) ? 'over' : ''}`}
                    aria-pressed={event.id === shown}
                    onClick={() => onShow(event.id)}
                  >
                    {event.type}
                  </button>
                  <small>
                    {TOLD.flatMap((name) => (event[name] === undefined ? [] : [String(event[name]).replaceAll('_', ' ')])).join(', ')}
                  </small>
                </td>
                <td className="span">
                  {typeof event.duration_ms === 'number' && event.type !== 'enrollment.completed' && (
                    <>
                      <i
                        className={isBadEvent(event) ? 'bad' : undefined}
                        style={{ width: `${Math.max(2, (event.duration_ms / longest) * 100)}%` }}
                      />
                      {duration(event.duration_ms / 1_000)}
                    </>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {detail.traces.map((trace, i) => (
        <p key={trace} id={i === 0 ? 'trace' : undefined} className="key">
          Trace{' '}
          {overview?.traceUrl ? (
            <a href={overview.traceUrl.replaceAll('{trace_id}', encodeURIComponent(trace))}>{trace}</a>
          ) : (
            <code>{trace}</code>
          )}
        </p>
      ))}
    </Panel>
  );
}

const offset = (ms: number): string => (Math.abs(ms) < 1 ? '0' : `${ms < 0 ? '−' : '+'}${duration(Math.abs(ms) / 1_000)}`);

/** Spans below one another, each where it lies in the time of all. */
function Trace({ spans, hasMore }: { spans: AttemptDetail['spans']; hasMore: boolean }) {
  const from = Math.min(...spans.map(({ startMs }) => startMs));
  const length = Math.max(...spans.map(({ startMs, durationMs }) => startMs + durationMs)) - from || 1;
  return (
    <Panel title="Trace" scope={`${hasMore ? 'the first ' : ''}${spans.length} spans over ${duration(length / 1_000)}`} className="lines">
      <Scroll label="Spans" height={480}>
        <table>
          <tbody>
            {asTree(spans).map(({ span, depth }) => (
              <tr key={spanKey(span)}>
                <td style={{ paddingLeft: 8 + 16 * Math.min(depth, 12) }} className={span.hasFailed ? 'over' : undefined}>
                  {span.name || 'without a name'}
                  <small>{[span.service, ...Object.values(span.attributes)].filter(Boolean).join(' · ')}</small>
                </td>
                <td className="right">{duration(span.durationMs / 1_000)}</td>
                <td className="bar">
                  <i
                    className={span.hasFailed ? 'bad' : undefined}
                    style={{
                      marginLeft: `${((span.startMs - from) / length) * 100}%`,
                      width: `${Math.max(0.5, (span.durationMs / length) * 100)}%`,
                    }}
                  />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function HowItCounted({ detail }: { detail: AttemptDetail }) {
  return (
    <Panel
      title="How it counted"
      scope={detail.settledAt === null ? 'when it ends, or its deadline passes' : `settled at ${exact(Date.parse(detail.settledAt))}`}
      className="side lines"
    >
      <Scroll label="Each SLO that may count it">
        <table>
          <tbody>
            {detail.counted.map((each) => (
              <tr key={each.slo} className={each.total === 0 || each.isExcluded ? 'dim' : undefined}>
                <td className="grow">
                  <a href={`/slos/${each.slo}`}>{each.slo}</a>
                  <small>{each.meaning}</small>
                </td>
                <td className={`right ${isBad(each) ? 'over' : ''}`}>{countedText(each)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function Stored({ event }: { event: AttemptEvent }) {
  return (
    <Panel title="Event as stored" scope={`${event.type}; people and devices are keyed pseudonyms`}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard (WCAG 2.1.1). */}
      <pre className="sql" tabIndex={0}>
        {JSON.stringify(event, null, 2)}
      </pre>
    </Panel>
  );
}
