/** What the database knows of one person: their lock, their epoch, what is open and which factors they have. */
import { MusterError } from '../../errors.ts';
import { lookedUpBy } from '../../privacy/identifier.ts';
import type { Statements } from '../storage/storage.ts';
import { forgottenAt } from './forgotten.ts';
import { MAX_FAILURES } from './lifecycle.ts';
import type { EnrollmentRow, FactorRow } from './records.ts';

/** Questions about a person, each in the transaction that is given. */
export const PEOPLE = {
  /** Keeps everybody else from changing what is this person's until the transaction ends. Returns their epoch. */
  async lock(statements: Statements, user: string): Promise<number> {
    const row = await statements.one<{ epoch: number }>(
      'INSERT INTO people (user_id, epoch) VALUES (?, 0) ON CONFLICT (user_id) DO UPDATE SET epoch = people.epoch RETURNING epoch',
      user,
    );
    return row?.epoch ?? 0;
  },
  /**
   * The account that an administrator means: identifiers are opaque, and only a mail address that nobody has as it is written is looked up
   * in another case.
   * @throws MUSTER_CONFLICT when several have it
   */
  async accountOf(statements: Statements, named: string): Promise<string> {
    if (!named.includes('@')) return named;
    // Whoever only asked for an address in another case has a row of people, and nothing else.
    const alike = await statements.all<{ user_id: string }>(
      `SELECT user_id FROM people WHERE lower(user_id) = lower(?) AND (EXISTS (SELECT 1 FROM factors WHERE factors.user_id = people.user_id)
         OR EXISTS (SELECT 1 FROM enrollments WHERE enrollments.user_id = people.user_id))`,
      named,
    );
    const found = alike.map(({ user_id }) => user_id).filter((each) => lookedUpBy(each) === lookedUpBy(named));
    if (found.includes(named)) return named;
    const [only, other] = found;
    if (other !== undefined)
      throw new MusterError('MUSTER_CONFLICT', 'several accounts have this address, in different cases: write it as one of them does');
    return only ?? named;
  },
  /** Counts what ended all that was open. */
  async epochOf(statements: Statements, user: string): Promise<number> {
    return (await statements.one<{ epoch: number }>('SELECT epoch FROM people WHERE user_id = ?', user))?.epoch ?? 0;
  },
  /** What was allowed before is not allowed any more. */
  async nextEpoch(statements: Statements, user: string, nowMs: number): Promise<void> {
    await statements.run('UPDATE people SET epoch = epoch + 1, not_before = ? WHERE user_id = ?', nowMs, user);
    // Of an address that nobody has yet: whoever comes with it in another case is meant, too.
    const address = lookedUpBy(user);
    if (address !== user)
      await statements.run(
        `INSERT INTO people (user_id, epoch, not_before) VALUES (?, 0, ?)
         ON CONFLICT (user_id) DO UPDATE SET not_before = excluded.not_before WHERE people.not_before < excluded.not_before`,
        address,
        nowMs,
      );
  },
  /** When all that was allowed before ended the last time, in milliseconds since 1970; 0 when it never did. */
  async notBeforeOf(statements: Statements, user: string): Promise<number> {
    const row = await statements.one<{ not_before: number }>(
      'SELECT max(not_before) AS not_before FROM people WHERE user_id IN (?, ?)',
      user,
      lookedUpBy(user),
    );
    return Math.max(Number(row?.not_before ?? 0), await forgottenAt(statements, user));
  },
  openOf: (statements: Statements, user: string) =>
    statements.all<EnrollmentRow>(`SELECT * FROM enrollments WHERE user_id = ? AND state = 'pending'`, user),
  /**
   * Whether somebody has to prove a factor before another comes: while there is one, and after one was lost to guessing, until a reset. Else
   * guessing would be the way around it.
   */
  async mustStepUp(statements: Statements, user: string): Promise<boolean> {
    const sql = `SELECT 1 AS found FROM factors WHERE user_id = ? AND (state IN ('active', 'suspended') OR failures >= ?) LIMIT 1`;
    return (await statements.one(sql, user, MAX_FAILURES)) !== undefined;
  },
  /** How often somebody has begun to set up a factor of a type. */
  async setUpsOf(statements: Statements, user: string, factorType: string): Promise<number> {
    const sql = 'SELECT COUNT(*) AS n FROM enrollments WHERE user_id = ? AND factor_type = ?';
    return Number((await statements.one<{ n: number }>(sql, user, factorType))?.n ?? 0);
  },
  liveFactorsOf: (statements: Statements, user: string) =>
    statements.all<FactorRow>(`SELECT * FROM factors WHERE user_id = ? AND state IN ('active', 'suspended') ORDER BY created_at, id`, user),
};
