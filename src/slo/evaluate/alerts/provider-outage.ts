import { z } from 'zod';
import { ALERTS } from '../../../names.ts';
import { rowsOf } from '../../../store/rows/rows-of.ts';
import { HOUR_MS, MINUTE_MS } from '../../../system/time.ts';
import { type Alert, type AlertContext, type Condition, threshold, userEvents } from './alert.ts';

/** A circuit that opened longer ago than this without a word since is taken as forgotten. */
const CIRCUIT_LOOK_BACK_MS = 24 * HOUR_MS;

interface Row {
  provider: string;
  region: string;
  requests: number;
  failed: number;
  openMinutes: number;
}

const thresholds = z.strictObject({
  minutes: threshold.count(5),
  /** Fewer requests prove nothing. */
  requests: threshold.count(10),
  failed_share: threshold.share(0.5),
  circuit_open_minutes: threshold.count(2),
  /** Share of the last hour's attempts from which on it pages; below, it is a ticket. */
  page_share: threshold.share(0.1),
});

/**
 * Provider outage (F1): a provider fails in a region, or its circuit stays open. It pages when it carries enough of the hour's
 * attempts, else it is a ticket.
 */
export const providerOutage = {
  name: ALERTS.providerOutage,
  detector: 'provider_outage',
  kind: 'operational',
  labels: ['provider', 'region'],
  page: '/overview',
  thresholds,
  meaning: 'A provider fails most requests of a region, or its circuit stays open.',
  // An open circuit is worse than any number of failures: nobody gets through.
  weight: ({ failed, circuit_open_minutes }) => (Number(circuit_open_minutes) > 0 ? 1e9 + Number(circuit_open_minutes) : Number(failed)),
  async check(context: AlertContext): Promise<Condition[]> {
    const limits = context.thresholdsOf(providerOutage);
    const rows = await requestsAndCircuits(context);
    const isOut = ({ requests, failed, openMinutes }: Row) =>
      (requests >= limits.requests && failed >= limits.failed_share * requests) || openMinutes >= limits.circuit_open_minutes;
    const out = rows.filter(isOut);
    if (out.length === 0) return [];
    const shares = await sharesOfAttempts(context);
    return out.map(({ provider, region, requests, failed, openMinutes }): Condition => {
      const carried = shares(provider, region);
      const where = region === '' ? '' : ` in ${region}`;
      const why = openMinutes > 0 ? `its circuit is open for ${openMinutes} min` : `${failed} of ${requests} requests failed`;
      return {
        severity: carried >= limits.page_share ? 'page' : 'ticket',
        provider,
        region,
        summary: `${provider} fails${where}: ${why}`,
        evidence: { requests, failed, minutes: limits.minutes, circuit_open_minutes: openMinutes, attempts_share: carried },
      };
    });
  },
} satisfies Alert;

async function requestsAndCircuits({ engine, atMs, thresholdsOf }: AlertContext): Promise<Row[]> {
  const fromMs = atMs - thresholdsOf(providerOutage).minutes * MINUTE_MS;
  const requests = await engine.session('evaluate').rows<{ provider: string; region: string; requests: number; failed: number }>(
    `SELECT provider, region, toUInt32(count()) AS requests, toUInt32(countIf(outcome IN ('failure', 'timeout'))) AS failed
     FROM ${userEvents(fromMs, atMs)} AND type = 'provider.request' AND provider != '' GROUP BY provider, region`,
  );
  // Open since the first opening after the last close: a breaker that says so again with every probe has not just opened.
  const circuits = await engine.session('evaluate').rows<{ provider: string; region: string; opened_ms: string }>(
    `SELECT provider, region, toInt64(arrayMin(arrayFilter(at -> at > closed_ms, openings))) AS opened_ms FROM (
       SELECT provider, region, maxIf(toUnixTimestamp64Milli(time), type = 'provider.circuit_closed') AS closed_ms,
         groupUniqArrayIf(1000)(toUnixTimestamp64Milli(time), type = 'provider.circuit_opened') AS openings
       FROM ${userEvents(atMs - CIRCUIT_LOOK_BACK_MS, atMs, 'any')} AND type IN ('provider.circuit_opened', 'provider.circuit_closed')
         AND provider != ''
       GROUP BY provider, region
     ) WHERE arrayExists(at -> at > closed_ms, openings)`,
  );
  const rows = new Map<string, Row>();
  const key = ({ provider, region }: { provider: string; region: string }) => `${provider}\0${region}`;
  for (const row of requests) rows.set(key(row), { ...row, openMinutes: 0 });
  for (const { provider, region, opened_ms } of circuits) {
    const known = rows.get(key({ provider, region })) ?? { provider, region, requests: 0, failed: 0, openMinutes: 0 };
    rows.set(key(known), { ...known, openMinutes: Math.floor((atMs - Number(opened_ms)) / MINUTE_MS) });
  }
  return [...rows.values()];
}

/** Share of the attempts of the last hour that a provider carries in a region (everywhere, when the region is not known). */
async function sharesOfAttempts({ engine, atMs }: AlertContext): Promise<(provider: string, region: string) => number> {
  const { from } = rowsOf('start', [{ fromMs: atMs - HOUR_MS, toMs: atMs }], { nowMs: atMs });
  const rows = await engine
    .session('evaluate')
    .rows<{ provider: string; region: string; attempts: number }>(
      `SELECT provider, region, toUInt32(count()) AS attempts FROM ${from} AND traffic = '' GROUP BY provider, region`,
    );
  const all = rows.reduce((sum, { attempts }) => sum + attempts, 0);
  return (provider, region) => {
    const carried = rows.filter((row) => row.provider === provider && (region === '' || row.region === region));
    return all === 0 ? 0 : carried.reduce((sum, { attempts }) => sum + attempts, 0) / all;
  };
}
