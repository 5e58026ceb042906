/** The log's writer: one record per request, group commit, segments that are closed when the loader asks. */
import { MusterError, systemCode } from '../../errors.ts';
import { MAX_PAYLOAD_BYTES, type RecordKind, type SegmentSource } from '../../store/rows/log-format.ts';
import { type LogRecord, openSegments } from './log-segments.ts';

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

interface Waiting extends LogRecord {
  resolve: (sequence: number) => void;
  reject: (error: unknown) => void;
}

/** Opens the log in `directory` (made with mode 0700); sequence numbers start behind `after` and behind whatever the log holds. */
export async function openLogWriter(directory: string, options: { after: number }): Promise<LogWriter> {
  const segments = await openSegments(directory, options);
  const queue: Waiting[] = [];
  const sealRequests: { resolve: (sealed: string[]) => void; reject: (error: unknown) => void }[] = [];
  let failed: { why: string; atMs: number } | undefined;
  let isWorking = false;
  let isClosed = false;
  let idle: Promise<void> = Promise.resolve();

  const sealAll = async () => {
    const requests = sealRequests.splice(0);
    if (requests.length === 0) return;
    try {
      const sealed = await segments.seal();
      for (const { resolve } of requests) resolve(sealed);
    } catch (error) {
      for (const { reject } of requests) reject(error);
    }
  };

  const commitGroup = async () => {
    const group = queue.splice(0, MAX_GROUP_RECORDS);
    if (group.length === 0) return;
    try {
      const sequences = await segments.write(group);
      failed = undefined;
      for (const [i, record] of group.entries()) record.resolve(sequences[i] as number);
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
      return segments.present(sealed);
    },
    problem: () => (failed && performance.now() - failed.atMs < FAILED_FOR_MS ? failed.why : undefined),
    bytes: segments.bytes,
    async close() {
      isClosed = true;
      await idle;
      await segments.close();
    },
  };
}
