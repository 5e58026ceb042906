import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { quieted } from '../../src/system/quieted.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the same message is said once, then once a minute with how often it came', () => {
  const told: string[] = [];
  const { say, end } = quieted((message) => told.push(message));
  for (let i = 0; i < 80; i++) say('the database does not answer');
  say('something else');
  expect(told).toEqual(['the database does not answer', 'something else']);
  vi.advanceTimersByTime(60_000);
  expect(told.slice(2)).toEqual(['the database does not answer (79 more times in the last minute)']);
  say('the database does not answer');
  vi.advanceTimersByTime(60_000);
  expect(told.slice(3)).toEqual(['the database does not answer (once more in the last minute)']);
  vi.advanceTimersByTime(120_000);
  expect(told).toHaveLength(4);
  // Long after, it is news again.
  say('the database does not answer');
  say('the database does not answer');
  end();
  expect(told.slice(4)).toEqual(['the database does not answer', 'the database does not answer (once more in the last minute)']);
});
