/** The live stream of events and evaluations to browsers, as server-sent events. */
import type { Request, Response } from 'express';
import type { Session } from '../store/engine/engine.ts';
import { COLUMN, type EventColumn, type EventRow } from '../store/rows/event-row.ts';

/** Browsers at once; one more is refused. */
const MAX_LISTENERS = 100;
const KEPT_EVENTS = 40;
/** A browser that reads this far behind is let go; it connects again. */
const MAX_WAITING_BYTES = 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** So soon a stream ends whose key has ended. */
const LOOK_EVERY_MS = 500;
/** How far back a page that has just opened looks. */
const STORED_MS = 86_400_000;

const SHOWN = [
  'id',
  'time',
  'type',
  'source',
  'region',
  'provider',
  'factor_type',
  'operation',
  'outcome',
  'error_class',
  'error_code',
  'http_status',
  'duration_ms',
  'deployment',
  'attempt_id',
  'action',
  'traffic',
] as const satisfies readonly EventColumn[];

export type ShownEvent = Partial<Record<(typeof SHOWN)[number], string | number>>;

/** The newest events of the store, for pages that open before anything new arrives. */
export async function storedEvents(session: Session, nowMs: number): Promise<ShownEvent[]> {
  const columns = SHOWN.map((name) => (name === 'time' ? 'toUnixTimestamp64Milli(events_v.time) AS time' : name));
  const rows = await session.rows<Record<string, string | number | null>>(
    `SELECT ${columns.join(', ')} FROM events_v
     WHERE toStartOfTenMinutes(events_v.time) >= fromUnixTimestamp64Milli(${nowMs - STORED_MS}, 'UTC')
     ORDER BY events_v.time DESC LIMIT ${KEPT_EVENTS}`,
  );
  return rows.map((row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== '' && value !== null)) as ShownEvent);
}

export interface EventStream {
  /** Starts with events that were there before. */
  seed(events: readonly ShownEvent[]): void;
  /** Shows rows that were just loaded; `count` says how many there were in all. */
  push(rows: readonly EventRow[], count: number): void;
  /** Tells every page something by name. */
  tell(name: string, data: unknown): void;
  /** The newest events, newest first. */
  recent(): ShownEvent[];
  /** @param isStillIn whether what let the browser in still does; looked at while the stream lasts */
  handle(request: Request, response: Response, isStillIn: () => boolean): void;
  close(): void;
}

/** A stream that nobody listens to yet. */
export function createEventStream(): EventStream {
  const listeners = new Map<Response, () => boolean>();
  let newest: ShownEvent[] = [];
  const write = (name: string, data: unknown) => {
    const text = `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
    for (const listener of listeners.keys()) {
      listener.write(text);
      if (listener.writableLength > MAX_WAITING_BYTES) listener.destroy();
    }
  };
  const heartbeat = setInterval(() => {
    for (const listener of listeners.keys()) listener.write(': still here\n\n');
  }, HEARTBEAT_MS);
  heartbeat.unref();
  const watch = setInterval(() => {
    for (const [listener, isStillIn] of listeners) {
      if (isStillIn()) continue;
      listeners.delete(listener);
      listener.end();
    }
  }, LOOK_EVERY_MS);
  watch.unref();
  return {
    seed(events) {
      newest = [...newest, ...events].slice(0, KEPT_EVENTS);
    },
    push(rows, count) {
      if (rows.length === 0) return;
      const events = rows.map(shown).sort((a, b) => Number(b.time) - Number(a.time));
      newest = [...events, ...newest].sort((a, b) => Number(b.time) - Number(a.time)).slice(0, KEPT_EVENTS);
      if (listeners.size > 0) write('events', { events, count });
    },
    tell: write,
    recent: () => newest,
    handle(request, response, isStillIn) {
      if (listeners.size >= MAX_LISTENERS) {
        response.status(503).set('retry-after', '5').end();
        return;
      }
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', connection: 'keep-alive' });
      if (request.method === 'HEAD') {
        response.end();
        return;
      }
      response.write('retry: 2000\n\n');
      listeners.set(response, isStillIn);
      request.once('close', () => listeners.delete(response));
    },
    close() {
      clearInterval(heartbeat);
      clearInterval(watch);
      for (const listener of listeners.keys()) listener.end();
      listeners.clear();
    },
  };
}

function shown(row: EventRow): ShownEvent {
  const event: ShownEvent = {};
  for (const name of SHOWN) {
    const value = row[COLUMN[name]];
    if (value !== '' && value !== null) event[name] = value as string | number;
  }
  return event;
}
