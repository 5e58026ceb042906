/** The registry of connectors: one file each, one line here. */
import { auth0 } from './auth0.ts';
import { awsCloudtrail } from './aws-cloudtrail.ts';
import { caep } from './caep.ts';
import { cloudevents } from './cloudevents.ts';
import type { Connector } from './connector.ts';
import { duo } from './duo.ts';
import { entra } from './entra.ts';
import { googleWorkspace } from './google-workspace.ts';
import { keycloak } from './keycloak.ts';
import { muster } from './muster.ts';
import { okta } from './okta.ts';
import { onelogin } from './onelogin.ts';

export const CONNECTORS: readonly Connector[] = [
  muster,
  cloudevents,
  okta,
  entra,
  auth0,
  keycloak,
  duo,
  googleWorkspace,
  onelogin,
  awsCloudtrail,
  caep,
];
