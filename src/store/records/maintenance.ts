/** Maintenance windows and exclusions: times that count in no budget, with the reason and who said so. */

import { randomUUID } from 'node:crypto';
import type { Engine, Session } from '../engine/engine.ts';
import { nextVersion } from '../engine/versions.ts';

export interface MaintenanceWindow {
  id: string;
  /** Name of an SLO, or `*` for all. */
  slo: string;
  startMs: number;
  endMs: number;
  reason: string;
  actorRef: string;
}

const STRUCTURE = 'id String, slo String, start UInt32, end UInt32, reason String, actor_ref String, version UInt64, dead UInt8';

/** Writes a window down, or takes it away when `isDead`. */
export async function writeMaintenance(engine: Engine, window: MaintenanceWindow, nowMs: number, isDead = false): Promise<void> {
  const { id, slo, startMs, endMs, reason, actorRef } = window;
  const version = await nextVersion(engine, 'maintenance_log', nowMs);
  const line = JSON.stringify([id, slo, Math.floor(startMs / 1_000), Math.ceil(endMs / 1_000), reason, actorRef, version, Number(isDead)]);
  await engine.insert(
    'roll',
    { data: line, format: 'JSONCompactEachRow', structure: STRUCTURE },
    (rows) =>
      `INSERT INTO maintenance_log SELECT id, slo, toDateTime(start, 'UTC'), toDateTime(end, 'UTC'), reason, actor_ref, version, dead
        FROM ${rows}`,
  );
}

/** An id for a window that is announced. */
export const newMaintenanceId = (): string => randomUUID();

/** The windows that reach into a time, oldest first. */
export async function maintenanceIn(session: Session, fromMs: number, toMs: number): Promise<MaintenanceWindow[]> {
  const rows = await session.rows<{ id: string; slo: string; s: number; e: number; reason: string; actor_ref: string }>(
    `SELECT id, slo, toUnixTimestamp(start) AS s, toUnixTimestamp(end) AS e, reason, actor_ref FROM maintenance
     WHERE e > ${Math.floor(fromMs / 1_000)} AND s < ${Math.ceil(toMs / 1_000)} ORDER BY s, id`,
  );
  return rows.map(({ s, e, actor_ref, ...row }) => ({ ...row, startMs: s * 1_000, endMs: e * 1_000, actorRef: actor_ref }));
}
