/** What a row keeps, opened outside of the transaction and worked on inside of it: no transaction waits for whoever holds the keys. */
import { MusterError } from '../../errors.ts';
import type { Kept } from '../factors/factor.ts';
import type { CoreStorage, Statements } from '../storage/storage.ts';
import { traced } from '../telemetry.ts';
import type { Owner, Vault } from '../vault/vault.ts';
import type { Ledger } from './ledger.ts';
import type { EnrollmentRow, FactorRow } from './records.ts';

/** Somebody else changed the same row so often while it was being opened: a client in a loop. */
const MAX_TRIES = 20;
const AGAIN = Symbol('again');

/** @param before what was done before the lock, by what was kept */
type Work<Row, T, Before> = (statements: Statements, row: Row, kept: Kept, before: Before | undefined) => Promise<T>;
/** What is done before the lock: again, when the row has moved on meanwhile. */
type First<Row, Before> = (row: Row, kept: Kept) => Promise<Before>;

/** What the secrets of an enrollment are bound to when they are sealed. */
export const ownerOfEnrollment = ({ id, user_id: user }: Pick<EnrollmentRow, 'id' | 'user_id'>): Owner => ({
  kind: 'enrollment',
  user,
  id,
});
/** What the secrets of a factor are bound to when they are sealed. */
export const ownerOfFactor = ({ id, user_id: user }: Pick<FactorRow, 'id' | 'user_id'>): Owner => ({ kind: 'factor', user, id });

export type UnsealThenLock = ReturnType<typeof createUnsealThenLock>;

/** Opens what rows keep before it takes their lock, and tries again when the row has moved on meanwhile. */
export function createUnsealThenLock({ storage, vault, ledger }: { storage: CoreStorage; vault: Vault; ledger: Ledger }) {
  /** Does the work on a row that is as it was opened; when it is not any more, opens it again. */
  const worked = async <Row extends EnrollmentRow | FactorRow, T, Before>(
    read: () => Promise<Row>,
    ownerOf: (row: Row) => Owner,
    inside: (work: (statements: Statements, row: Row) => Promise<T | typeof AGAIN>) => Promise<T | typeof AGAIN>,
    work: Work<Row, T, Before>,
    first: First<Row, Before> | undefined,
  ): Promise<T> => {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const seen = await read();
      // What has ended keeps nothing that opens.
      const kept = seen.sealed.length === 0 ? {} : await traced('vault.open', {}, () => vault.open<Kept>(seen.sealed, ownerOf(seen)));
      const before = await first?.(seen, kept);
      const result = await inside(async (statements, row) => (row.version === seen.version ? work(statements, row, kept, before) : AGAIN));
      if (result !== AGAIN) return result;
    }
    throw new MusterError('MUSTER_IN_PROGRESS', 'this is being changed by others at the same moment; send it again');
  };

  return {
    /** @throws MUSTER_NOT_FOUND, MUSTER_VAULT_CLOSED, MUSTER_IN_PROGRESS */
    enrollment: <T, Before>(id: string, work: Work<EnrollmentRow, T, Before>, first?: First<EnrollmentRow, Before>): Promise<T> =>
      worked(
        () => ledger.enrollment(storage, id),
        ownerOfEnrollment,
        (inside) => ledger.withEnrollment(id, inside),
        work,
        first,
      ),
    /** @throws MUSTER_NOT_FOUND, MUSTER_VAULT_CLOSED, MUSTER_IN_PROGRESS */
    factor: <T, Before>(id: string, work: Work<FactorRow, T, Before>, first?: First<FactorRow, Before>): Promise<T> =>
      worked(
        () => ledger.factor(storage, id),
        ownerOfFactor,
        (inside) => ledger.withFactor(id, inside),
        work,
        first,
      ),
  };
}
