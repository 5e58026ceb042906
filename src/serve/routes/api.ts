/** `/api`: what the web UI and the commands use. Every route stands in one table, from which it is served, guarded, described and tried. */
import { Router } from 'express';
import type { Guarded } from '../access/routes.ts';
import { openApiDocument } from '../openapi/document.ts';
import { keyRoutes } from './access.ts';
import { figureRoutes } from './figures.ts';
import { incidentRoutes } from './incidents.ts';
import { operationRoutes } from './operations.ts';
import { peopleRoutes } from './people.ts';
import { type ApiDeps, type ApiRoute, apiRoute, served } from './route.ts';
import { sloRoutes } from './slo.ts';
import { vaultRoutes } from './vault.ts';

const documentRoute = apiRoute({
  id: 'getDocument',
  method: 'get',
  path: '/openapi.json',
  // Whoever has a key may read how it is used.
  access: 'any',
  summary: 'This document',
  work: ({ deps }) => openApiDocument(deps.version, API_ROUTES, deps.ready()?.slos[0]?.name),
});

/** Every route under `/api`. */
export const API_ROUTES: readonly ApiRoute[] = [
  ...figureRoutes,
  ...sloRoutes,
  ...incidentRoutes,
  ...operationRoutes,
  ...peopleRoutes,
  ...vaultRoutes,
  ...keyRoutes,
  documentRoute,
];

/** The router under `/api`. */
export function apiRoutes(deps: ApiDeps): Router {
  const router = Router();
  for (const route of API_ROUTES) router[route.method](route.path, ...served(route, deps));
  return router;
}

/** What the gate holds requests under `/api` to. */
export const API_ACCESS: readonly Guarded[] = API_ROUTES.map(({ method, path, access }) => ({ method, path: `/api${path}`, access }));
