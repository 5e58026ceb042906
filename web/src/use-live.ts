/** The page's data: the overview, renewed when the server has evaluated, and the live stream of events. */
import { useEffect, useRef, useState } from 'react';
import { get, type Overview, type ShownEvent } from './api.ts';

const KEPT_EVENTS = 60;
const RETRY_MS = 1_000;
const STREAM_RETRY_MS = 3_000;

export interface Live {
  overview: Overview | undefined;
  /** Why there is none, or none newer. */
  problem: string | undefined;
  isConnected: boolean;
  events: ShownEvent[];
  /** Changes with each evaluation: panels ask again. */
  evaluation: number;
}

export function useLive(isPaused: boolean): Live {
  const [overview, setOverview] = useState<Overview>();
  const [problem, setProblem] = useState<string>();
  const [isConnected, setConnected] = useState(false);
  const [events, setEvents] = useState<ShownEvent[]>([]);
  const [evaluation, setEvaluation] = useState(0);
  const paused = useRef(isPaused);
  paused.current = isPaused;

  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = async () => {
      try {
        const next = await get<Overview>('/api/overview');
        if (isGone) return;
        setOverview(next);
        setProblem(undefined);
      } catch (error) {
        if (isGone) return;
        setProblem(error instanceof Error ? error.message : String(error));
        timer = setTimeout(load, RETRY_MS);
      }
    };
    void load();
    get<ShownEvent[]>('/api/events/recent').then(
      (recent) => !isGone && setEvents(recent),
      () => {},
    );
    let source: EventSource | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    const renew = () => {
      if (paused.current) return;
      setEvaluation((n) => n + 1);
      void load();
    };
    const listen = () => {
      source = new EventSource('/api/events/stream');
      source.onopen = () => setConnected(true);
      source.onerror = () => {
        setConnected(false);
        // After an answer that is no stream (401, 502, 503) the browser tries no more by itself.
        if (isGone || source?.readyState !== EventSource.CLOSED) return;
        again = setTimeout(listen, STREAM_RETRY_MS);
      };
      source.addEventListener('events', (message) => {
        if (paused.current) return;
        const { events: fresh } = JSON.parse(message.data) as { events: ShownEvent[] };
        setEvents((known) => [...fresh, ...known].sort((a, b) => Number(b.time) - Number(a.time)).slice(0, KEPT_EVENTS));
      });
      source.addEventListener('evaluated', renew);
      source.addEventListener('fill', (message) => {
        const fill = JSON.parse(message.data) as Overview['fill'];
        setOverview((known) => known && { ...known, fill });
        if (fill === null) renew();
      });
    };
    listen();
    return () => {
      isGone = true;
      clearTimeout(timer);
      clearTimeout(again);
      source?.close();
    };
  }, []);

  return { overview, problem, isConnected, events, evaluation };
}
