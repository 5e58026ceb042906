/** What a body of JSON may hold is counted before anything is made of it, however it is cut into pieces. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonScan } from '../../../src/collect/intake/json-scan.ts';

const keysOf = (value: unknown): string[] =>
  typeof value !== 'object' || value === null
    ? []
    : Array.isArray(value)
      ? value.flatMap(keysOf)
      : Object.entries(value).flatMap(([key, inner]) => [key, ...keysOf(inner)]);

const scanned = (text: string, keys: number, sizes: readonly number[]) => {
  const scan = new JsonScan({ depth: 1_000, values: 1_000_000, keys });
  const bytes = Buffer.from(text);
  for (let from = 0, i = 0; from < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    scan.push(bytes.subarray(from, from + size));
    from += size;
  }
};

test('as many keys as differ are counted, whatever their texts and values hold', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      const text = JSON.stringify(value);
      const count = new Set(keysOf(JSON.parse(text))).size;
      expect(() => scanned(text, count, [])).not.toThrow();
      if (count > 0) expect(() => scanned(text, count - 1, [])).toThrow(/keys that differ/);
    }),
  );
});

test('in pieces, too', () => {
  const text = JSON.stringify(Array.from({ length: 1_000 }, (_, i) => ({ [`key ${i}`]: { same: ':{"' } })));
  // A key that is cut is one of its rest: so some may fall together.
  for (const sizes of [[7], [64], [1, 200]]) expect(() => scanned(text, 300, sizes)).toThrow(/more than 300 keys that differ/);
  expect(() => scanned(text, 2_500, [64])).not.toThrow();
});
