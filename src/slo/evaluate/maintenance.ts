/** Announcing maintenance and excluding times: checked, with reason and person. */
import { MusterError } from '../../errors.ts';
import { redact } from '../../privacy/redact.ts';
import type { Engine } from '../../store/engine/engine.ts';
import { type MaintenanceWindow, maintenanceIn, newMaintenanceId, writeMaintenance } from '../../store/records/maintenance.ts';
import { type Slo, sloNamed } from '../definition/openslo.ts';

const MAX_LENGTH_MS = 31 * 86_400_000;
const FOREVER_MS = 4_102_444_800_000;

/**
 * Writes a window down, its reason without what must not be stored. Its minutes count in neither burn rates nor budget, and nothing fires while it lasts.
 * @param window.slo name of an SLO, or `*` for all
 * @throws MUSTER_BAD_ARGUMENT, MUSTER_NOT_FOUND
 */
export async function addMaintenance(
  engine: Engine,
  slos: readonly Slo[],
  window: Omit<MaintenanceWindow, 'id'>,
  nowMs: number,
): Promise<MaintenanceWindow> {
  if (window.slo !== '*') sloNamed(slos, window.slo);
  if (window.endMs <= window.startMs) throw new MusterError('MUSTER_BAD_ARGUMENT', 'the end of maintenance must come after its start');
  if (window.endMs - window.startMs > MAX_LENGTH_MS)
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'maintenance lasts at most 31 days; what takes longer is another objective');
  const written = { id: newMaintenanceId(), ...window, reason: redact(window.reason).text };
  await writeMaintenance(engine, written, nowMs);
  return written;
}

/** Takes a window away. @throws MUSTER_NOT_FOUND */
export async function removeMaintenance(engine: Engine, id: string, nowMs: number): Promise<void> {
  const known = (await maintenanceIn(engine.session('read'), 0, FOREVER_MS)).find((window) => window.id === id);
  if (!known) throw new MusterError('MUSTER_NOT_FOUND', 'no maintenance window has this id; muster slo maintenance list shows them');
  await writeMaintenance(engine, known, nowMs, true);
}
