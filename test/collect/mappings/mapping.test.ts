/** Mapping files: those that ship pass their own tests, and one that is wrong is refused with the line of what is. */
import { readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { MAPPED_SOURCES, shippedMapping, testedMapping } from '../../../src/collect/mappings/index.ts';
import { loadMapping } from '../../../src/collect/mappings/mapping.ts';

const context = { fingerprint: () => 'f' };
/** A mapping with some lines replaced. */
const written = (change: Record<string, string> = {}): string =>
  [
    'source: portal',
    'reads: rows of the portal',
    'kind: what',
    'id: row',
    'time: at',
    'user: who',
    'events:',
    "  - when: what = 'added'",
    '    type: enrollment.completed',
    '    fields: { factor_type: $factor(how), http_status: code }',
    'tests:',
    "  - { says: one, record: { row: r-1, at: '2026-11-20T10:00:00Z', who: ada, what: added, how: Yubikey }, events: [{ type: enrollment.completed, user: ada, factor_type: hardware_otp, actor: null }] }",
  ]
    .map((line) => change[line.trim().split(':')[0] as string] ?? line)
    .join('\n');

test('every mapping in the folder is in the registry', () => {
  const files = readdirSync(new URL('../../../src/collect/mappings/', import.meta.url)).filter((name) => name.endsWith('.yaml'));
  expect(files.map((name) => name.slice(0, -5)).sort()).toEqual([...MAPPED_SOURCES].sort());
});

test.each(MAPPED_SOURCES)('%s passes its own tests, of each of its events and of a record that is none', async (name) => {
  const { connector, problems } = await shippedMapping(name);
  expect(connector.name).toBe(name);
  expect(await problems()).toEqual([]);
});

test('a test that does not hold is named with its line, and nothing is mapped by such a file', async () => {
  const text = written().replace('factor_type: hardware_otp', 'factor_type: totp');
  expect(await loadMapping(text, 'portal.yaml').problems()).toEqual([
    'portal.yaml:12: "one": factor_type is "hardware_otp", and "totp" is expected',
  ]);
  await expect(testedMapping(text, 'portal.yaml')).rejects.toThrow('portal.yaml:12: "one": factor_type is');
  expect((await testedMapping(written(), 'portal.yaml')).name).toBe('portal');
});

describe('a file that is wrong', () => {
  test.each<[Record<string, string>, string]>([
    [{ user: 'user: who[' }, 'portal.yaml:6: user: '],
    [{ time: '' }, 'time: '],
    [{ source: 'source: Our Portal' }, 'portal.yaml:1: source: expected small letters, digits and _'],
    [{ type: '    type: enrollment.complete' }, 'portal.yaml:9: events.0.type: '],
    [{ fields: '    fields: { factor: how }' }, 'portal.yaml:10: events.0.fields.factor: is not known here'],
    [{ kind: 'kinds: what' }, 'portal.yaml:3: kinds: is not known here'],
    [{ tests: 'tests: []', '- { says': '' }, 'tests: '],
  ])('%j', (change, message) => expect(() => loadMapping(written(change), 'portal.yaml')).toThrow(message));
});

describe('a record', () => {
  const row = { row: 'r-1', at: '2026-11-20T10:00:00Z', who: 'ada', what: 'added' };
  const map = (record: unknown, change: Record<string, string> = {}) =>
    loadMapping(written(change), 'portal.yaml').connector.map(record, context);

  test('of no rule is ignored by what the product calls it', async () => {
    expect(await map({ ...row, what: 'looked at' })).toEqual({ kind: 'ignored', type: 'looked at' });
  });
  test('of several people makes an event of each', async () => {
    const mapped = await map({ ...row, who: ['ada', 'bob'] });
    expect(mapped).toMatchObject({ kind: 'events', events: [{ user: 'ada' }, { user: 'bob' }] });
  });
  test('that gives no text where one has to be is refused by the name of the field, and is not repeated', async () => {
    expect(await map({ ...row, how: { a: 1 } })).toMatchObject({ kind: 'events' });
    expect(await map({ ...row, row: { secret: 1 } })).toEqual({ kind: 'rejected', message: 'id: gives no text' });
    expect(await map({ ...row, code: [1, 2] })).toEqual({
      kind: 'rejected',
      message: 'events.0.fields.http_status: gives neither a number nor true or false',
    });
    expect(await map(row, { user: 'user: $number(who)' })).toEqual({
      kind: 'rejected',
      message: 'user: cannot be computed for this record (JSONata D3030)',
    });
  });
  test('is data: no text of it is computed, and no expression goes on for ever', async () => {
    expect(await map({ ...row, who: '$sum([1, 2])' }, { user: 'user: $eval(who)' })).toMatchObject({ kind: 'rejected' });
    const endless = 'user: ($f := function($n) { $f($n + 1) }; $f(0))';
    expect(await map(row, { user: endless })).toMatchObject({ kind: 'rejected' });
  }, 20_000);
});
