/** How large the data are, and when the disk will be full. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, type Registry } from 'prom-client';
import { METRICS } from '../../names.ts';
import { type DiskUse, secondsUntilFull, type TableUse } from '../../store/upkeep/disk.ts';

const TABLES_EVERY_MS = 5 * 60_000;
/** A scrape waits no longer for the engine; what it says comes with a later one. */
const TABLES_WAIT_MS = 1_000;

export interface SizeSources {
  /** Of the data directory; undefined until the store is open, since 0 would be an alarm. */
  disk: () => Promise<DiskUse | undefined>;
  tables: () => Promise<(TableUse & { isOnDisk: boolean }) | undefined>;
}

/** Registers the sizes of the data directory and of the tables, asked for when somebody scrapes. */
export function showSizes(registers: Registry[], { disk, tables }: SizeSources): void {
  let known: Awaited<ReturnType<SizeSources['tables']>>;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  const tablesNow = async () => {
    if (asking === undefined && performance.now() - askedAtMs > TABLES_EVERY_MS) {
      asking = tables().then(
        (use) => {
          known = use;
          if (use) askedAtMs = performance.now();
        },
        () => {},
      );
      void asking.finally(() => {
        asking = undefined;
      });
    }
    if (asking) await Promise.race([asking, sleep(TABLES_WAIT_MS, undefined, { ref: false })]);
    return known;
  };
  const gauge = (name: string, help: string, value: () => Promise<number | undefined>) =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        this.set((await value()) ?? Number.NaN);
      },
    });
  gauge(METRICS.diskFree, 'Bytes that the disk of the data directory has left.', async () => (await disk())?.freeBytes);
  gauge(METRICS.logBytes, 'Bytes of the log that are not loaded yet.', async () => (await disk())?.logBytes);
  gauge(METRICS.tableBytes, 'Bytes that the tables take.', async () => (await tablesNow())?.tableBytes);
  gauge(METRICS.diskFull, 'Seconds until the disk is full at the pace of the last day; +Inf when nothing grows on it.', async () => {
    const [use, grown] = [await disk(), await tablesNow()];
    return use && grown && secondsUntilFull(use, grown.isOnDisk ? grown.grownBytesPerDay : 0);
  });
}
