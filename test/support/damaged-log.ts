/** Segments of the log, each damaged at another place, and what must be left of them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LineBuffer } from '../../src/collect/intake/line-buffer.ts';
import { mask } from '../../src/collect/intake/mask.ts';
import { pseudonyms } from '../../src/collect/people/pseudonyms.ts';
import { encodeHeader, segmentName } from '../../src/store/rows/log-format.ts';

const TIME = Date.UTC(2026, 2, 1, 9);
const RECORDS = 3;
const keys = pseudonyms(Buffer.alloc(32, 1));

/** What befalls the bytes of a segment from an offset on; `end` is that of the record there. */
const DAMAGES = {
  cut: (segment: Buffer, offset: number) => segment.subarray(0, offset),
  zeroed: (segment: Buffer, offset: number, end: number) => Buffer.from(segment).fill(0, offset, end),
  flipped: (segment: Buffer, offset: number) => {
    const flipped = Buffer.from(segment);
    flipped.writeUInt8(flipped.readUInt8(offset) ^ 0x10, offset);
    return flipped;
  },
} as const;

/** Three records of one event each, with their sequences. */
function recordsOf(name: string, after: number): Buffer[] {
  return Array.from({ length: RECORDS }, (_, i) => {
    const event = {
      id: `${name}-${i}`,
      type: 'api.request',
      time: new Date(TIME).toISOString(),
      source: 'log',
      user: 'ada',
      http_status: 200,
    } as const;
    const lines = new LineBuffer();
    lines.add(mask(event, { timeMs: TIME, expiresAtMs: undefined }, keys).content, TIME);
    const payload = lines.payloads()[0]?.bytes as Buffer;
    return Buffer.concat([encodeHeader(after + i, 1, payload), payload]);
  });
}

export interface Damaged {
  /** Ids of events whose record was left whole. */
  whole: string[];
  /** Segments in which bytes are that belong to no record any more. */
  damaged: number;
}

/**
 * Writes a segment for every kind of damage at every `step`-th byte.
 * @param first sequence from which on numbers are free
 */
export async function writeDamaged(directory: string, step: number, first: number): Promise<Damaged> {
  // As in every data directory that was used.
  await writeFile(join(directory, '..', 'lock'), '');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const whole: string[] = [];
  let damaged = 0;
  let sequence = first;
  for (const [kind, damage] of Object.entries(DAMAGES)) {
    for (let offset = 0; ; offset += step) {
      const name = `${kind}-${String(offset).padStart(4, '0')}`;
      const records = recordsOf(name, sequence + 1);
      const segment = Buffer.concat(records);
      if (offset >= segment.length) break;
      const starts = records.map((_, i) => records.slice(0, i).reduce((sum, record) => sum + record.length, 0));
      const hit = starts.findLastIndex((start) => start <= offset);
      const end = (starts[hit] as number) + (records[hit]?.length ?? 0);
      await writeFile(join(directory, segmentName(sequence)), damage(segment, offset, end), { mode: 0o600 });
      const isLeft = (i: number) => (kind === 'cut' ? i < hit : i !== hit);
      for (let i = 0; i < RECORDS; i++) if (isLeft(i)) whole.push(`${name}-${i}`);
      if (kind !== 'cut' || starts[hit] !== offset) damaged += 1;
      sequence += RECORDS + 1;
    }
  }
  return { whole, damaged };
}
