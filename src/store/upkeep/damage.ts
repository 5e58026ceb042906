/** What had to be set aside, of the log or of a block of rows: a file each, and a finding that is open while the file is there. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../engine/engine.ts';
import { closed, opened } from '../records/finding-life.ts';
import { openFindings, writeFindings } from '../records/findings.ts';

export const LOG_DAMAGE = 'log_damage';

export interface SetAside {
  /** Name of the file to be. */
  name: string;
  bytes: Buffer;
  /** What it is, in words. */
  what: string;
}

/** Keeps the bytes in a file of its own and raises the finding. Returns the file's path. */
export async function setAside(engine: Engine, directory: string, { name, bytes, what }: SetAside, nowMs: number): Promise<string> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, name);
  await writeFile(path, bytes, { mode: 0o600 });
  const summary = `${what} (${bytes.length} bytes) set aside in ${path}; everything around it is kept. Look at the disk, then move the file away.`;
  const evidence = { summary, file: path, bytes: bytes.length };
  const finding = opened({ kind: 'operational', detector: LOG_DAMAGE, severity: 'ticket', dimensions: {}, evidence, place: [name] }, nowMs);
  // One for each file, however often it is set aside.
  await writeFindings(engine, [{ ...finding, id: `${LOG_DAMAGE}:${name}` }], nowMs);
  return path;
}

/** Closes the findings whose file somebody has moved away. */
export async function closeSeen(engine: Engine, nowMs: number): Promise<void> {
  const seen = (await openFindings(engine, [LOG_DAMAGE])).filter(
    ({ evidence }) => typeof evidence.file === 'string' && !existsSync(evidence.file),
  );
  await writeFindings(
    engine,
    seen.map((finding) => closed(finding, nowMs)),
    nowMs,
  );
}
