/** Stories of anomalies: silence, codes that are swallowed, late events, a process that is killed again and again, maintenance. */
import { expect, test } from 'vitest';
import { attempts, euFails, healthy, MINUTE, NOW, RATE, type Story, tell } from '../support/anomaly-story.ts';

/** What is flagged of the same faults when nothing else happens; told once. */
const plain = new Map<number, ReturnType<typeof tell>>();
function undisturbed(minutes: number): ReturnType<typeof tell> {
  const told = plain.get(minutes) ?? tell(euFails, minutes);
  plain.set(minutes, told);
  return told;
}

test('nothing is flagged where nothing is wrong, in history and live', async () => {
  const { told, earlier } = await tell(healthy, 20);
  expect([...told, ...earlier]).toEqual([]);
});

test('a provider that swallows codes shows in flight, long before its attempts count as failed', async () => {
  const story: Story = (m) =>
    m < 10 ? healthy(m) : [...attempts(RATE / 2, 'eu').map(({ region }) => ({ region })), ...attempts(RATE / 2, 'us')];
  const { firstOf, told, firstSeenAt } = await tell(story, 18);
  expect(firstOf('in_flight region=eu')?.minute).toBeLessThan(14);
  expect(firstSeenAt).toBeLessThan(16);
  expect(told.filter(({ of }) => of.startsWith('failures'))).toEqual([]);
});

test('a feed that falls silent is one finding of the feed; of one region it is an absence of that region', async () => {
  const silent = await tell((m) => (m < 5 ? healthy(m) : []), 20);
  expect(silent.kinds).toEqual(['feed_silence']);
  expect(new Set(silent.told.map(({ of }) => of))).toEqual(new Set(['starts =']));
  expect(silent.told[0]?.minute).toBeLessThan(10);
  const absent = await tell((m) => (m < 5 ? healthy(m) : attempts(RATE / 2, 'us')), 25);
  expect(absent.firstOf('starts region=eu')).toMatchObject({ detector: 'absence' });
  expect(absent.firstOf('starts region=us')).toBeUndefined();
});

test('a process that is killed at every minute flags the same, and nothing twice', async () => {
  const { flags } = await undisturbed(30);
  const again = await tell(euFails, 30, { restarts: true });
  expect(again.flags).toEqual(flags);
});

test('flags that cannot be written are written by the next pass', async () => {
  const { flags } = await undisturbed(30);
  expect((await tell(euFails, 30, { fullAt: 14 })).flags).toEqual(flags);
});

test('a clock that was days ahead for a moment takes nothing away', async () => {
  const { flags } = await undisturbed(30);
  expect((await tell(euFails, 30, { ahead: [5, 3 * 1_440] })).flags).toEqual(flags);
});

test('events that come late restate what was flagged, to what they would have been in time', async () => {
  const { flags } = await undisturbed(40);
  const until = NOW / MINUTE + 26;
  // Twenty minutes without anything, then all of it.
  const late = await tell(euFails, 60, { lateBy: 20 });
  expect(late.flags.filter(({ minute }) => minute < until)).toEqual(flags.filter(({ minute }) => minute < until));
});

test('events that come twice, in no order and some minutes late, make the same flags', async () => {
  const { flags } = await undisturbed(40);
  const until = NOW / MINUTE + 26;
  const scattered = await tell(euFails, 60, { scattered: 6 });
  expect(flags.length).toBeGreaterThan(20);
  expect(scattered.flags.filter(({ minute }) => minute < until)).toEqual(flags.filter(({ minute }) => minute < until));
});

test('maintenance is not flagged, and teaches nothing', async () => {
  const { told } = await tell(euFails, 30, { maintenance: [9, 27] });
  expect(told).toEqual([]);
});
