/** Where the head of the audit log is kept beside the log: an end that was cut off is found by it, wherever one of them is left. */
import { createSocket } from 'node:dgram';
import { mkdir, open, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { MusterError, systemCode } from '../../errors.ts';
import { writeDurably } from '../../system/durable-files.ts';
import type { ReferenceTable } from './reference-table.ts';

export interface HeadPlace {
  /** For whoever reads that a head is not what it should be. */
  name: string;
  /** The last head that was written; undefined when there is none. A place that nobody can read from has no `read`. */
  read?(): Promise<string | undefined>;
  /** Durable when it resolves. */
  write(head: string): Promise<void>;
  /** Whether it may be begun later than the log: one that somebody has configured. */
  isAdded: boolean;
}

/** The file beside the log. */
export const headFile = (path: string): HeadPlace => ({
  name: path,
  isAdded: false,
  async read() {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  write: (head) => writeDurably(path, head),
});

const KEPT_AS = 'audit head';

/** The table of references: another file, that nothing goes on without. */
export const headInReferences = (table: Pick<ReferenceTable, 'kept' | 'keep'>, path: string): HeadPlace => ({
  name: path,
  isAdded: false,
  read: async () => table.kept(KEPT_AS),
  write: (head) => table.keep(KEPT_AS, head),
});

/** A file elsewhere, to which heads are only ever added: a line each. */
const headsAppended = (path: string): HeadPlace => {
  const contents = async () => {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  };
  // Once: later, a folder that is gone is a disk that is gone.
  let isFolderMade = false;
  return {
    name: path,
    isAdded: true,
    // A line without its end was being written when the machine stopped.
    read: async () =>
      (await contents())
        ?.split('\n')
        .slice(0, -1)
        .findLast((line) => line !== ''),
    async write(head) {
      if (!isFolderMade) await mkdir(dirname(path), { recursive: true });
      isFolderMade = true;
      const isCut = !((await contents()) ?? '\n').endsWith('\n');
      const file = await open(path, 'a', 0o600);
      try {
        await file.appendFile(`${isCut ? '\n' : ''}${head}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
    },
  };
};

const SYSLOG_PORT = 514;
/** Facility 13 (log audit), severity 5 (notice): RFC 5424 section 6.2.1. */
const PRIORITY = 13 * 8 + 5;
const SEND_MS = 3_000;

/** A syslog server, RFC 5424: by UDP (RFC 5426), or by TCP with octet counts (RFC 6587 section 3.4.1). Nobody reads from it here. */
const headsToSyslog = (url: URL, onProblem: (message: string) => void, now: () => number): HeadPlace => {
  const [host, port] = [url.hostname.replace(/^\[|\]$/g, ''), Number(url.port || SYSLOG_PORT)];
  const send = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (url.protocol === 'syslog:') {
        const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
        socket.send(text, port, host, (error) => {
          socket.close();
          if (error) reject(error);
          else resolve();
        });
        return;
      }
      const socket = connect({ host, port, timeout: SEND_MS });
      socket.once('timeout', () => socket.destroy(new Error('no answer in time'))).once('error', reject);
      socket.once('connect', () => socket.end(`${Buffer.byteLength(text)} ${text}`, () => resolve()));
    });
  return {
    name: url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin,
    isAdded: true,
    async write(head) {
      const text = `<${PRIORITY}>1 ${new Date(now()).toISOString()} ${hostname()} muster ${process.pid} audit-head - ${head}`;
      // A server that is away must not keep people from what they may do; it is said, and the other places have the head.
      await send(text).catch((error: unknown) =>
        onProblem(`the audit head was not sent to ${url.host}: ${systemCode(error) ?? 'no answer'}`),
      );
    },
  };
};

/**
 * A place that somebody has configured: a file's path, `syslog://host:514` or `syslog+tcp://host:601`.
 * @throws MUSTER_BAD_ARGUMENT
 */
export function headElsewhere(place: string, onProblem: (message: string) => void, now: () => number): HeadPlace {
  if (!/^[a-z][a-z+]*:\/\//i.test(place)) return headsAppended(place);
  const url = URL.canParse(place) ? new URL(place) : undefined;
  if (url?.protocol === 'syslog:' || url?.protocol === 'syslog+tcp:') return headsToSyslog(url, onProblem, now);
  throw new MusterError('MUSTER_BAD_ARGUMENT', 'MUSTER_AUDIT_HEAD: expected a file, syslog://host:514 or syslog+tcp://host:601');
}
