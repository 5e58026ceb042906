import type { Sli } from './sli.ts';

/**
 * M7, provider fallback rate: of the attempts that needed a provider, how many did not have to fall back to another.
 * Unit: settled attempts with a `provider.request`, partial ones too. Source: contract, "SLIs".
 *
 * An attempt whose only provider does not deliver, and that falls back to none, is good here and bad in M1: M7 counts fallbacks, and nothing else.
 *
 * Example: four attempts asked a provider, one of them fell back; two more worked on the device. Good 3, total 4, M7 = 75 %.
 */
export const m7: Sli = {
  id: 'M7',
  title: 'Provider fallback',
  meaning: 'attempts without fallback to another',
  kind: 'ratio',
  needs: ['provider.request', 'provider.fallback'],
  failsWithProvider: true,
  counters: [{ id: 'M7', unit: 'attempt', total: 'provider_requested', good: 'NOT provider_fell_back' }],
};
