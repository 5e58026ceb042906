/** Muster's own events, as they stand in the catalogue. */
import type { Connector } from './connector.ts';

export const muster: Connector = {
  name: 'muster',
  reads: 'events of the catalogue (schemas/events/)',
  map: (record) => ({ kind: 'events', events: [record] }),
};
