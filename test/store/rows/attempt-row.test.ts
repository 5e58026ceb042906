/** What an attempt keeps of its events comes back from its row as it was, and a table of an older version gets the columns it lacks. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addColumns } from '../../../src/store/engine/ddl.ts';
import { FLAGS, LABELS } from '../../../src/store/rows/attempt-facts.ts';
import { FACT_COLUMNS, fromRow, ROW_COLUMN_NAMES, type StateRow, toRow } from '../../../src/store/rows/attempt-row.ts';
import { ATTEMPT, type AttemptState, absorb, join, settle } from '../../../src/store/rows/attempt-state.ts';
import { type COLUMN, EVENT_COLUMN_NAMES, EVENT_COLUMNS, type EventRow } from '../../../src/store/rows/event-row.ts';
import { testServices } from '../../support/store.ts';

const NAME = { source: 'app', attemptId: 'one' };
const rowOf = (fields: Partial<Record<keyof typeof COLUMN, EventRow[number]>>): EventRow =>
  EVENT_COLUMN_NAMES.map((name) => fields[name] ?? (EVENT_COLUMNS[name].includes('String') ? '' : null));

const word = fc.constantFrom('', 'a', 'b');
const event = fc
  .record({
    type: fc.constantFrom(
      'enrollment.started',
      'enrollment.completed',
      'enrollment.failed',
      'enrollment.expired',
      'provider.request',
      'provider.fallback',
      'ux.abandoned',
      'api.request',
    ),
    time: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_900_000 }),
    operation: fc.constantFrom('start', 'verify'),
    http_status: fc.constantFrom(null, 201, 429, 503),
    error_class: fc.constantFrom('', 'provider', 'internal'),
    error_code: word,
    outcome: fc.constantFrom('', 'denied'),
    risk_score: fc.constantFrom(null, 0.2, 0.9),
    assisted: fc.constantFrom(null, true),
    expires_at: fc.option(fc.integer({ min: 1_700_000_100_000, max: 1_700_001_000_000 })),
    traffic: fc.constantFrom('', 'user', 'bot'),
    ...Object.fromEntries(LABELS.map((label) => [label, word])),
  })
  .map((fields) => rowOf({ ...fields, source: 'app', attempt_id: 'one' }));

const stateOf = (events: readonly EventRow[]) =>
  events.reduce<AttemptState | undefined>((state, each) => absorb(state, each, NAME, ATTEMPT), undefined) as AttemptState;
const stored = (state: AttemptState): StateRow => {
  const cells = JSON.parse(toRow('1', state, settle(state, { otherwise: 600_000, byFactor: {} }), 1)) as unknown[];
  return Object.fromEntries(ROW_COLUMN_NAMES.split(', ').map((name, index) => [name, cells[index]])) as StateRow;
};

test('a state comes back from its row as it was', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 12 }), (events) => {
      const state = stateOf(events);
      expect(fromRow(stored(state))).toEqual(state);
    }),
  );
});

test('two parts of the events join to the state of all of them', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 8 }), fc.array(event, { minLength: 1, maxLength: 8 }), (some, others) => {
      expect(join(stateOf(some), stateOf(others))).toEqual(stateOf([...others, ...some]));
    }),
  );
});

test('a table that lacks columns of facts gets them, once', async () => {
  const services = await testServices();
  const session = services.store.engine.session('load');
  const columnsOf = async () =>
    (
      await session.rows<{ name: string }>(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'recovery_states' ORDER BY name",
      )
    ).map(({ name }) => name);
  const before = await columnsOf();
  expect(before).toEqual(expect.arrayContaining([...LABELS, ...Object.keys(FLAGS)]));
  await addColumns(session, 'recovery_states', { ...FACT_COLUMNS, escalated: 'UInt8' });
  await addColumns(session, 'recovery_states', { ...FACT_COLUMNS, escalated: 'UInt8' });
  expect(await columnsOf()).toEqual([...before, 'escalated'].sort());
  await services.dispose();
});
