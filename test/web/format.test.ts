/** How the page writes figures: nothing is rounded into a lie. */
import { expect, test } from 'vitest';
import { budget, burn, duration, objective, outlook, percent, share } from '../../web/src/parts/format.ts';

const plain = (text: string) => text.replaceAll('\u00a0', ' ');

test.each([
  [0.997711, '99.771 %'],
  [0.9858, '98.58 %'],
  [0.999996, '99.9996 %'],
  [0.99999999, '99.9999 %'],
  [1, '100 %'],
  [0, '0 %'],
  [0.5, '50.0 %'],
  [0.05, '5.0 %'],
])('a ratio of %f is %s', (ratio, text) => expect(plain(percent(ratio))).toBe(text));

test.each([
  [4, 7, '4 of 7'],
  [0, 0, '–'],
  [529, 548, '96.5 % (94.6–97.8)'],
  [999, 1_000, '99.900 %'],
])('%i of %i is %s', (good, total, text) => expect(plain(share(good, total))).toBe(text));

test.each([
  [0.546, '54 %'],
  [-0.144, '−15 %'],
  [0.009, '0 %'],
  [1, '100 %'],
])('a budget of %f is %s', (left, text) => expect(plain(budget(left))).toBe(text));

test.each([
  [28.32, '28.3×'],
  [5.998, '5.99×'],
  [0, '0×'],
  [0.0749, '0.07×'],
  [100.9, '100×'],
  [null, '–'],
])('a burn of %s is %s', (rate, text) => expect(burn(rate)).toBe(text));

test.each([
  [0.0274, '27 ms'],
  [6.74, '6.74 s'],
  [2_820, '47 min'],
  [20_000, '5 h 33 min'],
  [49_680, '13 h'],
  [172_800, '2 d'],
])('%f s are %s', (seconds, text) => expect(plain(duration(seconds))).toBe(text));

test('a forecast says when the budget is empty, that it lasts, or that it is spent', () => {
  const now = Date.UTC(2026, 2, 1);
  const of = (emptyAt: string | null, isSpent = false) => outlook({ emptyAt, earliest: null, latest: null, window: '1d', isSpent }, now);
  expect(plain(of('2026-03-02T00:00:00.000Z'))).toBe('empty in 24 h');
  expect(of(null)).toBe('lasts');
  expect(of('2026-03-01T00:00:00.000Z', true)).toBe('spent');
  expect(outlook(null, now)).toBe('–');
});

test('an objective stands as it was written', () => {
  expect([0.98, 0.9995, 0.99].map((ratio) => plain(objective(ratio)))).toEqual(['98 %', '99.95 %', '99 %']);
});
