/** The log's writer: one record per request, group commit, segments that are closed for the loader. */
import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MusterError, systemCode } from '../../errors.ts';
import {
  encodeHeader,
  MAX_PAYLOAD_BYTES,
  type RecordKind,
  type SegmentSource,
  scanRecords,
  segmentName,
  segmentSequence,
} from '../../store/rows/log-format.ts';
import { syncDirectory } from '../../system/durable-files.ts';

/** A segment is closed at this size even when nobody asks for it. */
const MAX_SEGMENT_BYTES = 64 * 1024 * 1024;
/** After this the next request may try again: whoever asks for readiness would keep it away for ever. */
const FAILED_FOR_MS = 15_000;
/** One group holds at most this many records. */
const MAX_GROUP_RECORDS = 512;

export interface LogWriter extends SegmentSource {
  /**
   * Appends a record of `rows` lines of one kind; resolves with its sequence when its bytes and the segment's directory entry are synced.
   * @throws MUSTER_LOG_FAILED when they are not; nothing of the record is kept then
   */
  append(payload: Buffer, rows: number, kind?: RecordKind): Promise<number>;
  /** Why the last write failed, if that was just now and nothing was written since. */
  problem(): string | undefined;
  /** Bytes in the log that the loader has not yet released. */
  bytes(): number;
  close(): Promise<void>;
}

interface Waiting {
  payload: Buffer;
  rows: number;
  kind: RecordKind;
  /** Given when it is written. */
  sequence?: number;
  resolve: (sequence: number) => void;
  reject: (error: unknown) => void;
}

/** Opens the log in `directory` (made with mode 0700); sequence numbers start behind `after` and behind whatever the log holds. */
export async function openLogWriter(directory: string, options: { after: number }): Promise<LogWriter> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const sizes = new Map<string, number>();
  let sequence = Math.max(options.after, await lastSequence(directory, sizes));
  let segment: { path: string; file: FileHandle } | undefined;
  const queue: Waiting[] = [];
  const sealRequests: { resolve: (sealed: string[]) => void; reject: (error: unknown) => void }[] = [];
  let failed: { why: string; atMs: number } | undefined;
  let isWorking = false;
  let isClosed = false;
  let idle: Promise<void> = Promise.resolve();

  const closeSegment = async () => {
    const closing = segment;
    segment = undefined;
    await closing?.file.close();
  };

  const openSegment = async () => {
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

  const writeGroup = async (group: readonly Waiting[]) => {
    const current = segment ?? (await openSegment());
    const start = sizes.get(current.path) ?? 0;
    const buffers = group.flatMap((record) => {
      sequence += 1;
      record.sequence = sequence;
      return [encodeHeader(sequence, record.rows, record.payload, record.kind), record.payload];
    });
    try {
      const end = await writeFully(current.file, buffers, start);
      await current.file.datasync();
      sizes.set(current.path, end);
      if (end >= MAX_SEGMENT_BYTES) await closeSegment();
    } catch (error) {
      await current.file.truncate(start).catch(() => {});
      // After a failed sync the kernel may have dropped the pages: this file is never written again.
      await closeSegment().catch(() => {});
      throw error;
    }
  };

  const sealAll = async () => {
    const requests = sealRequests.splice(0);
    if (requests.length === 0) return;
    try {
      if (segment && (sizes.get(segment.path) ?? 0) > 0) await closeSegment();
      // Listed here and not from the directory, which may hold the next segment by the time that it is read.
      const sealed = [...sizes.keys()].filter((path) => path !== segment?.path);
      for (const { resolve } of requests) resolve(sealed);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  };

  const commitGroup = async () => {
    const group = queue.splice(0, MAX_GROUP_RECORDS);
    if (group.length === 0) return;
    try {
      await writeGroup(group);
      failed = undefined;
      for (const record of group) record.resolve(record.sequence as number);
    } catch (cause) {
      failed = { why: systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause)), atMs: performance.now() };
      const failure = new MusterError(
        'MUSTER_LOG_FAILED',
        'the events could not be written to disk and nothing of the request was kept; send it again',
        { cause },
      );
      for (const { reject } of group) reject(failure);
    }
  };

  const work = async () => {
    while (queue.length > 0 || sealRequests.length > 0) {
      await sealAll();
      await commitGroup();
    }
    isWorking = false;
  };
  const wake = () => {
    if (isWorking) return;
    isWorking = true;
    idle = work();
  };

  return {
    append: (payload, rows, kind = 'events') =>
      new Promise<number>((resolve, reject) => {
        if (payload.length > MAX_PAYLOAD_BYTES) throw new RangeError('a record of the log may not be larger than its format allows');
        if (isClosed) throw new MusterError('MUSTER_LOG_FAILED', 'the log is closed: Muster is stopping; send the events again');
        queue.push({ payload, rows, kind, resolve, reject });
        wake();
      }),
    async seal() {
      const sealed = await new Promise<string[]>((resolve, reject) => {
        sealRequests.push({ resolve, reject });
        wake();
      });
      const present = new Set(await segmentPaths(directory));
      for (const path of sealed) if (!present.has(path)) sizes.delete(path);
      return sealed.filter((path) => present.has(path));
    },
    problem: () => (failed && performance.now() - failed.atMs < FAILED_FOR_MS ? failed.why : undefined),
    bytes: () => sizes.values().reduce((sum, size) => sum + size, 0),
    async close() {
      isClosed = true;
      await idle;
      await closeSegment();
    },
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
