/** Statuses with the days behind them and what to do next: what people read. */
import type { Engine } from '../../store/engine/engine.ts';
import type { Counts } from '../arithmetic/burn.ts';
import type { Slo } from '../definition/openslo.ts';
import { dailyCounts, toMinute } from './figures.ts';
import { type SloStatus, sloStatus } from './status.ts';

const DAYS = 30;

export interface SloReport extends SloStatus {
  /** Good and total per day, oldest first, the last one ending at the moment asked for. */
  daily: Counts[];
}

/**
 * The status of SLOs at a moment, with the last thirty days.
 * @param known statuses of that moment, when they are at hand
 */
export async function sloReport(engine: Engine, slos: readonly Slo[], atMs: number, known?: readonly SloStatus[]): Promise<SloReport[]> {
  const statuses = known ?? (await sloStatus(engine, slos, atMs));
  const daily = await dailyCounts(engine.session('read'), toMinute(atMs), DAYS);
  return statuses.map((status) => ({ ...status, daily: daily.get(slos.find(({ name }) => name === status.slo)?.sli.id ?? '') ?? [] }));
}
