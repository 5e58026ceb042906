/** The write-ahead log: what was acknowledged is there, whatever happened to the rest. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLogWriter } from '../../../src/collect/intake/log-writer.ts';
import { encodeHeader, scanRecords } from '../../../src/store/rows/log-format.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'muster-log-'));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

const payloadOf = (n: number) => Buffer.from(`["record ${n}",${'7'.repeat((n % 5) * 40)}0]\n`);
const texts = (bytes: Buffer) => scanRecords(bytes).records.map(({ payload }) => payload.toString());

test('every acknowledged record is in exactly one sealed segment, however often the log is sealed meanwhile', async () => {
  const log = await openLogWriter(directory, { after: 0 });
  const sealed = new Map<string, Buffer>();
  let isDone = false;
  const sealing = (async () => {
    while (!isDone) {
      for (const path of await log.seal()) {
        const bytes = await readFile(path);
        if (sealed.has(path)) expect(bytes.equals(sealed.get(path) as Buffer), 'a sealed segment has changed').toBe(true);
        sealed.set(path, bytes);
      }
    }
  })();
  const expected: string[] = [];
  for (let round = 0; round < 200; round++) {
    const batch = Array.from({ length: 5 }, (_, i) => payloadOf(round * 5 + i));
    expected.push(...batch.map(String));
    await Promise.all(batch.map((payload) => log.append(payload, 1)));
  }
  isDone = true;
  await sealing;
  for (const path of await log.seal()) sealed.set(path, await readFile(path));
  await log.close();
  expect([...sealed.values()].flatMap(texts).sort()).toEqual(expected.sort());
});

test('sequence numbers go on behind what the log holds and behind what was loaded', async () => {
  const first = await openLogWriter(directory, { after: 0 });
  await first.append(payloadOf(1), 1);
  await first.close();
  const second = await openLogWriter(directory, { after: 40 });
  await second.append(payloadOf(2), 1);
  const [, later] = await second.seal();
  const [record] = scanRecords(await readFile(String(later))).records;
  expect(record?.sequence).toBeGreaterThan(40);
  await second.close();
});

test('the bytes waiting fall once a segment is gone', async () => {
  const log = await openLogWriter(directory, { after: 0 });
  await log.append(payloadOf(1), 1);
  const [path] = await log.seal();
  expect(log.bytes()).toBeGreaterThan(0);
  await rm(String(path));
  await log.seal();
  expect(log.bytes()).toBe(0);
  await log.close();
});

describe('damage', () => {
  const records = [1, 2, 3].map((n) => Buffer.concat([encodeHeader(n, 1, payloadOf(n)), payloadOf(n)]));
  const segment = Buffer.concat(records);
  const last = segment.length - (records[2] as Buffer).length;

  test('a segment cut anywhere in its last record loses that one alone', () => {
    for (let end = last; end < segment.length; end++) {
      const { records: found, damages } = scanRecords(segment.subarray(0, end));
      expect(found.map(({ sequence }) => sequence)).toEqual([1, 2]);
      expect(damages).toEqual(end === last ? [] : [{ from: last, to: end }]);
    }
  });

  test('one flipped bit anywhere loses the record that it is in, and no neighbour', () => {
    for (let offset = 0; offset < segment.length; offset++) {
      const broken = Buffer.from(segment);
      broken.writeUInt8(broken.readUInt8(offset) ^ 0x10, offset);
      const hit = offset < (records[0] as Buffer).length ? 1 : offset < last ? 2 : 3;
      expect(scanRecords(broken).records.map(({ sequence }) => sequence)).toEqual([1, 2, 3].filter((n) => n !== hit));
    }
  });

  test('zeros or garbage behind the last record are told apart from records', () => {
    for (const tail of [Buffer.alloc(4_096), Buffer.from('garbage'.repeat(50))]) {
      const { records: found, damages } = scanRecords(Buffer.concat([segment, tail]));
      expect(found).toHaveLength(3);
      expect(damages).toEqual([{ from: segment.length, to: segment.length + tail.length }]);
    }
  });
});

test('a write that fails acknowledges nothing, and the next goes to a new segment', async () => {
  const log = await openLogWriter(directory, { after: 0 });
  await log.append(payloadOf(1), 1);
  await log.seal();
  // The next segment's name is taken by a file that is not ours: opening it fails as a full disk would.
  const blocked = join(directory, `${String(3).padStart(20, '0')}.log`);
  await writeFile(blocked, '');
  await expect(log.append(payloadOf(2), 1)).rejects.toMatchObject({ code: 'MUSTER_LOG_FAILED' });
  await log.append(payloadOf(3), 1);
  const all = await Promise.all((await log.seal()).map((path) => readFile(path)));
  expect(all.flatMap(texts)).toEqual([payloadOf(1), payloadOf(3)].map(String));
  await log.close();
});
