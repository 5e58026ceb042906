/** What is written down beside the steps: requests that were served, starts that failed before they began, circuits of providers. */
import type { Ledger } from './ledger/ledger.ts';
import { aboutEnrollment, aboutFactor, type CoreEvent, type EnrollmentRow, type FactorRow } from './ledger/records.ts';
import type { CoreStorage } from './storage/storage.ts';

/** Reports of whoever serves the core, and what they are about. */
export function createReports({ storage, ledger, newId }: { storage: CoreStorage; ledger: Ledger; newId: () => string }) {
  return {
    /** What the events about an enrollment or a factor say, for whoever reports requests about it. */
    async labelsOf(id: string): Promise<CoreEvent | undefined> {
      const row = await storage.one<EnrollmentRow>('SELECT * FROM enrollments WHERE id = ?', id);
      if (row) return aboutEnrollment(row);
      const factor = await storage.one<FactorRow>('SELECT * FROM factors WHERE id = ?', id);
      return factor && aboutFactor(factor);
    },
    /** `traceparent` of the step that an answer about this belongs to. */
    async traceOf(id: string): Promise<string | null> {
      const row = await storage.one<{ trace: string | null }>(
        'SELECT trace FROM enrollments WHERE id = ? UNION ALL SELECT trace FROM factors WHERE id = ?',
        id,
        id,
      );
      return row?.trace ?? null;
    },

    /** Notes a start that was refused for a reason of our own: an attempt all the same (contract, "Attempts"). Returns its id. */
    reportFailedStart(labels: CoreEvent, cause: CoreEvent): Promise<string> {
      const attemptId = newId();
      return storage.transaction(async (statements) => {
        await ledger.emit(statements, 'enrollment.started', { ...labels, attempt_id: attemptId });
        await ledger.emit(statements, 'enrollment.failed', { ...labels, attempt_id: attemptId, outcome: 'failure', ...cause });
        return attemptId;
      });
    },
    /** Notes a served request for the SLIs of the API. */
    reportRequest: (fields: CoreEvent): Promise<void> =>
      storage.transaction((statements) => ledger.emit(statements, 'api.request', fields)),
    /** Notes what happened to the circuit of a provider. */
    reportCircuit: (state: 'opened' | 'closed', provider: string, region: string): Promise<void> =>
      storage.transaction((statements) =>
        ledger.emit(statements, `provider.circuit_${state}`, { provider, ...(region !== '' && { region }) }),
      ),
  };
}
