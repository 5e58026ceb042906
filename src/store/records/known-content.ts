/** Asks ClickHouse which identities it holds, and with which content. */
import type { Engine } from '../engine/engine.ts';

export interface StoredIdentity {
  source: string;
  id: string;
  timeMs: number;
  userRef: string;
}

const STRUCTURE = 'n UInt32, source String, id String, time_ms Int64, user_ref String';

/** The greatest content hash of each identity, undefined where the store has none; answers by position. */
export async function lookUpIdentities(engine: Engine, identities: readonly StoredIdentity[]): Promise<(number | undefined)[]> {
  const lines = identities.map(({ source, id, timeMs, userRef }, n) => JSON.stringify([n, source, id, timeMs, userRef])).join('\n');
  const found = await engine.withRows('read', { data: lines, format: 'JSONCompactEachRow', structure: STRUCTURE }, (asked) =>
    engine.session('read').rows<{ n: number; content: number }>(
      `SELECT n, max(content_hash) AS content FROM (
         SELECT source, id, user_ref, toUnixTimestamp64Milli(time) AS time_ms, content_hash FROM events
         WHERE (toStartOfTenMinutes(time), user_ref, time, source, id) IN (
           SELECT toStartOfTenMinutes(fromUnixTimestamp64Milli(time_ms, 'UTC') AS t), user_ref, t, source, id FROM ${asked})
       ) AS stored INNER JOIN ${asked} AS asked USING (source, id, user_ref, time_ms) GROUP BY n`,
    ),
  );
  const result = new Array<number | undefined>(identities.length).fill(undefined);
  for (const { n, content } of found) result[n] = content;
  return result;
}

/** Identities that arrived since `sinceMs`, newest first, at most `limit`: what intake remembers over a restart. */
export async function recentIdentities(
  engine: Engine,
  sinceMs: number,
  limit: number,
): Promise<(StoredIdentity & { contentHash: number; receivedAtMs: number })[]> {
  return engine.session('read').rows(
    `SELECT source, id, toUnixTimestamp64Milli(time) AS timeMs, user_ref AS userRef, content_hash AS contentHash,
       toUnixTimestamp64Milli(received_at) AS receivedAtMs
     FROM events WHERE received_at >= fromUnixTimestamp64Milli(${sinceMs}, 'UTC') ORDER BY received_at DESC LIMIT ${limit}`,
  );
}
