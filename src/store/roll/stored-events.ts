/** Rows of `events` as the log had them, to roll once more. */
import type { Session } from '../engine/engine.ts';
import { EVENT_COLUMN_NAMES, type EventRow, MILLISECONDS } from '../rows/event-row.ts';

const COLUMNS = EVENT_COLUMN_NAMES.map((name) => (MILLISECONDS.has(name) ? `toUnixTimestamp64Milli(${name})` : name)).join(', ');

/** The events that a condition holds for, each once. */
export async function storedEvents(session: Session, where: string): Promise<EventRow[]> {
  const rows = await session.rows<{ row: EventRow }>(
    `SELECT tuple(${COLUMNS}) AS row FROM events FINAL WHERE ${where}
     SETTINGS output_format_json_named_tuples_as_objects = 0, output_format_json_quote_64bit_integers = 0`,
  );
  return rows.map(({ row }) => row);
}
