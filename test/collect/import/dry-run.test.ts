/** What would become of records, and which of their fields it hangs on. */
import { expect, test } from 'vitest';
import { awsCloudtrail } from '../../../src/collect/connectors/aws-cloudtrail.ts';
import { entra } from '../../../src/collect/connectors/entra.ts';
import { becomesOf, explainRecord } from '../../../src/collect/import/dry-run.ts';

const NOW = Date.UTC(2026, 11, 1);
const context = { fingerprint: (text: string) => `f${text.length}` };
const enabled = {
  eventID: 'a-1',
  eventName: 'EnableMFADevice',
  eventTime: '2026-11-20T10:00:00Z',
  userIdentity: { type: 'IAMUser', userName: 'root' },
  requestParameters: { userName: 'ada', serialNumber: 'arn:aws:iam::1:mfa/phone' },
  awsRegion: 'eu-west-1',
  readOnly: false,
};

test.each<[unknown, object]>([
  [enabled, { becomes: 'accepted', events: [{ type: 'enrollment.completed', user: 'ada', actor: 'root' }] }],
  [{ eventName: 'ListUsers' }, { becomes: 'ignored', why: 'ListUsers' }],
  [
    { ...enabled, eventTime: 'soon' },
    { becomes: 'rejected', why: expect.stringContaining('"soon"') },
  ],
  [
    { ...enabled, eventTime: '2031-01-01T00:00:00Z' },
    { becomes: 'rejected', why: expect.stringContaining('time') },
  ],
])('%j', async (value, expected) => {
  expect(await becomesOf(awsCloudtrail, { line: 4, value }, context, NOW)).toMatchObject({ line: 4, ...expected });
});

test('each field of a record with what hangs on it', async () => {
  const { fields, isCut } = await explainRecord(awsCloudtrail, { line: 1, value: enabled }, context, NOW);
  const of = (path: string) => fields.find((each) => each.path === path);
  expect(of('eventID')).toMatchObject({ value: 'a-1', gives: ['id'], decides: false });
  expect(of('eventName')).toMatchObject({ decides: true });
  expect(of('requestParameters.userName')).toMatchObject({ gives: ['user', 'actor'], decides: false });
  expect(of('requestParameters.serialNumber')).toMatchObject({ gives: ['factor_type'] });
  expect(of('userIdentity.userName')).toMatchObject({ gives: ['actor'] });
  expect(of('awsRegion')).toMatchObject({ gives: ['region'] });
  expect(of('readOnly')).toMatchObject({ value: false, gives: [], decides: false });
  expect(isCut).toBe(false);
});

test('fields in lists, and those of attributes', async () => {
  const value = {
    id: 'x-1',
    activityDisplayName: 'Delete conditional access policy',
    activityDateTime: '2026-11-20T10:00:00Z',
    result: 'success',
    initiatedBy: { user: { userPrincipalName: 'root@example.org' } },
    targetResources: [{ type: 'Policy', displayName: 'All people' }],
  };
  const { fields } = await explainRecord(entra, { line: 1, value }, context, NOW);
  expect(fields.find(({ path }) => path === 'targetResources.0.displayName')).toMatchObject({ gives: ['attributes.scope'] });
});

test('a line that is no record says why', async () => {
  expect(await explainRecord(entra, { line: 2, unreadable: 'not valid JSON' }, context, NOW)).toEqual({
    whole: { line: 2, becomes: 'rejected', why: 'not valid JSON', events: [] },
    fields: [],
    isCut: false,
  });
});
