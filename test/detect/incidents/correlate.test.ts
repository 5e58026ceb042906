/** Incidents: which signs are of one cause, how an incident goes on, ends, and what people decide of it. Pure. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { correlate } from '../../../src/detect/incidents/correlate.ts';
import {
  acknowledged,
  assigned,
  calmed,
  dismissed,
  type Incident,
  merged,
  namingFlags,
  resolved,
  split,
  told,
} from '../../../src/detect/incidents/incident.ts';
import type { Signal } from '../../../src/detect/incidents/signal.ts';
import { heldBack } from '../../../src/detect/incidents/suppressions.ts';
import type { Told } from '../../../src/slo/evaluate/notifications.ts';

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 2, 4, 12);
const at = (minute: number) => NOON + minute * MINUTE;

const sign = (from: number, to: number, fields: Partial<Signal> = {}): Signal => ({
  source: 'flag',
  name: 'failures',
  of: 'failures',
  dimension: '',
  value: '',
  fromMs: at(from),
  knownMs: at(from + 2),
  toMs: at(to),
  isPage: false,
  ...fields,
});
const inRegion = (value: string) => ({ dimension: 'region', value });
const only = (incidents: readonly Incident[]): Incident => {
  expect(incidents).toHaveLength(1);
  return incidents[0] as Incident;
};

describe('signs of one cause', () => {
  test('one fault that shows in the whole and in six dimensions is one incident', () => {
    const places = ['region', 'provider', 'factor_type', 'deployment', 'segment', 'tenant'].map((dimension) => ({ dimension, value: 'x' }));
    const incident = only(correlate([], [sign(0, 20), ...places.map((place, i) => sign(i, 15 + i, place))], 7, at(21)));
    expect(incident).toMatchObject({ id: 'INC-7', status: 'open', severity: 'ticket', title: 'Attempts fail' });
    expect(incident.signals).toHaveLength(7);
    expect([incident.startMs, incident.detectedMs, incident.lastSignMs]).toEqual([at(0), at(2), at(20)]);
  });

  test('two regions alone are two, and one as soon as something joins them', () => {
    const [eu, us] = [sign(0, 10, inRegion('eu')), sign(1, 12, inRegion('us'))];
    const two = correlate([], [eu, us], 1, at(13));
    expect(two.map(({ id, title }) => [id, title])).toEqual([
      ['INC-1', 'Attempts fail: region eu'],
      ['INC-2', 'Attempts fail: region us'],
    ]);
    const [stays, gone] = correlate(two, [sign(5, 12, { dimension: 'provider', value: 'sms' })], 3, at(13)).sort((a, b) =>
      a.id < b.id ? -1 : 1,
    );
    expect(stays).toMatchObject({ id: 'INC-1', status: 'open' });
    expect(stays?.signals).toHaveLength(3);
    expect(gone).toMatchObject({ id: 'INC-2', status: 'merged', mergedInto: 'INC-1' });
  });

  test('when it began is said by its first signs, not by a quiet series that saw something hours before', () => {
    const quiet = { ...sign(-200, 10, { dimension: 'tenant', value: 'north' }), knownMs: at(1) };
    expect(only(correlate([], [quiet, sign(0, 10), sign(1, 10, inRegion('eu'))], 1, at(11))).startMs).toBe(at(0));
    expect(only(correlate([], [quiet], 1, at(11))).startMs).toBe(at(-200));
  });

  test('an hour apart is near, more is another one', () => {
    expect(correlate([], [sign(0, 10), sign(68, 80)], 1, at(81))).toHaveLength(1);
    expect(correlate([], [sign(0, 10), sign(69, 80)], 1, at(81))).toHaveLength(2);
  });

  test('a page of a budget and a finding are in it, and make it a page', () => {
    const page = sign(3, 20, { source: 'alert', name: 'enrollment-success', of: 'page', isPage: true });
    const finding = sign(4, 20, {
      source: 'finding',
      name: 'provider_outage',
      of: '',
      dimension: 'provider',
      value: 'sms',
      finding: 'f-1',
    });
    expect(only(correlate([], [sign(0, 20), page, finding], 1, at(21)))).toMatchObject({ severity: 'page' });
  });

  test('the same sign, seen again, is one sign that is longer', () => {
    const first = correlate([], [sign(0, 5, inRegion('eu'))], 1, at(6));
    const next = only(correlate(first, [sign(6, 9, inRegion('eu'))], 2, at(10)));
    expect(next.signals).toEqual([sign(0, 9, inRegion('eu'))]);
    expect(next.lastSignMs).toBe(at(9));
  });

  test('in whatever order signs come, it is the same incident', () => {
    const signs = [
      sign(0, 20),
      sign(2, 9, inRegion('eu')),
      sign(3, 9, inRegion('us')),
      sign(5, 30, { dimension: 'provider', value: 'sms' }),
    ];
    const expected = only(correlate([], signs, 1, at(31)));
    fc.assert(
      fc.property(fc.shuffledSubarray(signs, { minLength: signs.length }), (shuffled) => {
        expect(only(correlate([], shuffled, 1, at(31)))).toEqual(expected);
      }),
    );
  });
});

describe('the end', () => {
  const [open] = correlate([], [sign(0, 10)], 1, at(11)) as [Incident];

  test('comes an hour after the last sign, and says when the signs ended', () => {
    expect(calmed(open, at(69))).toBeUndefined();
    expect(only(correlate([open], [], 2, at(70)))).toMatchObject({ status: 'resolved', mitigatedMs: at(10), endMs: at(10) });
  });

  test('does not come by the clock alone: what was not judged yet may hold more signs', () => {
    expect(correlate([open], [], 2, at(90), at(69))).toEqual([]);
    expect(only(correlate([open], [], 2, at(90), at(70)))).toMatchObject({ status: 'resolved' });
  });

  test('that somebody says: what began before still belongs to it, what begins later does not', () => {
    const over = resolved(open, at(12));
    expect(over).toMatchObject({ status: 'resolved', endMs: at(12), mitigatedMs: at(10) });
    expect(only(correlate([over], [sign(11, 14)], 2, at(15)))).toMatchObject({ id: 'INC-1', status: 'resolved' });
    expect(only(correlate([over], [sign(50, 60)], 2, at(61)))).toMatchObject({ id: 'INC-2', status: 'open' });
    // A page that begins three minutes later is no part of what is over.
    expect(only(correlate([over], [sign(15, 20, { isPage: true })], 2, at(21)))).toMatchObject({
      id: 'INC-2',
      severity: 'page',
      status: 'open',
    });
  });
});

describe('what people decide', () => {
  const [open] = correlate([], [sign(0, 10)], 1, at(11)) as [Incident];
  const [other] = correlate([], [sign(0, 10, { ...inRegion('eu'), isPage: true })], 2, at(11)) as [Incident];

  test('is taken once: the second is told what the first did', () => {
    const taken = acknowledged(open, at(12));
    expect(taken).toMatchObject({ status: 'acknowledged', acknowledgedMs: at(12) });
    expect(() => acknowledged(taken, at(12))).toThrow('INC-1 cannot be acknowledged: it is acknowledged');
    const hers = assigned(taken, 'ada', at(13));
    expect(hers).toMatchObject({ assignee: 'ada', acknowledgedMs: at(12) });
    expect(() => acknowledged(hers, at(14))).toThrow('it is acknowledged, with ada');
    expect(assigned(hers, 'bob', at(15)).assignee).toBe('bob');
    expect(() => resolved(resolved(open, at(12)), at(13))).toThrow('it is resolved');
  });

  test('a dismissed one takes its signs in silence', () => {
    const none = dismissed(open, at(12));
    expect(() => dismissed(none, at(13))).toThrow('it is dismissed');
    const later = only(correlate([none], [sign(11, 40)], 2, at(41)));
    expect(later).toMatchObject({ id: 'INC-1', status: 'dismissed' });
    // For as long as they go on.
    expect(only(correlate([later], [sign(60, 80)], 2, at(81)))).toMatchObject({ id: 'INC-1', status: 'dismissed' });
  });

  test('what pages, or comes from elsewhere, after one was dismissed is another one', () => {
    const none = dismissed(open, at(12));
    expect(only(correlate([none], [sign(20, 30, { isPage: true })], 2, at(31)))).toMatchObject({ id: 'INC-2', severity: 'page' });
    expect(only(correlate([none], [sign(20, 30, { dimension: 'provider', value: 'sms' })], 2, at(31))).id).toBe('INC-2');
  });

  test('of two that are merged one stays, with the signs and the severity of both', () => {
    const { stays, gone } = merged(open, other);
    expect(stays).toMatchObject({ id: 'INC-2', severity: 'page' });
    expect(stays.signals).toHaveLength(2);
    expect(gone).toMatchObject({ id: 'INC-1', status: 'merged', mergedInto: 'INC-2' });
    expect(() => merged(open, open)).toThrow('no duplicate of itself');
    expect(() => merged(gone, other)).toThrow('it is merged into INC-2');
  });
});

describe('what somebody was told of', () => {
  const open = only(correlate([], [sign(0, 10)], 1, at(11)));
  const finding = sign(4, 4, { source: 'finding', name: 'anomaly', of: '', finding: 'f-1', incident: 'INC-1', isPage: true });
  const of = (minute: number, what: Partial<Told>): Told => ({ slo: '', finding: '', incident: '', atMs: at(minute), ...what });

  test('is said of the incident by its alert, by a finding, or by a budget of it; the first counts', () => {
    const page = sign(3, 20, { source: 'alert', name: 'enrollment-success', of: 'page' });
    const incident = only(correlate([open], [page, finding], 2, at(11)));
    expect(told(incident, [of(9, { slo: 'enrollment-success' }), of(8, { finding: 'f-1' })]).notifiedMs).toBe(at(8));
    expect(told(incident, [of(7, { incident: 'INC-1' })]).notifiedMs).toBe(at(7));
    const others = [of(5, { incident: 'INC-2' }), of(5, { slo: 'time-to-enroll' }), of(5, { finding: 'f-2' }), of(5, {})];
    expect(told(incident, others)).toBe(incident);
    expect(told({ ...incident, notifiedMs: at(4) }, [of(2, { incident: 'INC-1' })]).notifiedMs).toBe(at(4));
  });

  test('the finding that tells of an incident is in that one, does not make it last, and begins none', () => {
    const [next] = correlate([open], [finding], 2, at(11));
    expect(next).toMatchObject({ id: 'INC-1', lastSignMs: open.lastSignMs, severity: 'page' });
    expect(correlate([], [finding], 2, at(11))).toEqual([]);
    expect(correlate([{ ...open, id: 'INC-5' }], [finding], 6, at(11))).toEqual([]);
  });
});

describe('a split', () => {
  const provider = { dimension: 'provider', value: 'sms' };
  const signs = [sign(0, 10), sign(0, 10, inRegion('eu')), sign(1, 12, { ...provider, isPage: true })];
  const whole = only(correlate([], signs, 1, at(13)));

  test('takes one place out, and what is seen later goes where it belongs', () => {
    const { stays, apart } = split(whole, provider, 2);
    expect(stays).toMatchObject({ id: 'INC-1', severity: 'ticket', signals: [{ dimension: '' }, inRegion('eu')] });
    expect(apart).toMatchObject({ id: 'INC-2', severity: 'page', signals: [provider], status: 'open' });
    const later = correlate([stays, apart], [sign(13, 20, provider), sign(13, 20), sign(13, 20, inRegion('eu'))], 3, at(21));
    expect(later.map(({ id, signals }) => [id, signals.map(({ dimension }) => dimension).sort()]).sort()).toEqual([
      ['INC-1', ['', 'region']],
      ['INC-2', ['provider']],
    ]);
    // And comes together again by somebody's word.
    const together = merged(apart, stays).stays;
    expect(only(correlate([together], [sign(13, 20, provider)], 3, at(21)))).toMatchObject({ id: 'INC-1' });
  });

  test('is refused where nothing is, where nothing would stay, and of what is over', () => {
    expect(() => split(whole, inRegion('us'), 2)).toThrow('INC-1 has no sign of region=us');
    expect(() => split(only(correlate([], [sign(0, 10, provider)], 1, at(13))), provider, 2)).toThrow('nothing would stay');
    expect(() => split(resolved(whole, at(20)), provider, 2)).toThrow('cannot be split: it is resolved');
  });
});

describe('what is held back', () => {
  const suppression = {
    detector: 'failures',
    metric: 'failures',
    ...inRegion('eu'),
    reason: '',
    sinceMs: at(0),
    untilMs: at(9_999),
    heldBack: 0,
  };

  test('begins no incident, and joins one', () => {
    const held = heldBack([sign(5, 10, inRegion('eu'))], [suppression]);
    expect(correlate([], held, 1, at(11))).toEqual([]);
    expect(only(correlate([], [...held, sign(5, 10)], 1, at(11))).signals).toHaveLength(2);
  });

  test('is no longer held back once its time is over', () => {
    const [held, free] = [6, 7].map((minute) => heldBack([sign(5, 10, inRegion('eu'))], [{ ...suppression, untilMs: at(minute + 1) }])[0]);
    expect([held?.isHeldBack, free?.isHeldBack]).toEqual([undefined, true]);
  });

  test('is no other value, nothing that pages, and nothing that was known before', () => {
    const signs = [
      sign(5, 10, inRegion('us')),
      sign(5, 10, { ...inRegion('eu'), isPage: true }),
      sign(-9, 10, inRegion('eu')),
      sign(5, 10),
    ];
    for (const each of heldBack(signs, [suppression])) expect(each.isHeldBack).toBeUndefined();
  });
});

describe('the rest of an incident, which a quiet series says when it is over', () => {
  const over = only(correlate([], [sign(0, 40)], 1, at(105)));
  const late = (to: number, fields: Partial<Signal> = {}) => sign(10, to, { ...inRegion('eu'), knownMs: at(140), ...fields });

  test('joins it, and opens nothing', () => {
    expect(over.status).toBe('resolved');
    const [next] = correlate([over], [late(142)], 2, at(143));
    expect(next).toMatchObject({ id: 'INC-1', status: 'resolved', endMs: over.endMs });
  });

  test('is none once it goes on, where it pages, and where it began later', () => {
    const [joined] = correlate([over], [late(142)], 2, at(143));
    const begins = (signal: Signal, known: Incident | undefined = over) => only(correlate(known ? [known] : [], [signal], 2, at(160))).id;
    expect(begins({ ...late(156), knownMs: at(154) }, joined)).toBe('INC-2');
    expect(begins(late(142, { isPage: true }))).toBe('INC-2');
    expect(begins(late(142, { fromMs: at(100) }))).toBe('INC-2');
  });
});

test('it is called after what says most, and shown by the series of those flags', () => {
  const flags = [sign(0, 5, { name: 'level_shift' }), sign(1, 5, inRegion('eu')), sign(2, 5)];
  expect(namingFlags(flags).map(({ name, dimension }) => [name, dimension])).toEqual([
    ['failures', 'region'],
    ['failures', ''],
  ]);
  expect(namingFlags([...flags, sign(3, 5, { name: 'feed_silence', of: 'starts' })]).map(({ name }) => name)).toEqual(['feed_silence']);
  expect(namingFlags([])).toEqual([]);
});
