/** Ids of the core: UUIDs version 7 (RFC 9562 section 5.7), sorted by time, 74 bits at random. */
export function uuidV7(timeMs: number, random: (bytes: number) => Buffer): string {
  const bytes = random(16);
  bytes.writeUIntBE(timeMs, 0, 6);
  bytes[6] = 0x70 | (bytes.readUInt8(6) & 0x0f);
  bytes[8] = 0x80 | (bytes.readUInt8(8) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
