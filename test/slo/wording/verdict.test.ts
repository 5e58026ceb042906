/** The sentence that the Overview opens with. */
import { expect, test } from 'vitest';
import type { SloAlert, SloStatus } from '../../../src/slo/measure/status.ts';
import { stateOf, verdictOf } from '../../../src/slo/wording/verdict.ts';
import { healthyStatus } from '../../support/slo.ts';

const page: SloAlert = { severity: 'page', pair: '1', longWindow: '1h', shortWindow: '5m', state: 'inactive', since: null };
const ticket: SloAlert = { severity: 'ticket', pair: '3', longWindow: '1d', shortWindow: '2h', state: 'inactive', since: null };
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
      'Enrollment success burns its error budget 23.9× as fast as allowed over 1h, since 00:59 UTC on 2026-03-01; 4 % of it is left over 30d.',
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

test('burning on too few events, and a budget that is gone, are said', () => {
  const few: SloStatus = { ...healthy, alerts: [{ ...page, state: 'too_few' }] };
  expect(verdictOf([few, latency]).detail).toBe('enrollment-success: burning, but on too few events to judge.');
  expect(verdictOf([{ ...healthy, errorBudgetRemaining: -0.1 }]).headline).toBe(
    'Nothing fires, but enrollment-success has no error budget left.',
  );
});
