/** Names of events as senders write them: of the catalogue, behind a prefix, or close to one that was meant. */
import { distance } from 'fastest-levenshtein';
import { LRUCache } from 'lru-cache';
import { EVENT_TYPES, type EventType } from './catalogue.ts';

const TYPES = new Set<string>(EVENT_TYPES);
/** Letters that may be wrong: `enrollment.start` is two from `enrollment.started`. */
const MAX_DISTANCE = 2;
const MAX_LENGTH = 128;
/** A name that begins so is meant to be one of the catalogue, whatever follows. */
const OWN = /^(?:enrollment|factor|recovery|attestation|stepup)\./;

/** What a name means: a type; none, but this one is close; or nothing of ours. */
export type NameMeaning = { type: EventType } | { nearest: EventType } | undefined;

const known = new LRUCache<string, { meaning: NameMeaning }>({ max: 1_000 });

/** What an event's name means: `org.example.enrollment.started` is `enrollment.started` (CloudEvents 1.0.2: types have a prefix in reverse DNS order). */
export function meaningOfName(name: string): NameMeaning {
  if (TYPES.has(name)) return { type: name as EventType };
  const before = known.get(name);
  if (before) return before.meaning;
  const meaning = meaningOf(name);
  known.set(name, { meaning });
  return meaning;
}

function meaningOf(name: string): NameMeaning {
  if (name.length > MAX_LENGTH) return undefined;
  const prefixed = EVENT_TYPES.find((type) => name.endsWith(`.${type}`));
  if (prefixed) return { type: prefixed };
  const plain = name.toLowerCase().replace(/[\s:/-]+/g, '.');
  const distances = EVENT_TYPES.map((type) => ({
    type,
    letters: Math.min(distance(plain, type), distance(plain, type.replaceAll('.', '_'))),
  }));
  const nearest = distances.reduce((best, each) => (each.letters < best.letters ? each : best));
  return nearest.letters <= MAX_DISTANCE || OWN.test(plain) ? { nearest: nearest.type } : undefined;
}
