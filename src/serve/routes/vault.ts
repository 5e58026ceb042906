/** `/api/vault`: the core's key-encryption keys. */
import { MusterError } from '../../errors.ts';
import { ACTOR, type ApiDeps, apiRoute, byActor } from './route.ts';
import type { VaultControl } from './vault-control.ts';

function opened({ vault }: ApiDeps): VaultControl {
  const control = vault();
  if (control) return control;
  throw new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
}

/** State and rotation of the core's keys. */
export const vaultRoutes = [
  apiRoute({
    id: 'getVault',
    method: 'get',
    path: '/vault',
    access: 'read',
    summary: 'The key-encryption keys of the core',
    work: ({ deps }) => opened(deps).status(),
  }),
  apiRoute({
    id: 'rotateVault',
    method: 'post',
    path: '/vault/rotate',
    access: 'admin',
    summary: 'Makes a new one, and seals everything under it',
    body: byActor,
    example: ACTOR,
    async work({ deps, ready, actor, body }) {
      await ready().people.audited(actor(body.actor), 'vault.rotate', 'key-encryption key');
      return opened(deps).rotate();
    },
  }),
];
