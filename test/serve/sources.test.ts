/** What each source tells and feeds: declared, proven by its records, and said alike by the docs; and what came in from whom. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONNECTORS } from '../../src/collect/connectors/index.ts';
import { importRecords } from '../../src/collect/import/import.ts';
import { MAPPED_SOURCES, shippedMapping } from '../../src/collect/mappings/index.ts';
import { EVENT_TYPES } from '../../src/events/catalogue.ts';
import { answerable, sourcesNow } from '../../src/serve/sources.ts';
import { takeIn, testServices } from '../support/store.ts';

const PRODUCTS = CONNECTORS.filter(({ tells }) => tells !== EVENT_TYPES);
const recordsOf = (name: string) =>
  readFileSync(join(import.meta.dirname, '../collect/connectors/records', `${name}.ndjson`), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { record: unknown; events: { type: string }[] });

test.each(PRODUCTS.map((connector) => [connector.name, connector] as const))(
  '%s tells of what its records show, and of nothing else',
  (name, { tells }) => {
    expect([...new Set(recordsOf(name).flatMap(({ events }) => events.map(({ type }) => type)))].sort()).toEqual([...tells].sort());
  },
);

describe('an SLI stands on a source', () => {
  test.each<[string, Parameters<typeof answerable>[0], object]>([
    [
      'with starts and ends',
      ['enrollment.started', 'enrollment.completed'],
      { feeds: ['M1', 'M1S', 'M2', 'M3'], missing: 'no requests of an API' },
    ],
    [
      'not with ends alone, which would read 100 %',
      ['enrollment.completed', 'enrollment.failed'],
      { feeds: [], missing: 'no start of a registration' },
    ],
    ['not with recoveries that never fail', ['recovery.completed'], { feeds: [], missing: 'no registrations' }],
    ['with tickets', ['ticket.opened'], { feeds: ['M8'], missing: 'no registrations' }],
    ['of all there is', EVENT_TYPES, { feeds: ['M1', 'M1S', 'A1', 'M2', 'M3', 'M4', 'M5', 'M6', 'M7', 'M8', 'M9', 'M10'], missing: '' }],
  ])('%s', (_, tells, expected) => expect(answerable(tells)).toEqual(expected));
});

test('docs/sources.md says of each what the table says', async () => {
  const docs = readFileSync(join(import.meta.dirname, '../../docs/sources.md'), 'utf8');
  const mappings = await Promise.all(MAPPED_SOURCES.map(async (name) => (await shippedMapping(name)).connector));
  for (const { name, tells } of [...PRODUCTS, ...mappings]) {
    const { feeds, missing } = answerable(tells);
    expect(docs).toContain(`| \`${name}\` | ${feeds.length === 0 ? '–' : feeds.join(', ')} | ${missing} |`);
  }
});

test('each source with what came in from it, the busiest first, and those that can be read behind', async () => {
  const now = Date.UTC(2026, 10, 20, 12);
  const services = await testServices({ now: () => now });
  try {
    const { fingerprint } = services.pseudonyms;
    const aws = CONNECTORS.find(({ name }) => name === 'aws_cloudtrail');
    if (!aws) throw new Error('no such connector');
    const records = recordsOf('aws_cloudtrail').map(({ record }, line) => ({ line, value: record }));
    await importRecords(services, aws, records, { fingerprint });
    await takeIn(services, [
      { id: 't-1', type: 'ticket.opened', time: new Date(now - 90_000).toISOString(), source: 'desk' },
      { id: 't-1', type: 'ticket.opened', time: new Date(now - 90_000).toISOString(), source: 'desk' },
      { id: 'x', type: 'enrollment.started', time: new Date(now).toISOString(), source: 'desk' },
    ]);
    const sources = await sourcesNow(services.store.read, now);
    expect(sources[0]).toMatchObject({
      source: 'aws_cloudtrail',
      kind: 'connector',
      last: '2026-11-20T10:00:00.000Z',
      lagSeconds: 7_200,
      feeds: ['M1', 'M1S', 'M2', 'M3'],
    });
    expect(sources[1]).toMatchObject({
      source: 'desk',
      kind: 'events',
      records: 1,
      refused: 1,
      lagSeconds: 90,
      feeds: ['M8'],
      tells: ['ticket.opened'],
    });
    expect(
      sources
        .slice(2)
        .map(({ source }) => source)
        .sort(),
    ).toEqual([...PRODUCTS.map(({ name }) => name).filter((name) => name !== 'aws_cloudtrail'), ...MAPPED_SOURCES].sort());
    expect(sources.slice(2).every(({ last, records: n }) => last === null && n === 0)).toBe(true);
  } finally {
    await services.dispose();
  }
});
