/** Periods of the calendar: time zones, month ends, daylight saving. */
import { expect, test } from 'vitest';
import { type Period, periodAt } from '../../../src/slo/arithmetic/period.ts';
import { pieces, without } from '../../../src/slo/arithmetic/windows.ts';
import { type Slo, slosOf } from '../../../src/slo/definition/openslo.ts';
import { documentOf } from '../../support/slo.ts';

const monthly = (zone: string, startTime = '2026-01-01 00:00:00', duration = '1M'): Period =>
  (
    slosOf([
      {
        document: documentOf({ timeWindow: [{ duration, isRolling: false, calendar: { startTime, timeZone: zone } }] }),
        source: 'mine.yaml',
      },
    ])[0] as Slo
  ).period;
const at = (time: string) => Date.parse(time);
const between = (period: Period, moment: string) => {
  const { fromMs, toMs } = periodAt(period, at(moment));
  return [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
};

test('a month begins at midnight of its time zone', () => {
  expect(between(monthly('UTC'), '2026-02-10T12:00:00Z')).toEqual(['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z']);
  expect(between(monthly('Europe/Berlin'), '2026-02-10T12:00:00Z')).toEqual(['2026-01-31T23:00:00.000Z', '2026-02-28T23:00:00.000Z']);
  expect(between(monthly('Asia/Kolkata'), '2026-02-10T12:00:00Z')).toEqual(['2026-01-31T18:30:00.000Z', '2026-02-28T18:30:00.000Z']);
});

test('its first instant belongs to it, the one before to the month before', () => {
  expect(between(monthly('UTC'), '2026-03-01T00:00:00Z')[0]).toBe('2026-03-01T00:00:00.000Z');
  expect(between(monthly('UTC'), '2026-02-28T23:59:59.999Z')[0]).toBe('2026-02-01T00:00:00.000Z');
});

test('the clock that is put forward makes a month of an hour less, put back of an hour more', () => {
  const hours = (moment: string) => {
    const { fromMs, toMs } = periodAt(monthly('Europe/Berlin'), at(moment));
    return (toMs - fromMs) / 3_600_000;
  };
  expect(hours('2026-03-15T12:00:00Z')).toBe(31 * 24 - 1);
  expect(hours('2026-10-15T12:00:00Z')).toBe(31 * 24 + 1);
  expect(hours('2026-02-15T12:00:00Z')).toBe(28 * 24);
});

test('a month that begins on the 31st begins on the last day where there is none', () => {
  const period = monthly('UTC', '2026-01-31 00:00:00');
  expect(between(period, '2026-03-05T00:00:00Z')).toEqual(['2026-02-28T00:00:00.000Z', '2026-03-31T00:00:00.000Z']);
  expect(between(period, '2026-02-10T00:00:00Z')).toEqual(['2026-01-31T00:00:00.000Z', '2026-02-28T00:00:00.000Z']);
});

test('times before the anchor have periods too, and quarters, weeks and years follow theirs', () => {
  expect(between(monthly('UTC'), '2024-02-29T12:00:00Z')).toEqual(['2024-02-01T00:00:00.000Z', '2024-03-01T00:00:00.000Z']);
  expect(between(monthly('UTC', '2026-01-01 00:00:00', '1Q'), '2026-11-25T00:00:00Z')).toEqual([
    '2026-10-01T00:00:00.000Z',
    '2027-01-01T00:00:00.000Z',
  ]);
  expect(between(monthly('America/New_York', '2026-01-05 00:00:00', '1w'), '2026-03-10T00:00:00Z')).toEqual([
    '2026-03-09T04:00:00.000Z',
    '2026-03-16T04:00:00.000Z',
  ]);
  expect(between(monthly('UTC', '2026-01-01 00:00:00', '1Y'), '2027-06-01T00:00:00Z')[0]).toBe('2027-01-01T00:00:00.000Z');
});

test('what is excluded leaves the parts around it; whole hours are read as hours, ragged ends as minutes', () => {
  const minute = 60_000;
  const hour = 60 * minute;
  expect(without({ fromMs: 0, toMs: 10 * hour }, [{ fromMs: 2 * hour, toMs: 3 * hour }])).toEqual([
    { fromMs: 0, toMs: 2 * hour },
    { fromMs: 3 * hour, toMs: 10 * hour },
  ]);
  expect(without({ fromMs: 0, toMs: hour }, [{ fromMs: -hour, toMs: 2 * hour }])).toEqual([]);
  expect(pieces({ fromMs: 30 * minute, toMs: 3 * hour + minute })).toEqual({
    hours: [{ fromMs: hour, toMs: 3 * hour }],
    minutes: [
      { fromMs: 30 * minute, toMs: hour },
      { fromMs: 3 * hour, toMs: 3 * hour + minute },
    ],
  });
  expect(pieces({ fromMs: 10 * minute, toMs: 50 * minute })).toEqual({ hours: [], minutes: [{ fromMs: 10 * minute, toMs: 50 * minute }] });
});
