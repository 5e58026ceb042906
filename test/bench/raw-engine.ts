/** The same rows into the same table by the engine alone, on one thread, in blocks of 100,000: as JSON, and as its own Native format. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineBuffer } from '../../src/collect/intake/line-buffer.ts';
import { mask } from '../../src/collect/intake/mask.ts';
import { pseudonyms } from '../../src/collect/people/pseudonyms.ts';
import { checkEvent, importBounds } from '../../src/events/checker.ts';
import { openEmbedded } from '../../src/store/engine/embedded.ts';
import { quoted } from '../../src/store/engine/engine.ts';
import { migrate } from '../../src/store/engine/migrate.ts';
import { EVENT_COLUMN_NAMES, EVENT_SELECT, EVENT_STRUCTURE } from '../../src/store/rows/event-row.ts';
import { folderBytes } from './figures.ts';

const BLOCK = 100_000;
const ONE_THREAD = `SETTINGS max_threads = 1, max_insert_threads = 1, input_format_parallel_parsing = 0, max_insert_block_size = ${BLOCK}, min_insert_block_size_rows = ${BLOCK}, max_partitions_per_insert_block = 0`;

/** Rows as objects, one line each, as the engine alone would be given them. */
export function rowLines(events: readonly Record<string, unknown>[]): string[] {
  const keys = pseudonyms(Buffer.alloc(32, 1));
  const bounds = importBounds(Date.now());
  return events.map((event) => {
    const checked = checkEvent(event, bounds);
    if (!checked.ok) throw new Error(checked.message);
    const lines = new LineBuffer();
    lines.add(mask(checked.event, { timeMs: checked.timeMs, expiresAtMs: checked.expiresAtMs }, keys).content, Date.now());
    const cells = JSON.parse(String(lines.payloads()[0]?.bytes)) as unknown[];
    return JSON.stringify(Object.fromEntries(EVENT_COLUMN_NAMES.map((name, i) => [name, cells[i]])));
  });
}

/** Events per second of each format, and bytes per event afterwards. */
export async function rawEngine(lines: readonly string[]): Promise<{ json: number; native: number; bytesPerEvent: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-bench-raw-'));
  const engine = await openEmbedded({ path: join(folder, 'engine'), scratch: join(folder, 'scratch') });
  try {
    const session = engine.session('load');
    await migrate(session);
    const blocks: string[] = [];
    for (let from = 0; from < lines.length; from += BLOCK) {
      const path = join(folder, `${from}`);
      await writeFile(`${path}.ndjson`, lines.slice(from, from + BLOCK).join('\n'));
      await session.run(
        `INSERT INTO FUNCTION file(${quoted(`${path}.native`)}, 'Native') SELECT * FROM file(${quoted(`${path}.ndjson`)}, 'JSONEachRow', ${quoted(EVENT_STRUCTURE)})`,
      );
      blocks.push(path);
    }
    const rate = async (extension: string, format: string) => {
      const startMs = performance.now();
      for (const path of blocks)
        await session.run(
          `INSERT INTO events (${EVENT_COLUMN_NAMES.join(', ')}) SELECT ${EVENT_SELECT} FROM file(${quoted(`${path}.${extension}`)}, '${format}', ${quoted(EVENT_STRUCTURE)}) ${ONE_THREAD}`,
        );
      return lines.length / ((performance.now() - startMs) / 1_000);
    };
    const json = await rate('ndjson', 'JSONEachRow');
    const native = await rate('native', 'Native');
    await session.run('OPTIMIZE TABLE events FINAL');
    const [size] = await session.rows<{ bytes: number }>(
      "SELECT toFloat64(sum(bytes_on_disk)) AS bytes FROM system.parts WHERE database = currentDatabase() AND table = 'events' AND active",
    );
    return { json, native, bytesPerEvent: (size?.bytes ?? (await folderBytes(folder))) / lines.length };
  } finally {
    await engine.close();
    await rm(folder, { recursive: true, force: true });
  }
}
