/** OneLogin events, of its API and its webhooks: https://developers.onelogin.com/api-docs/1/events/event-resource */
import { at, type Connector, eventOf, ignored, type RecordMeaning, textAt } from './connector.ts';
import { factorNamed } from './factor-names.ts';
import { firstTime } from './product-time.ts';

/** By `event_type_id`: a factor registered or removed, an OTP device registered or deactivated. */
const MEANINGS: Readonly<Record<string, RecordMeaning['type']>> = {
  '22': 'enrollment.completed',
  '24': 'factor.revoked',
  '171': 'enrollment.completed',
  '172': 'factor.revoked',
};
export const onelogin: Connector = {
  name: 'onelogin',
  reads: 'events of the API or of webhooks',
  tells: ['enrollment.completed', 'factor.revoked'],
  map(record, context) {
    const id = textAt(record, 'event_type_id');
    const type = id !== undefined && Object.hasOwn(MEANINGS, id) ? MEANINGS[id] : undefined;
    if (type === undefined) return ignored(id === undefined ? undefined : `event type ${id}`);
    const factor = textAt(record, 'authentication_factor_description') ?? textAt(record, 'otp_device_name') ?? '';
    return eventOf(
      'onelogin',
      {
        type,
        user: textAt(record, 'user_name') ?? textAt(record, 'user_id'),
        actor: textAt(record, 'actor_user_name') ?? textAt(record, 'actor_user_id'),
        fields: {
          factor_type: factorNamed(factor),
          outcome: type === 'enrollment.completed' ? 'success' : undefined,
          ip: textAt(record, 'ipaddr'),
        },
      },
      {
        id: textAt(record, 'id') ?? textAt(record, 'uuid'),
        time: firstTime(at(record, 'created_at'), at(record, 'event_timestamp')),
        content: record,
      },
      context,
    );
  },
};
