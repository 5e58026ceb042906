/** Types and columns as texts: what is taken, and what is not. */
import { expect, test } from 'vitest';
import { createZones } from '../../../src/store/guard/time-zones.ts';
import { arePlainColumns, isPlainType } from '../../../src/store/guard/type-text.ts';

const allowsZone = createZones();

test.each([
  'UInt8',
  'Nullable(String)',
  'Array(Array(Nullable(Int64)))',
  "DateTime64(3, 'Europe/Berlin')",
  "DateTime('UTC')",
  "Enum8('a' = 1, 'b\\'c' = -2)",
  'Map(LowCardinality(String), Decimal(18, 4))',
  'Tuple(a String, `b c` UInt8, Int8)',
  'IntervalDay',
  'FixedString(16)',
  'DOUBLE PRECISION',
])('%s is a type', (type) => {
  expect(isPlainType(type, allowsZone)).toBe(true);
  expect(arePlainColumns(`x ${type}, \`y z\` String`, allowsZone)).toBe(true);
});

test.each([
  'AggregateFunction(sum, UInt64)',
  'Array(AggregateFunction(sum, UInt64))',
  'Tuple(a SimpleAggregateFunction(sum, UInt64))',
  'Array(AggregateFunction/**/(sum, UInt64))',
  "DateTime('file:/etc/localtime')",
  "DateTime64(3, '/etc/localtime')",
  "DateTime64(3, '../../etc/passwd')",
  "DateTime('Fixed/UTC+00:00:01')",
  "DateTime('Europe/Nowhere')",
  'JSON',
  'JSON(a UInt8)',
  'Dynamic',
  'Variant(String, UInt64)',
  'Nested(a UInt8)',
  'UInt8)',
  'UInt8, UInt8',
  'Array(UInt8',
  `Array(${'1'.repeat(100)}!`,
  `${'Array('.repeat(30)}UInt8${')'.repeat(30)}`,
  `Enum8(${"'a' = 1, ".repeat(2_000)}'b' = 2)`,
  '',
  ' ',
])('%s is none', (type) => {
  expect(isPlainType(type, allowsZone)).toBe(false);
  expect(arePlainColumns(`x ${type}`, allowsZone)).toBe(false);
});

test.each(["a UInt8 DEFAULT file('/etc/passwd')", 'a UInt8 ALIAS b', 'a', 'a UInt8 b', 'a UInt8 TTL now()', 'a UInt8,'])(
  'columns %s are none',
  (columns) => {
    expect(arePlainColumns(columns, allowsZone)).toBe(false);
  },
);
