/**
 * CityHash128 of version 1.0.2, with which ClickHouse guards its compressed blocks
 * (https://clickhouse.com/docs/native-protocol/compression, "Checksum"; later versions of CityHash give other values).
 */

const K0 = 0xc3a5c85c97cb3127n;
const K1 = 0xb492b66fbe98f273n;
const K2 = 0x9ae16a3b2f90404fn;
const K3 = 0xc949d7c7509e6557n;
const K_MUL = 0x9ddfea08eb382d69n;
const MASK = 0xffffffffffffffffn;

type Pair = readonly [low: bigint, high: bigint];

const rotate = (value: bigint, by: bigint): bigint => (by === 0n ? value : (value >> by) | ((value << (64n - by)) & MASK));
const shiftMix = (value: bigint): bigint => value ^ (value >> 47n);
const mul = (a: bigint, b: bigint): bigint => (a * b) & MASK;
const add = (a: bigint, b: bigint): bigint => (a + b) & MASK;

function hash16(low: bigint, high: bigint): bigint {
  const a = shiftMix(mul(low ^ high, K_MUL));
  return mul(shiftMix(mul(high ^ a, K_MUL)), K_MUL);
}

/** @param bytes at most 16 */
function hashUpTo16(bytes: Buffer): bigint {
  const length = bytes.length;
  if (length > 8) {
    const b = bytes.readBigUInt64LE(length - 8);
    return hash16(bytes.readBigUInt64LE(0), rotate(add(b, BigInt(length)), BigInt(length))) ^ b;
  }
  if (length >= 4) return hash16(BigInt(length) + (BigInt(bytes.readUInt32LE(0)) << 3n), BigInt(bytes.readUInt32LE(length - 4)));
  if (length === 0) return K2;
  const y = BigInt((bytes[0] ?? 0) + ((bytes[length >> 1] ?? 0) << 8));
  const z = BigInt(length + ((bytes[length - 1] ?? 0) << 2));
  return mul(shiftMix(mul(y, K2) ^ mul(z, K3)), K2);
}

/** Of the 32 bytes at a position. */
function weakHash32(bytes: Buffer, at: number, a: bigint, b: bigint): Pair {
  const last = bytes.readBigUInt64LE(at + 24);
  const first = add(a, bytes.readBigUInt64LE(at));
  const turned = rotate(add(add(b, first), last), 21n);
  const sum = add(add(first, bytes.readBigUInt64LE(at + 8)), bytes.readBigUInt64LE(at + 16));
  return [add(sum, last), add(add(turned, rotate(sum, 44n)), first)];
}

function murmur(bytes: Buffer, [low, high]: Pair): Pair {
  const length = bytes.length;
  let a = low;
  let b = high;
  let c: bigint;
  let d: bigint;
  if (length <= 16) {
    a = mul(shiftMix(mul(a, K1)), K1);
    c = add(mul(b, K1), hashUpTo16(bytes));
    d = shiftMix(add(a, length >= 8 ? bytes.readBigUInt64LE(0) : c));
  } else {
    c = hash16(add(bytes.readBigUInt64LE(length - 8), K1), a);
    d = hash16(add(b, BigInt(length)), add(c, bytes.readBigUInt64LE(length - 16)));
    a = add(a, d);
    for (let at = 0; at < length - 16; at += 16) {
      a = mul(a ^ mul(shiftMix(mul(bytes.readBigUInt64LE(at), K1)), K1), K1);
      b ^= a;
      c = mul(c ^ mul(shiftMix(mul(bytes.readBigUInt64LE(at + 8), K1)), K1), K1);
      d ^= c;
    }
  }
  a = hash16(a, c);
  b = hash16(d, b);
  return [a ^ b, hash16(b, a)];
}

function seeded(bytes: Buffer, seed: Pair): Pair {
  if (bytes.length < 128) return murmur(bytes, seed);
  let [x, y] = seed;
  let z = mul(BigInt(bytes.length), K1);
  let v: Pair = [0n, 0n];
  v = [add(mul(rotate(y ^ K1, 49n), K1), bytes.readBigUInt64LE(0)), 0n];
  v = [v[0], add(mul(rotate(v[0], 42n), K1), bytes.readBigUInt64LE(8))];
  let w: Pair = [add(mul(rotate(add(y, z), 35n), K1), x), mul(rotate(add(x, bytes.readBigUInt64LE(88)), 53n), K1)];
  let at = 0;
  let left = bytes.length;
  for (; left >= 128; left -= 128) {
    for (const end = at + 128; at < end; at += 64) {
      x = mul(rotate(add(add(add(x, y), v[0]), bytes.readBigUInt64LE(at + 16)), 37n), K1) ^ w[1];
      y = mul(rotate(add(add(y, v[1]), bytes.readBigUInt64LE(at + 48)), 42n), K1) ^ v[0];
      z = rotate(z ^ w[0], 33n);
      v = weakHash32(bytes, at, mul(v[1], K1), add(x, w[0]));
      w = weakHash32(bytes, at + 32, add(z, w[1]), y);
      [x, z] = [z, x];
    }
  }
  y = add(y, add(mul(rotate(w[0], 37n), K0), z));
  x = add(x, mul(rotate(add(v[0], z), 49n), K0));
  for (let done = 32; done - 32 < left; done += 32) {
    y = add(mul(rotate((y - x) & MASK, 42n), K0), v[1]);
    w = [add(w[0], bytes.readBigUInt64LE(at + left - done + 16)), w[1]];
    x = add(mul(rotate(x, 49n), K0), w[0]);
    w = [add(w[0], v[0]), w[1]];
    v = weakHash32(bytes, at + left - done, v[0], v[1]);
  }
  x = hash16(x, v[0]);
  y = hash16(y, w[0]);
  return [add(hash16(add(x, v[1]), w[1]), y), hash16(add(x, w[1]), add(y, v[1]))];
}

/** The 16 bytes of the checksum of some bytes. */
export function cityHash128(bytes: Buffer): Buffer {
  const length = bytes.length;
  let hashed: Pair;
  if (length >= 16) hashed = seeded(bytes.subarray(16), [bytes.readBigUInt64LE(0) ^ K3, bytes.readBigUInt64LE(8)]);
  else if (length >= 8)
    hashed = seeded(Buffer.alloc(0), [bytes.readBigUInt64LE(0) ^ mul(BigInt(length), K0), bytes.readBigUInt64LE(length - 8) ^ K1]);
  else hashed = seeded(bytes, [K0, K1]);
  const checksum = Buffer.alloc(16);
  checksum.writeBigUInt64LE(hashed[0], 0);
  checksum.writeBigUInt64LE(hashed[1], 8);
  return checksum;
}
