import type { Sli } from './sli.ts';

/**
 * M5, enrollment error rate: of the attempts that settled, how many were not hit by an error of our own (a 5xx of the API, or a step
 * that failed with `internal` or `storage`) up to the later of settlement and deadline. Partial attempts count too; errors of
 * providers are counted beside, in `M5:provider`. Source: contract, "SLIs".
 *
 * Example: ten attempts settle; one saw a 503 and completed on the second try, one failed in storage, one failed at the provider.
 * Good 8, total 10, M5 = 80 %; one provider error.
 */
export const m5: Sli = {
  id: 'M5',
  title: 'Enrollment errors',
  meaning: 'attempts without an error of our own',
  kind: 'ratio',
  needs: ['enrollment.completed', 'api.request'],
  counters: [
    { id: 'M5', unit: 'attempt', total: '1', good: 'NOT own_error' },
    { id: 'M5:provider', unit: 'attempt', total: `fault = 'provider'`, good: '0' },
  ],
  companions: { provider: ({ total }) => (total > 0 ? `${total} more failed at a provider` : undefined) },
};
