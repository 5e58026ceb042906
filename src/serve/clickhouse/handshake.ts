/** The first answer that clickhouse-go waits for, in ClickHouse's Native format. */

/** What clickhouse-go asks when it connects over HTTP (its conn_http.go). */
export const HANDSHAKE = /^\s*SELECT displayName\(\), version\(\), revision\(\), timezone\(\)\s*$/i;

/** BlockInfo: is_overflows = 0, bucket_num = -1, end. */
const BLOCK_INFO = Buffer.from([1, 0, 2, 255, 255, 255, 255, 0]);
const NO_CUSTOM_SERIALIZATION = Buffer.from([0]);
/**
 * The driver decodes this block at its own protocol revision and every later one at the revision said here. At 0 it expects what
 * `FORMAT Native` gives: no BlockInfo, no byte for custom serialization.
 */
const REVISION = Buffer.alloc(4);

/** One row: names and version of the server, revision 0, time zone. */
export function handshakeBlock(name: string, version: string, zone: string): Buffer {
  return Buffer.concat([
    BLOCK_INFO,
    varint(4),
    varint(1),
    column('displayName()', 'String', string(name)),
    column('version()', 'String', string(version)),
    column('revision()', 'UInt32', REVISION),
    column('timezone()', 'String', string(zone)),
  ]);
}

const column = (name: string, type: string, data: Buffer) => Buffer.concat([string(name), string(type), NO_CUSTOM_SERIALIZATION, data]);

function string(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([varint(bytes.length), bytes]);
}

/** Unsigned LEB128. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
