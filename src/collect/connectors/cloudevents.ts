/** CloudEvents 1.0 in JSON, as a broker or an archive keeps them. */

import { EVENT_TYPES } from '../../events/catalogue.ts';
import { fromStructured } from '../cloudevents.ts';
import type { Connector } from './connector.ts';

export const cloudevents: Connector = {
  name: 'cloudevents',
  reads: 'CloudEvents 1.0 in JSON whose data are fields of the catalogue',
  tells: EVENT_TYPES,
  map(record) {
    const event = fromStructured(record);
    return 'unreadable' in event ? { kind: 'rejected', message: event.unreadable } : { kind: 'events', events: [event.value] };
  },
};
