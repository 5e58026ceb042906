/** A service sends all its traces; those without an event of ours are nobody's enrollment, and go. */
import { HOUR_MS } from '../../system/time.ts';
import { removeLater } from '../engine/ddl.ts';
import type { Session } from '../engine/engine.ts';

/** A span waits so long for an event of its trace. */
const STRAY_MS = HOUR_MS;
/** It is looked at for so long after it came, in case that nobody ran in between. */
const LOOKED_AT_MS = 8 * 24 * HOUR_MS;
/** An event lies at most so long before or after a span of its trace. */
const APART_MS = 24 * HOUR_MS;

/** Deletes spans that came more than an hour ago and whose trace has no event. The engine does it in its own time. */
export async function dropStraySpans(session: Session, nowMs: number): Promise<void> {
  const at = (ms: number) => `fromUnixTimestamp64Milli(toInt64(${ms}), 'UTC')`;
  const waiting = `received_at > ${at(nowMs - LOOKED_AT_MS)} AND received_at <= ${at(nowMs - STRAY_MS)}`;
  const [oldest] = await session.rows<{ startMs: string; n: number }>(
    `SELECT toString(toInt64(toUnixTimestamp64Micro(min(start)) / 1000)) AS startMs, toUInt32(count()) AS n FROM spans_log
      WHERE ${waiting}`,
  );
  if (!oldest || oldest.n === 0) return;
  const from = at(Number(oldest.startMs) - APART_MS);
  const stray = `${waiting} AND trace_id NOT IN (
    SELECT trace_id FROM events WHERE trace_id != '' AND toStartOfTenMinutes(time) >= toStartOfTenMinutes(${from}))`;
  const [found] = await session.rows<{ n: number }>(`SELECT toUInt32(count()) AS n FROM spans_log WHERE ${stray} SETTINGS max_threads = 1`);
  if (found?.n) await removeLater(session, 'spans_log', stray);
}
