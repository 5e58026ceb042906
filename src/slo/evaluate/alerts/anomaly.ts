import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import type { Alert, AlertContext, Condition, Place } from './alert.ts';

/** Incidents at a time. */
const MAX_INCIDENTS = 100;

/**
 * Anomaly: a series is far from what is usual for it, and an incident of it is open. One alert for each incident, from its first flag until it is over;
 * its place is that of the flag that found it. It pages for what the flags say themselves, and a page by an error budget of the same incident inhibits it.
 */
export const anomaly = {
  name: ALERTS.anomaly,
  detector: 'anomaly',
  kind: 'operational',
  labels: ['metric', 'dimension', 'value'],
  page: '/incidents',
  thresholds: z.strictObject({}),
  meaning: 'A series of enrollment is far from what is usual for it at this time of the week: an incident is open.',
  weight: ({ attempts }) => Number(attempts),
  async check({ engine, evaluation }: AlertContext): Promise<Condition[]> {
    const rows = await engine.session('evaluate').rows<Row>(
      `SELECT id, title, toUInt32(least(attempts, 4294967295)) AS failed, toUInt32(least(users, 4294967295)) AS people,
         arrayFilter(each -> each.source = 'flag', JSONExtract(signals, '${SIGNALS}')) AS flags,
         arrayMap(each -> each.name, arrayFilter(each -> each.source = 'alert', JSONExtract(signals, '${SIGNALS}'))) AS budgets
       FROM incidents_log FINAL WHERE status IN ('open', 'acknowledged') AND notEmpty(flags)
       ORDER BY severity = 'page' DESC, start DESC, id LIMIT ${MAX_INCIDENTS}`,
    );
    const paging = new Set(evaluation.statuses.filter(({ alerts }) => alerts.some(isPaging)).map(({ slo }) => slo));
    return rows.map(({ id, title, failed, people, flags, budgets }) => ({
      ...placeOf(flags),
      severity: flags.some(({ isPage }) => isPage) ? 'page' : 'ticket',
      summary: `${title} (${id})`,
      evidence: { attempts: failed, people },
      incident: id,
      isInhibited: budgets.some((slo) => paging.has(slo)),
    }));
  },
} satisfies Alert;

const SIGNALS = 'Array(Tuple(source String, name String, of String, dimension String, value String, knownMs Float64, isPage Bool))';

interface Flagged {
  of: string;
  dimension: string;
  value: string;
  knownMs: number;
  isPage: boolean;
}

interface Row {
  id: string;
  title: string;
  failed: number;
  people: number;
  flags: Flagged[];
  /** SLOs whose alerts are signs of it. */
  budgets: string[];
}

const isPaging = ({ severity, state }: { severity: string; state: string }): boolean => severity === 'page' && state === 'firing';

/** Of the flag that was known first; of those known at once, one that says where. */
function placeOf(flags: readonly Flagged[]): Place {
  const [first] = [...flags].sort((a, b) => a.knownMs - b.knownMs || Number(a.dimension === '') - Number(b.dimension === ''));
  return first ? { metric: first.of, dimension: first.dimension, value: first.value } : {};
}
