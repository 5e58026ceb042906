/** What is counted beside an SLI, in its own words. */
import type { SloStatus } from '../measure/status.ts';
import { SLIS } from '../slis/index.ts';

/** Sentences about the counts beside, without those that say nothing. */
export function companionWords({ sli, beside, total }: Pick<SloStatus, 'sli' | 'beside' | 'total'>): string[] {
  const companions = SLIS.find(({ id }) => id === sli)?.companions ?? {};
  return Object.entries(companions).flatMap(([name, words]) => {
    const counts = beside[name];
    return (counts && words(counts, total)) ?? [];
  });
}
