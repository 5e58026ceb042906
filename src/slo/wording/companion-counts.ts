/** What is counted beside an SLI, in words: all traffic of M1, errors of providers, completions before their start. */
import type { SloStatus } from '../measure/status.ts';

const percent = (ratio: number) => `${(Math.floor(ratio * 1e5) / 1e3).toFixed(2)} %`;

/** Sentences about the counts beside, without those that say nothing. */
export function besideWords({ beside, total }: Pick<SloStatus, 'beside' | 'total'>): string[] {
  const { all, provider, negative } = beside;
  return [
    ...(all && all.total > total ? [`with bots and synthetic traffic ${percent(all.good / all.total)} of ${all.total}`] : []),
    ...(provider && provider.total > 0 ? [`${provider.total} more failed at a provider`] : []),
    ...(negative && negative.total > 0 ? [`${negative.total} completed before their start and are left out`] : []),
  ];
}
