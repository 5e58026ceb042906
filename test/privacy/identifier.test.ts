/** Who is named in a text, and who is not: a name may be a part of another. */
import { expect, it } from 'vitest';
import { asNamed, isTelling, namingOf, searchedAs } from '../../src/privacy/identifier.ts';

it.each([
  ['ada@example.org', 'mail ADA@example.org, please', true],
  ['ada@example.org', 'said ada@example.org.', true],
  ['ada@example.org', '{"user":"ada@example.org"}', true],
  ['ada@example.org', 'line\\nada@example.org', true],
  ['ada@example.org', '\uff41da@example.org', true],
  ['ada@example.org', 'la.ada@example.org', false],
  ['ada@example.org', 'nada@example.org', false],
  ['ada@example.org', 'ada@example.org.uk', false],
  ['ada@example.org', 'ada@example.organic', false],
  ["o'brien@example.org", "\\\\'o\\\\'brien@example.org\\\\'", true],
  ['user-12345', '/users/user-12345/factors', true],
  ['user-12345', 'user-123456', false],
  ['user-12345', 'superuser-12345', false],
  ['\u7528\u62371234', '\u7528\u62371234\u3002', true],
  ['(.*)+1234', 'anything 1234', false],
  ['zoe.quirk77', 'zoe%2Equirk77', true],
  ['zoe.quirk77', '/u/%7Aoe.quirk77', true],
  ['zoe.quirk77', '\u2060zoe\u2060.\u200bquirk77', true],
  ['zoe.quirk77', 'zoe.\nquirk77', true],
  ['zoe.quirk77', 'zoe . quirk77', true],
  ['zoe.quirk77', 'zoe\\u002equirk77', true],
  ['zoe.quirk77', 'zoe&#46;quirk77', true],
  ['ada@example.org', 'ada&#x40;example.org', true],
  ['zoe.quirk77', Buffer.from('user=zoe.quirk77;').toString('base64'), true],
  ['zoe.quirk77', Buffer.from('a zoe.quirk77').toString('base64'), true],
  ['zoe.quirk77', Buffer.from('of zoe.quirk77!').toString('base64url'), true],
  ['zoe.quirk77', Buffer.from('zoe.quirk77').toString('hex'), true],
  ['josé@example.org', 'JOSE\u0301@example.org', true],
  ['ada@example.org', 'ada%2540example.org', true],
  ['ada@example.org', 'ada=40example.org', true],
  ['ada@example.org', 'ada&#64example.org', true],
  ['zoe.quirk77', 'zoe\ufe0f.qu\u2067irk\u{e0041}77', true],
  ['zoe-quirk77', 'zoe\u2010quirk77', true],
  ['zoe-quirk77', 'zoe\u2013quirk77', true],
  ['zoe.quirk77', 'zoe.quirk', false],
  ['zoe.quirk77', 'zoe, quirk77', false],
])('%s in %j: %s', (name, text, isThere) => {
  expect(namingOf([searchedAs(name)]).isIn(text)).toBe(isThere);
});

it('finds nobody where there is no name', () => {
  expect(namingOf([]).isIn('')).toBe(false);
});

it.each([
  ['ada', false],
  ['1234567', false],
  ['u-17', true],
  ['ada@x', true],
  ['20241130', true],
])('a search for %s tells: %s', (name, isSo) => {
  expect(isTelling(name)).toBe(isSo);
});

it.each([
  ['ada\u200b@example.org', 'ada@example.org'],
  ['\u2060ada@example.org\ufeff', 'ada@example.org'],
  ['jose\u0301@example.org', 'jos\u00e9@example.org'],
  ['\uff41da\uff20example.org', 'ada@example.org'],
  ['Ada', 'Ada'],
])('%j is whoever is called %j', (written, meant) => expect(asNamed(written)).toBe(meant));
