/** Muster's own events, as they stand in the catalogue. */
import { EVENT_TYPES } from '../../events/catalogue.ts';
import type { Connector } from './connector.ts';

export const muster: Connector = {
  name: 'muster',
  reads: 'events of the catalogue (schemas/events/)',
  tells: EVENT_TYPES,
  map: (record) => ({ kind: 'events', events: [record] }),
};
