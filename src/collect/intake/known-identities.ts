/** A bounded memory of event identities, for the `duplicates` of an answer; what is stored is exact without it. */
import { HOUR_MS } from '../../system/time.ts';

const SHARDS = 256;
const MIN_SLOTS = 1 << 8;
/** Per shard, at 16 bytes a slot: 1 GiB in all. At the bound the oldest hours are forgotten first. */
const MAX_SLOTS = 1 << 18;
const HOURS_KEPT = 25;

export type Sighting = 'new' | 'duplicate' | 'conflict';

/** Known identities of about a day, in shards: one grows at a time, so that no growth is ever felt. */
export class KnownIdentities {
  private readonly shards = Array.from({ length: SHARDS }, () => new Shard());

  /** Notes an identity with its content: `conflict` is the same identity with another content. The greater content is kept. */
  note(high: number, low: number, content: number, nowMs: number): Sighting {
    return this.shardOf(high).note(high, low, content, nowMs);
  }

  /** Takes back what {@link note} called new, when the event could not be made durable after all. */
  forget(high: number, low: number): void {
    this.shardOf(high).forget(high, low);
  }

  private shardOf(high: number): Shard {
    return this.shards[high >>> 24] as Shard;
  }
}

/** An open-addressing table: 64 bits of identity, 32 of content, and the hour in which it came. */
class Shard {
  private high = new Uint32Array(MIN_SLOTS);
  private low = new Uint32Array(MIN_SLOTS);
  private content = new Uint32Array(MIN_SLOTS);
  private hour = new Uint32Array(MIN_SLOTS);
  private used = 0;

  note(high: number, low: number, content: number, nowMs: number): Sighting {
    if (this.used * 2 >= this.high.length) this.grow(nowMs);
    const slot = this.find(high, low);
    const isKnown = this.hour[slot] !== 0;
    if (!isKnown) {
      this.used += 1;
      this.high[slot] = high;
      this.low[slot] = low;
      this.content[slot] = content;
    }
    const known = this.content[slot] as number;
    if (content > known) this.content[slot] = content;
    this.hour[slot] = hourOf(nowMs);
    if (!isKnown) return 'new';
    return known === content ? 'duplicate' : 'conflict';
  }

  forget(high: number, low: number): void {
    const slot = this.find(high, low);
    if (this.hour[slot] === 0) return;
    // A hole would cut the probe sequence: an hour long past keeps the slot and lets the next `grow` drop it.
    this.high[slot] = 0;
    this.low[slot] = 0;
    this.hour[slot] = 1;
  }

  private find(high: number, low: number): number {
    const mask = this.high.length - 1;
    let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    while (this.hour[slot] !== 0 && (this.high[slot] !== high || this.low[slot] !== low)) slot = (slot + 1) & mask;
    return slot;
  }

  private grow(nowMs: number): void {
    const { high, low, content, hour } = this;
    const byHour = new Map<number, number>();
    for (const at of hour) if (at > 1) byHour.set(at, (byHour.get(at) ?? 0) + 1);
    let oldest = hourOf(nowMs) - HOURS_KEPT;
    const survivors = () => byHour.entries().reduce((sum, [at, count]) => sum + (at >= oldest ? count : 0), 0);
    while (survivors() * 4 > MAX_SLOTS) oldest += 1;
    let slots = MIN_SLOTS;
    while (slots < survivors() * 4 && slots < MAX_SLOTS) slots *= 2;
    this.high = new Uint32Array(slots);
    this.low = new Uint32Array(slots);
    this.content = new Uint32Array(slots);
    this.hour = new Uint32Array(slots);
    this.used = 0;
    for (let i = 0; i < hour.length; i++) {
      const at = hour[i] as number;
      if (at < oldest || at <= 1) continue;
      const slot = this.find(high[i] as number, low[i] as number);
      this.high[slot] = high[i] as number;
      this.low[slot] = low[i] as number;
      this.content[slot] = content[i] as number;
      this.hour[slot] = at;
      this.used += 1;
    }
  }
}

/** Hours since 1970, never 0: 0 marks a free slot. */
const hourOf = (nowMs: number) => Math.floor(nowMs / HOUR_MS) + 2;
