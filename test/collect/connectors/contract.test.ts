/** What every connector holds to: its records mean what stands beside them, and nothing that is broken in them makes it fail or lie. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Connector, Mapped } from '../../../src/collect/connectors/connector.ts';
import { mapUnwrapped } from '../../../src/collect/connectors/envelope.ts';
import { CONNECTORS } from '../../../src/collect/connectors/index.ts';
import { checkEvent, importBounds } from '../../../src/events/checker.ts';

type Json = Record<string, unknown>;
interface Known {
  says: string;
  record: Json;
  events: Json[];
}
const NOW = Date.UTC(2026, 11, 1);
const context = { fingerprint: (text: string) => Buffer.from(text).toString('hex').slice(-40) };
const knownOf = ({ name }: Connector): Known[] =>
  readFileSync(join(import.meta.dirname, 'records', `${name}.ndjson`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Known);
const eventsOf = (mapped: Mapped): Json[] => (mapped.kind === 'events' ? (mapped.events as Json[]) : []);

/** Every place in a value, as the path to it. */
function placesIn(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [[...path, name], ...placesIn(inner, [...path, name])]);
}
/** The value with another in one place; undefined takes it out. */
function changed(value: unknown, [name, ...rest]: readonly string[], into: unknown): unknown {
  if (name === undefined) return into;
  const copy = structuredClone(value) as Json;
  const inner = changed((value as Json)[name], rest, into);
  if (inner === undefined && Array.isArray(copy)) copy.splice(Number(name), 1);
  else if (inner === undefined) delete copy[name];
  else copy[name] = inner;
  return copy;
}
const BROKEN = [undefined, null, '', [], {}, 0, -1e308, true, 'x'.repeat(5_000), ['a', null], { a: { b: null } }, '\u0000\u2028"}'];

describe.each(CONNECTORS.map((connector) => [connector.name, connector] as const))('%s', (_, connector) => {
  test.each(knownOf(connector).map((known) => [known.says, known] as const))('%s', (_says, { record, events }) => {
    const made = eventsOf(mapUnwrapped(connector, record, context));
    expect(made).toHaveLength(events.length);
    for (const [i, expected] of events.entries()) {
      const { user, ...rest } = expected;
      expect(made[i]).toMatchObject(rest);
      // null: the record concerns nobody whom it names.
      if ('user' in expected) expect(made[i]?.user).toBe(user ?? undefined);
      expect(checkEvent(made[i], importBounds(NOW))).toMatchObject({ ok: true });
    }
  });

  test('takes any broken value in any place: no failure, no person who is not named there, no secret', () => {
    for (const { record, events } of knownOf(connector)) {
      const people = new Set(events.flatMap(({ user, actor }) => [user, actor]));
      for (const place of placesIn(record)) {
        for (const broken of BROKEN) {
          const mapped = mapUnwrapped(connector, changed(record, place, broken), context);
          expect(['events', 'ignored', 'rejected']).toContain(mapped.kind);
          for (const event of eventsOf(mapped)) {
            // Whoever acts is not whom it concerns because that person's name is broken.
            const { user, actor } = event;
            if (people.size > 1 && actor !== undefined) expect([place, broken, user]).not.toEqual([place, broken, actor]);
            expect(JSON.stringify(event)).not.toContain('JBSWY3DPEHPK3PXP');
            expect(checkEvent(event, importBounds(NOW))).toHaveProperty('ok');
          }
        }
      }
    }
  });

  test('gives the same id to the same record, whatever the order of its keys', () => {
    const turned = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(turned);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([name, inner]) => [name, turned(inner)]),
      );
    };
    for (const { record } of knownOf(connector)) {
      const [one, other] = [record, turned(record)].map((each) => eventsOf(mapUnwrapped(connector, each, context)).map(({ id }) => id));
      expect(other).toEqual(one);
    }
  });
});
