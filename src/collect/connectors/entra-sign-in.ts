/** Sign-ins of Microsoft Entra that say something of second factors: https://learn.microsoft.com/graph/api/resources/signin */
import { at, cut, listAt, objectOrJson, type RecordMeaning, textAt } from './connector.ts';
import { factorNamed } from './factor-names.ts';

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const CHALLENGE_FAILED = 500_121;
const ACCOUNT_LOCKED = 50_053;
/** Why a challenge failed, by what the product adds; the first that fits. */
const REASONS: readonly [RegExp, string][] = [
  [/fraud/i, 'fraud'],
  [/number|entropy/i, 'number_mismatch'],
  [/duplicate|already used|replay/i, 'replayed'],
  [/blocked|locked|limit/i, 'locked'],
  [/invalid|incorrect|wrong|verification code/i, 'wrong_code'],
  [/did not respond|no response|timed? ?out|unreachable|expired|no answer/i, 'unanswered'],
  [/declined|denied|rejected/i, 'denied'],
];
const RISKS: Readonly<Record<string, number>> = { low: 0.3, medium: 0.6, high: 0.9 };

/** What a sign-in means; `nothing` where it is one and says nothing of ours; undefined for other records. */
export function signInMeaning(body: unknown, around: unknown): RecordMeaning | 'nothing' | undefined {
  const category = textAt(around, 'category') ?? textAt(around, 'Type') ?? '';
  const isSignIn =
    /sign-?in/i.test(category) || textAt(around, 'operationName') === 'Sign-in activity' || at(body, 'createdDateTime') !== undefined;
  if (!isSignIn || at(body, 'activityDateTime') !== undefined) return undefined;
  const status = objectOrJson(at(body, 'status'));
  const code = Number(textAt(status, 'errorCode') ?? textAt(around, 'resultType') ?? Number.NaN);
  const user = textAt(body, 'userPrincipalName') ?? textAt(body, 'userId');
  const country = textAt(objectOrJson(at(body, 'location')), 'countryOrRegion');
  const where = {
    ip: textAt(body, 'ipAddress') ?? textAt(around, 'callerIpAddress'),
    country: country !== undefined && /^[A-Z]{2}$/.test(country) ? country : undefined,
    user_agent: textAt(body, 'userAgent')?.slice(0, 1_024),
    risk_score: RISKS[textAt(body, 'riskLevelDuringSignIn')?.toLowerCase() ?? ''],
    tenant: textAt(around, 'tenantId')?.slice(0, 64),
  };
  const said = [textAt(status, 'additionalDetails'), textAt(status, 'failureReason')].filter((text) => text !== undefined).join(' ');
  if (code === CHALLENGE_FAILED) {
    const reason = REASONS.find(([pattern]) => pattern.test(said))?.[1];
    const steps = listAt(body, 'authenticationDetails').map((step) => textAt(step, 'authenticationMethod') ?? '');
    const factor_type = factorNamed([textAt(body, 'mfaDetail', 'authMethod') ?? '', ...steps].join(' '));
    return { type: 'challenge.denied', user, fields: { ...where, outcome: 'denied', reason, factor_type, error_code: String(code) } };
  }
  if (code === ACCOUNT_LOCKED) return { type: 'access.blocked', user, fields: { ...where, outcome: 'denied', reason: cut(said) } };
  return 'nothing';
}
