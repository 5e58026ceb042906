/** The files of the log: one is written at its end and synced, those before it wait for the loader. */
import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeHeader, type RecordKind, scanRecords, segmentName, segmentSequence } from '../../store/rows/log-format.ts';
import { syncDirectory } from '../../system/durable-files.ts';

/** A segment is closed at this size even when nobody asks for it. */
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;

/** Lines of one kind that are written as one record. */
export interface LogRecord {
  payload: Buffer;
  rows: number;
  kind: RecordKind;
}

export interface LogSegments {
  /** Writes records behind each other; their sequence numbers, when all are synced. Of a failed write nothing is kept. */
  write(records: readonly LogRecord[]): Promise<number[]>;
  /** Closes the segment that is written, if anything is in it; the paths of all that are closed. */
  seal(): Promise<string[]>;
  /** Those of the paths that are still there; the others are no longer counted. */
  present(paths: readonly string[]): Promise<string[]>;
  bytes(): number;
  close(): Promise<void>;
}

/** Opens the segments in `directory` (made with mode 0700); sequence numbers start behind `after` and behind whatever the segments hold. */
export async function openSegments(directory: string, options: { after: number }): Promise<LogSegments> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const sizes = new Map<string, number>();
  let sequence = Math.max(options.after, await lastSequence(directory, sizes));
  let segment: { path: string; file: FileHandle } | undefined;

  const close = async () => {
    const closing = segment;
    segment = undefined;
    await closing?.file.close();
  };

  const openNext = async () => {
    // A number is spent on the name, so that a file left by a failed attempt is never met again.
    sequence += 1;
    const path = join(directory, segmentName(sequence));
    const file = await open(path, 'wx', 0o600);
    sizes.set(path, 0);
    try {
      await syncDirectory(directory);
    } catch (error) {
      await file.close();
      throw error;
    }
    segment = { path, file };
    return segment;
  };

  return {
    async write(records) {
      const current = segment ?? (await openNext());
      const start = sizes.get(current.path) ?? 0;
      const numbered = records.map((record) => {
        sequence += 1;
        return { sequence, ...record };
      });
      const buffers = numbered.flatMap((record) => [
        encodeHeader(record.sequence, record.rows, record.payload, record.kind),
        record.payload,
      ]);
      try {
        const end = await writeFully(current.file, buffers, start);
        await current.file.datasync();
        sizes.set(current.path, end);
        if (end >= MAX_SEGMENT_BYTES) await close();
      } catch (error) {
        await current.file.truncate(start).catch(() => {});
        // After a failed sync the kernel may have dropped the pages: this file is never written again.
        await close().catch(() => {});
        throw error;
      }
      return numbered.map((record) => record.sequence);
    },
    async seal() {
      if (segment && (sizes.get(segment.path) ?? 0) > 0) await close();
      // Listed here and not from the directory, which may hold the next segment by the time that it is read.
      return [...sizes.keys()].filter((path) => path !== segment?.path);
    },
    async present(paths) {
      const there = new Set(await segmentPaths(directory));
      for (const path of paths) if (!there.has(path)) sizes.delete(path);
      return paths.filter((path) => there.has(path));
    },
    bytes: () => sizes.values().reduce((sum, size) => sum + size, 0),
    close,
  };
}

/** A write may end short without an error (a full disk does so first): goes on until all is written. Returns the new end. */
async function writeFully(file: FileHandle, buffers: readonly Buffer[], start: number): Promise<number> {
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  const { bytesWritten } = await file.writev(buffers, start);
  if (bytesWritten === total) return start + total;
  const rest = Buffer.concat(buffers).subarray(bytesWritten);
  for (let offset = 0; offset < rest.length; ) {
    const written = await file.write(rest, offset, rest.length - offset, start + bytesWritten + offset);
    if (written.bytesWritten === 0) throw new Error('the disk takes no more bytes');
    offset += written.bytesWritten;
  }
  return start + total;
}

async function segmentPaths(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => segmentSequence(name) !== undefined);
  return names.sort().map((name) => join(directory, name));
}

async function lastSequence(directory: string, sizes: Map<string, number>): Promise<number> {
  let last = 0;
  for (const path of await segmentPaths(directory)) {
    const bytes = await readFile(path);
    sizes.set(path, bytes.length);
    last = Math.max(last, segmentSequence(path.slice(-24)) ?? 0, scanRecords(bytes).records.at(-1)?.sequence ?? 0);
  }
  return last;
}
