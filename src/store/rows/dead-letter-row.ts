/** Records that were refused: on their way through the log, and as they are asked for when they are driven again. */
import type { Engine } from '../engine/engine.ts';

export interface DeadLetter {
  /** The same for the same record. */
  id: string;
  /** Where it came in: a source of events, or what it was to be read as. */
  source: string;
  reason: string;
  /** JSON of what is left of it; '' when nothing of it can be kept. */
  record: string;
  /** References in it, by which it goes with a person who is forgotten. */
  refs: readonly string[];
}

const COLUMNS = {
  id: 'String',
  at: 'Int64',
  source: 'String',
  reason: 'String',
  record: 'String',
  refs: 'Array(String)',
  version: 'UInt64',
};

export const DEAD_LETTER_COLUMN_NAMES = Object.keys(COLUMNS).join(', ');
/** What `file()` is told about the rows of the log. */
export const DEAD_LETTER_STRUCTURE = Object.entries(COLUMNS)
  .map(([name, type]) => `${name} ${type}`)
  .join(', ');
/** The SELECT list that turns rows of the log into rows of `dead_letters_log`. */
export const DEAD_LETTER_SELECT = Object.keys(COLUMNS)
  .map((name) => (name === 'at' ? `fromUnixTimestamp64Milli(at, 'UTC')` : name))
  .join(', ');

/** A row as one line of the log; the later one of a record stands. */
export const deadLetterLine = ({ id, source, reason, record, refs }: DeadLetter, nowMs: number): string =>
  `${JSON.stringify([id, nowMs, source, reason, record, refs, nowMs])}\n`;

/** Letters that can be driven again, by id, after the given one. */
export const waitingLetters = (engine: Engine, after: string, limit: number): Promise<{ id: string; source: string; record: string }[]> =>
  engine
    .session('read')
    .rows(`SELECT id, source, record FROM dead_letters WHERE record != '' AND id > {after:String} ORDER BY id LIMIT ${limit}`, { after });

/** Takes letters out that have been accepted after all. */
export async function closeLetters(engine: Engine, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await engine.withRows('tidy', { data: ids.join('\n'), format: 'TSV', structure: 'id String' }, (named) =>
    engine.session('tidy').run(
      `INSERT INTO dead_letters_log SELECT * REPLACE (greatest(version + 1, ${nowMs}) AS version, 1 AS dead)
         FROM (SELECT * FROM dead_letters_log FINAL WHERE id IN (SELECT id FROM ${named}))`,
    ),
  );
}
