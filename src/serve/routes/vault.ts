/** Routes of the core's key-encryption keys. */
import express, { Router } from 'express';
import { z } from 'zod';
import { MusterError } from '../../errors.ts';
import { parsed } from '../../system/parsed-body.ts';
import { actorOf } from '../access/gate.ts';
import type { Ready } from '../ready.ts';

export interface VaultStatus {
  /** Newest first: the first is in use. */
  keys: { id: string; createdAt: string }[];
}

export interface VaultRotation extends VaultStatus {
  /** Records that were sealed anew. */
  done: number;
  /** Those that changed meanwhile: they follow with the next change, or the next round. */
  left: number;
  /** Those that cannot be opened, by kind and id. */
  unreadable: string[];
}

export interface VaultControl {
  status(): VaultStatus;
  rotate(): Promise<VaultRotation>;
}

const body = z.strictObject({ actor: z.string().max(200).default('') });

/** State and rotation of the core's keys. */
export function vaultRoutes(ready: () => Ready, vault: () => VaultControl | undefined): Router {
  const router = Router();
  const opened = (): VaultControl => {
    const control = vault();
    if (control) return control;
    throw new MusterError('MUSTER_NOT_READY', 'the core is still starting; send this request again');
  };
  router.get('/vault', (_request, response) => {
    response.json(opened().status());
  });
  router.post('/vault/rotate', express.json({ limit: '16kb' }), async (request, response) => {
    const { actor } = parsed(body, request.body);
    await ready().people.audited(actorOf(response, actor), 'vault.rotate', 'key-encryption key');
    response.json(await opened().rotate());
  });
  return router;
}
