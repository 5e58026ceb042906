/** An SLI narrowed to some of what it counts, or to another threshold: an SLI of its own, counted exactly like the whole. */
import { hash } from 'node:crypto';
import { DIMENSIONS } from '../../names.ts';
import { LABELS } from '../../store/rows/attempt-facts.ts';
import type { Counter } from '../../store/rows/sli-counter.ts';
import type { Sli } from '../slis/sli.ts';

/** What a label must, or must not, be one of. */
export interface LabelCondition {
  readonly label: string;
  readonly is: 'in' | 'not';
  readonly values: readonly string[];
}

export interface Narrowing {
  readonly where: readonly LabelCondition[];
  readonly thresholdMs?: number | undefined;
}

/** Of events: what only requests say. */
const REQUEST_LABELS = ['operation', 'cold_start'] as const;
const ATTEMPT_LABELS: readonly string[] = LABELS.filter((label) => label !== 'user_ref');

/** Labels by which an SLI can be narrowed: those that every row has which it counts. */
export function narrowingLabels({ counters, slices }: Sli): readonly string[] {
  if (slices?.hasBacklog) return DIMENSIONS;
  const isRequests = counters.every((counter) => counter.unit === 'event' && counter.types.join() === 'api.request');
  return isRequests ? [...ATTEMPT_LABELS, ...REQUEST_LABELS] : ATTEMPT_LABELS;
}

/** An SLI of the same rules that counts only what fits. The same narrowing gives the same SLI, whatever the order in which it was written. */
export function narrowed(sli: Sli, { where, thresholdMs }: Narrowing): Sli {
  const conditions = where
    .map(({ label, is, values }): LabelCondition => ({ label, is, values: [...new Set(values)].sort() }))
    .sort((a, b) => (`${a.label} ${a.is}` < `${b.label} ${b.is}` ? -1 : 1));
  const id = `${sli.id}@${hash('sha256', JSON.stringify([conditions, thresholdMs ?? null])).slice(0, 10)}`;
  const named = (counter: string) => counter.replace(/^[^:]+/, id);
  const fits = conditions.map(sqlOf).join(' AND ');
  const good = thresholdMs === undefined ? undefined : sli.threshold?.good(thresholdMs);
  const counterOf = (counter: Counter): Counter => ({
    ...counter,
    id: named(counter.id),
    ...(fits !== '' && { total: `(${counter.total}) AND ${fits}` }),
    ...(good !== undefined && counter.id === sli.id && { good }),
  });
  const words = conditions.map(({ label, is, values }) => `${label} ${is === 'not' ? 'not ' : ''}${values.join(' or ')}`);
  const meaning = thresholdMs === undefined ? sli.meaning : (sli.threshold?.meaning(thresholdMs) ?? sli.meaning);
  return {
    ...sli,
    id,
    base: sli.id,
    meaning: [meaning, ...(words.length > 0 ? [`where ${words.join(', ')}`] : [])].join(', '),
    counters: sli.counters.map(counterOf),
    ...(sli.slices && {
      slices: {
        ...sli.slices,
        sums: Object.fromEntries(Object.entries(sli.slices.sums).map(([name, sum]) => [name, { ...sum, counter: named(sum.counter) }])),
        ...(fits !== '' && { backlogFits: fits }),
      },
    }),
  };
}

/** An event that names none is of production (contract, "Events"). */
const columnOf = (label: string): string =>
  label === 'environment' ? `if(environment = '', 'production', environment)` : `toString(ifNull(toString(${label}), ''))`;

/** A condition of which no byte of a value is read as SQL. @param label one of {@link narrowingLabels} */
function sqlOf({ label, is, values }: LabelCondition): string {
  const literals = values.map((value) => `unhex('${Buffer.from(value).toString('hex')}')`).join(', ');
  return `${columnOf(label)} ${is === 'not' ? 'NOT IN' : 'IN'} (${literals})`;
}
