/** Who runs and who waits. */
import { expect, test } from 'vitest';
import { turnstile } from '../../../src/store/guard/turns.ts';

/** Work that ends when it is told to. */
function works(turns: ReturnType<typeof turnstile>) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (name: string, turn?: Parameters<typeof turns>[1]) =>
    turns(() => {
      running.push(name);
      return new Promise<void>((end) => ends.set(name, end));
    }, turn);
  const end = async (name: string) => {
    ends.get(name)?.();
    running.splice(running.indexOf(name), 1);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { running, start, end };
}

test('one source leaves room for others, and all of them leave room for what is urgent', async () => {
  const turns = turnstile({ running: 4, waiting: 3, urgent: 1, perSource: 2 });
  const { running, start, end } = works(turns);
  for (const name of ['a1', 'a2', 'a3']) void start(name, { source: 'a' });
  void start('b1', { source: 'b' });
  await new Promise((resolve) => setImmediate(resolve));
  expect(running).toEqual(['a1', 'a2', 'b1']);
  void start('alert', { source: 'a', isUrgent: true });
  await new Promise((resolve) => setImmediate(resolve));
  expect(running).toContain('alert');
  void start('b2', { source: 'b' });
  await end('b1');
  // The third of `a` still waits for one of its own.
  expect(running).toEqual(['a1', 'a2', 'alert', 'b2']);
  await end('a1');
  expect(running).toEqual(['a2', 'alert', 'b2', 'a3']);
  void start('c1', { source: 'c' });
  void start('c2', { source: 'c' });
  void start('c3', { source: 'c' });
  await expect(start('c4', { source: 'c' })).rejects.toMatchObject({ code: 'MUSTER_QUERY_BUSY' });
});

test('without sources it is one after the other', async () => {
  const { running, start, end } = works(turnstile({ running: 1, waiting: 1 }));
  void start('first');
  void start('second');
  await new Promise((resolve) => setImmediate(resolve));
  expect(running).toEqual(['first']);
  await end('first');
  expect(running).toEqual(['second']);
});
