/** The sentence that the Overview opens with. */
import { expect, test } from 'vitest';
import type { SloAlert, SloStatus } from '../../../src/slo/measure/status.ts';
import { stateOf, verdictOf } from '../../../src/slo/wording/verdict.ts';
import { healthyStatus } from '../../support/slo.ts';

const quiet = { state: 'inactive', since: null, firedAt: null, evidence: { bad: 0, usersBad: 0 }, ends: null } as const;
const page: SloAlert = { severity: 'page', pair: '1', longWindow: '1h', shortWindow: '5m', ...quiet };
const ticket: SloAlert = { severity: 'ticket', pair: '3', longWindow: '1d', shortWindow: '2h', ...quiet };
const healthy: SloStatus = { ...healthyStatus, alerts: [page, ticket] };
const latency: SloStatus = { ...healthy, slo: 'api-latency', sli: 'M6', title: 'API latency' };

test('a page beside the burn rates leads where no SLO pages, and is named where one does', () => {
  const outage = {
    severity: 'page' as const,
    summary: 'sms-aurora fails in eu-west: 9 of 10 requests failed',
    meaning: 'A provider fails.',
  };
  expect(verdictOf([healthy, latency], [outage])).toEqual({ headline: `${outage.summary}.`, detail: 'A provider fails.' });
  const paging = { ...healthy, alerts: [{ ...page, state: 'firing' as const, since: '2026-03-01T00:59:00.000Z' }] };
  const both = verdictOf([paging], [outage]);
  expect(both.headline).toBe('enrollment-success pages.');
  expect(both.detail).toContain(outage.summary);
  expect(verdictOf([paging], [{ ...outage, severity: 'ticket' }]).headline).toBe('enrollment-success pages.');
});

test('says what pages, how fast it burns, since when, and what is left', () => {
  const alerts: SloAlert[] = [
    { ...page, state: 'firing', since: '2026-03-01T00:59:00.000Z' },
    { ...ticket, state: 'firing', since: '2026-03-01T00:40:00.000Z' },
  ];
  const paging = { ...healthy, errorBudgetRemaining: 0.042, burnRates: { ...healthy.burnRates, '1h': 23.91 }, alerts };
  expect(verdictOf([paging, latency])).toEqual({
    headline: 'enrollment-success pages.',
    detail:
      'Enrollment success burns its error budget 23.9× as fast as allowed over 1h; 4 % of it is left over 30d. It burns since 00:59 UTC on 2026-03-01.',
  });
  expect(stateOf(paging)).toEqual({ state: 'page', since: '2026-03-01T00:59:00.000Z', pair: '1' });
});

test('a ticket is no page, and several are named together', () => {
  const alerts: SloAlert[] = [page, { ...ticket, state: 'firing', since: '2026-03-01T00:40:00.000Z' }];
  const tickets = [healthy, latency].map((status) => ({ ...status, alerts }));
  expect(verdictOf(tickets).headline).toBe('enrollment-success and api-latency have a ticket.');
});

test('quiet is only said of what has data', () => {
  expect(verdictOf([healthy, latency])).toEqual({ headline: 'Nothing fires.', detail: 'Every objective is met over its window.' });
  const silent = { ...latency, good: 0, total: 0, errorBudgetRemaining: null };
  expect(verdictOf([healthy, silent]).detail).toBe('Every objective with data is met over its window. api-latency: no data.');
  expect(verdictOf([{ ...healthy, total: 0 }]).headline).toBe('No events yet.');
});

test('a page says when it fired, what leads, and what it waits for once it no longer burns', () => {
  const fired: SloAlert = { ...page, state: 'firing', since: '2026-03-01T23:40:00.000Z', firedAt: '2026-03-01T23:57:00.000Z' };
  const cause = { dimension: 'provider', values: ['sms-aurora'], share: 0.9, bad: 50, total: 60 };
  const ends = { since: '2026-03-02T00:30:00.000Z', needed: 20, seen: 7, atMost: '2026-03-02T12:30:00.000Z' };
  const said = (alert: SloAlert) => verdictOf([{ ...healthy, alerts: [alert] }], [], new Map([['enrollment-success', cause]])).detail;
  expect(said(fired)).toContain(
    'It burns since 23:40 UTC on 2026-03-01, fired at 23:57. Leading: provider sms-aurora accounts for 90 % of the excess failures (50 of 60 failed).',
  );
  expect(said({ ...fired, ends })).toContain(
    'It burned since 23:40 UTC on 2026-03-01, fired at 23:57; stopped at 00:30 UTC on 2026-03-02, and waits for 20 attempts to show it (7 so far); ends by 12:30 UTC on 2026-03-02 at the latest if nothing fails any more.',
  );
  expect(said({ ...fired, ends: { ...ends, needed: null, seen: null } })).toContain('nothing is seen since 00:30');
});

test('burning on too few events, and an objective that is missed, are said, and are no health', () => {
  const few: SloStatus = { ...healthy, alerts: [{ ...page, state: 'too_few' }] };
  expect(verdictOf([few, latency]).detail).toBe('enrollment-success: burning, but on too few events to judge.');
  const missed: SloStatus = { ...healthy, good: 970, total: 1_000, errorBudgetRemaining: -0.5 };
  expect(verdictOf([missed]).headline).toBe('Nothing fires, but enrollment-success misses its objective.');
  expect(stateOf(missed).state).toBe('missed');
  // One of three at 98 % is 16 times what is allowed, and says nothing.
  const first: SloStatus = { ...healthy, good: 2, total: 3, errorBudgetRemaining: 1 - 1 / 3 / 0.02 };
  expect(stateOf(first).state).toBe('too_few');
  expect(verdictOf([first]).detail).toBe('enrollment-success: too few events to judge the objective by.');
});
