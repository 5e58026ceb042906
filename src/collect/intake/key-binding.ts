/** What the key of a sender is bound to. It goes with what was refused, so that driving that again lets nothing in that the key does not. */
import { z } from 'zod';
import { EVENT_TYPES, type Event } from '../../events/catalogue.ts';

export const bindingSchema = z.object({
  /** Only events of these sources and types; empty for any. */
  sources: z.array(z.string()),
  types: z.array(z.enum(EVENT_TYPES)),
  /** Whether traffic other than `user` may be sent. */
  anyTraffic: z.boolean(),
});
export type Binding = z.infer<typeof bindingSchema>;

/** Why a key may not send this event, or undefined; for spans, by the service alone. */
export function refusalOf(binding: Binding, event: Pick<Event, 'source'> & Partial<Event>): string | undefined {
  if (binding.sources.length > 0 && !binding.sources.includes(event.source)) return 'source: this key is for other sources';
  if (binding.types.length > 0 && event.type !== undefined && !binding.types.includes(event.type))
    return 'type: this key is for other types';
  if (!binding.anyTraffic && event.traffic !== undefined && event.traffic !== 'user')
    return 'traffic: this key may only send traffic of users';
  return undefined;
}

/** Of a refused record: what its sender was bound to, and when it came; null where any time may be taken. */
const sentWithSchema = bindingSchema.extend({ receivedAtMs: z.number().nullable() });
export type SentWith = z.infer<typeof sentWithSchema>;

/** A field beside those of the catalogue, in the copy of a refused record. */
export const SENT_WITH = 'sent_with';

/** The binding in a copy, if it has one; a copy that has something else in its place is no event. */
export function sentWithOf(copy: Record<string, unknown>): { event: Record<string, unknown>; sentWith: SentWith | undefined } {
  const parsed = sentWithSchema.safeParse(copy[SENT_WITH]);
  if (!parsed.success) return { event: copy, sentWith: undefined };
  const { [SENT_WITH]: _, ...event } = copy;
  return { event, sentWith: parsed.data };
}
