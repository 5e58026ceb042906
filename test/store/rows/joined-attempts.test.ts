/** Records without a common id: which of them make one attempt. */
import { describe, expect, test } from 'vitest';
import { COLUMN, EVENT_COLUMN_NAMES, type EventRow } from '../../../src/store/rows/event-row.ts';
import { joinedAttempts } from '../../../src/store/rows/joined-attempts.ts';

const MINUTE = 60_000;
const WINDOWS = { otherwise: 10 * MINUTE, byFactor: { webauthn: 20 * MINUTE } };

interface Told {
  id: string;
  type: string;
  at: number;
  factor?: string;
  device?: string;
}
/** A record in a line: id, what, minute, factor, device. */
const told = (line: string): Told => {
  const [id = '', type = '', at = '0', factor, device] = line.split(' ');
  return { id, type, at: Number(at), ...(factor && factor !== '-' && { factor }), ...(device && { device }) };
};
function rowOf({ id, type, at, factor = '', device = '' }: Told): EventRow {
  const row: EventRow = EVENT_COLUMN_NAMES.map(() => '');
  const set = (values: Partial<Record<keyof typeof COLUMN, string | number>>) => {
    for (const [name, value] of Object.entries(values)) row[COLUMN[name as keyof typeof COLUMN]] = value;
  };
  set({ id, type: `enrollment.${type}`, time: at * MINUTE, attempt_id: `joined:${id}`, user_ref: 'u', source: 's' });
  set({ factor_type: factor, device_ref: device });
  return row;
}
/** Attempts as the ids of their records. */
const attemptsOf = (lines: readonly string[]): string[] =>
  joinedAttempts(
    lines.map((line) => rowOf(told(line))),
    WINDOWS,
  ).map((rows) => rows.map((row) => row[COLUMN.id]).join(' '));

describe('records without a common id', () => {
  test.each<[string, string[], string[]]>([
    ['start, challenge and completion', ['a started 0', 'b challenge_issued 1 sms', 'c completed 2 sms'], ['a b c']],
    ['whatever order they come in', ['c completed 2', 'a started 0', 'b challenge_issued 1'], ['a b c']],
    ['up to the deadline, it included', ['a started 0', 'b completed 10'], ['a b']],
    ['not after it', ['a started 0', 'b completed 10.001'], ['a', 'b']],
    ['in the window of the factor', ['a started 0 webauthn', 'b completed 19'], ['a b']],
    ['which the end may be the first to name', ['a started 0', 'b completed 19 webauthn'], ['a b']],
    ['other factors apart', ['a started 0 totp', 'b started 1 sms', 'c completed 2 totp', 'd completed 3 sms'], ['a c', 'b d']],
    ['an end that names no factor with the latest', ['a started 0 totp', 'b started 1 sms', 'c completed 2'], ['a', 'b c']],
    ['the same factor before an unknown one', ['a started 0 totp', 'b started 1', 'c completed 2 totp'], ['a b c']],
    ['other devices apart', ['a started 0 - one', 'b completed 1 - two', 'c completed 2 - one'], ['a c', 'b']],
    ['a start while one is open is that one', ['a started 0', 'b started 2', 'c completed 4'], ['a b c']],
    ['a start after its end is another', ['a started 0', 'b failed 1', 'c started 2', 'd completed 3'], ['a b', 'c d']],
    ['a failure that is made good', ['a started 0', 'b failed 1', 'c completed 2'], ['a b c']],
    ['of a failure without a start none', ['b failed 1', 'c completed 2'], ['b', 'c']],
    ['one registration told twice', ['a completed 0 totp', 'b completed 1'], ['a b']],
    ['a completion and the next start', ['a started 0', 'b completed 1', 'c started 2', 'd completed 3'], ['a b', 'c d']],
    ['a start at the instant of its end', ['b completed 1', 'a started 1'], ['a b']],
  ])('%s', (_, lines, attempts) => {
    expect(attemptsOf(lines)).toEqual(attempts);
    expect(attemptsOf(lines.toReversed())).toEqual(attempts);
  });
});
