/** The registry of connectors: one file each, one line here. */
import { caep } from './caep.ts';
import { cloudevents } from './cloudevents.ts';
import type { Connector } from './connector.ts';
import { duo } from './duo.ts';
import { googleWorkspace } from './google-workspace.ts';
import { keycloak } from './keycloak.ts';
import { muster } from './muster.ts';
import { okta } from './okta.ts';
import { onelogin } from './onelogin.ts';

export const CONNECTORS: readonly Connector[] = [muster, cloudevents, okta, duo, googleWorkspace, keycloak, onelogin, caep];
