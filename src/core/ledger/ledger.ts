/** The ledger: rows change by the steps of the lifecycle alone, each in one transaction with the event that tells of it. */
import { MusterError } from '../../errors.ts';
import { FACTORS } from '../factors/index.ts';
import type { CoreStorage, Statements, Value } from '../storage/storage.ts';
import { traceFields } from '../telemetry.ts';
import type { Vault } from '../vault/vault.ts';
import { after, ENROLLMENT, FACTOR } from './lifecycle.ts';
import { asKept } from './outbox.ts';
import { PEOPLE } from './people.ts';
import { aboutEnrollment, type CoreEvent, type EnrollmentRow, type FactorRow } from './records.ts';

const NOTHING = new Uint8Array();
const SOURCE = 'muster-core';

export interface LedgerDeps {
  storage: CoreStorage;
  vault: Pick<Vault, 'seal'>;
  now: () => number;
  /** A new id, sortable by time. */
  newId: () => string;
  /** Named in every event. */
  deployment: string;
}

/** To be called with what is answered, in the transaction that makes it so. */
export type Inside<T> = (statements: Statements, result: T) => Promise<void>;

/** Steps after which a factor is no more. */
const isEnd = (step: keyof typeof FACTOR) => step === 'revoke' || step === 'deprovision';

export type Ledger = ReturnType<typeof createLedger>;

/** The ledger of the core's database. */
export function createLedger({ storage, vault, now, newId, deployment }: LedgerDeps) {
  const emit = async (statements: Statements, type: string, fields: CoreEvent, timeMs = now()): Promise<void> => {
    const event = { id: newId(), type, time: new Date(timeMs).toISOString(), source: SOURCE, deployment, ...traceFields(), ...fields };
    await statements.run('INSERT INTO outbox (event) VALUES (?)', JSON.stringify(asKept(event, vault)));
  };

  /** A change of a row that is as it was looked at. */
  const change = async <Row extends EnrollmentRow | FactorRow>(
    statements: Statements,
    table: 'enrollments' | 'factors',
    row: Row,
    values: { [K in keyof Row]?: Row[K] },
  ): Promise<void> => {
    const names = Object.keys(values) as (keyof Row & string)[];
    const changed = await statements.run(
      `UPDATE ${table} SET version = version + 1, ${names.map((name) => `${name} = ?`).join(', ')} WHERE id = ? AND version = ?`,
      ...names.map((name) => (values[name] ?? null) as Value),
      row.id,
      row.version,
    );
    if (changed !== 1) throw new Error(`a row of ${table} changed while its person was locked`);
    Object.assign(row, values, { version: row.version + 1 });
  };

  const ledger = {
    ...PEOPLE,
    emit,
    /** @throws MUSTER_NOT_FOUND */
    async enrollment(statements: Statements, id: string): Promise<EnrollmentRow> {
      const row = await statements.one<EnrollmentRow>('SELECT * FROM enrollments WHERE id = ?', id);
      if (row) return { ...row };
      throw new MusterError('MUSTER_NOT_FOUND', 'no enrollment has this id');
    },
    /** @throws MUSTER_NOT_FOUND */
    async factor(statements: Statements, id: string): Promise<FactorRow> {
      const row = await statements.one<FactorRow>('SELECT * FROM factors WHERE id = ?', id);
      if (row) return { ...row };
      throw new MusterError('MUSTER_NOT_FOUND', 'no factor has this id');
    },
    /** Work on a row under the lock of its person, as it is then. */
    withEnrollment<T>(id: string, work: (statements: Statements, row: EnrollmentRow) => Promise<T>): Promise<T> {
      return storage.transaction(async (statements) => {
        const { user_id: user } = await ledger.enrollment(statements, id);
        await ledger.lock(statements, user);
        const row = await ledger.enrollment(statements, id);
        await ledger.expireIfDue(statements, row);
        return work(statements, row);
      });
    },
    withFactor<T>(id: string, work: (statements: Statements, row: FactorRow) => Promise<T>): Promise<T> {
      return storage.transaction(async (statements) => {
        const { user_id: user } = await ledger.factor(statements, id);
        await ledger.lock(statements, user);
        return work(statements, await ledger.factor(statements, id));
      });
    },
    changeEnrollment: (statements: Statements, row: EnrollmentRow, values: Partial<EnrollmentRow>) =>
      change(statements, 'enrollments', row, values),
    changeFactor: (statements: Statements, row: FactorRow, values: Partial<FactorRow>) => change(statements, 'factors', row, values),
    /** Ends an enrollment, and what it kept as a secret. @throws MUSTER_ILLEGAL_TRANSITION */
    step: (statements: Statements, row: EnrollmentRow, name: keyof typeof ENROLLMENT, values: Partial<EnrollmentRow> = {}) =>
      change(statements, 'enrollments', row, { sealed: NOTHING, ...values, state: after(ENROLLMENT, name, row.state, 'the enrollment') }),
    /** @throws MUSTER_ILLEGAL_TRANSITION */
    async factorStep(statements: Statements, row: FactorRow, name: keyof typeof FACTOR): Promise<void> {
      const factor = FACTORS[row.factor_type];
      // Of one that has ended its record stays, and nothing that opens.
      const left = isEnd(name) && !factor.isKeptAfterEnd ? { sealed: NOTHING } : {};
      await change(statements, 'factors', row, { ...left, state: after(FACTOR, name, row.state, 'the factor'), state_at: now() });
      if (isEnd(name)) await factor.released?.(statements, row.id);
    },
    /** A pending enrollment past its time is expired by whoever looks first. */
    async expireIfDue(statements: Statements, row: EnrollmentRow): Promise<void> {
      if (row.state !== 'pending' || now() < row.expires_at) return;
      await ledger.step(statements, row, 'expire');
      await emit(statements, 'enrollment.expired', { ...aboutEnrollment(row), error_class: 'expired' }, row.expires_at);
    },
    /** Cancels what is open of these. Returns how many were. */
    async cancelOpen(statements: Statements, rows: readonly EnrollmentRow[], reason: string): Promise<number> {
      let count = 0;
      for (const each of rows) {
        const row = { ...each };
        await ledger.expireIfDue(statements, row);
        if (row.state !== 'pending') continue;
        await ledger.step(statements, row, 'cancel');
        await emit(statements, 'enrollment.cancelled', { ...aboutEnrollment(row), error_code: reason });
        count += 1;
      }
      return count;
    },
  };
  return ledger;
}
