/** Holds every answer of the API that a test gets by `fetch` to the schema that the OpenAPI document has for it, as it happens. */
import { type Validate, validator } from '@exodus/schemasafe';
import answers from '../../schemas/api/answers.json' with { type: 'json' };

interface Known {
  id: string;
  method: string;
  path: string;
  status: number;
}

const validates = new Map<string, Validate>();
const schemas: Record<string, object> = answers.properties;
const validateOf = (id: string): Validate => {
  const known =
    validates.get(id) ?? validator({ definitions: answers.definitions, ...schemas[id] } as never, { includeErrors: true, mode: 'lax' });
  validates.set(id, known);
  return known;
};

let routes: Promise<Known[]> | undefined;
/** Read when the first answer comes: most tests ask nothing. */
async function readRoutes(): Promise<Known[]> {
  const [{ API_ROUTES }, { PROCESS_ROUTES }] = await Promise.all([
    import('../../src/serve/routes/api.ts'),
    import('../../src/serve/openapi/process-routes.ts'),
  ]);
  const api = API_ROUTES.map(({ id, method, path, status = 200 }) => ({ id, method, path: `/api${path}`, status }));
  return [...PROCESS_ROUTES.map(({ id, method, path, status = 200 }) => ({ id, method, path, status })), ...api];
}

const fits = (pattern: string, path: string) => new RegExp(`^${pattern.replaceAll('.', '\\.').replace(/:\w+/g, '[^/]+')}$`).test(path);

/** Of the core: its answers by status, as zod checks them. */
async function assertAsCoreTold(method: string, path: string, response: Response): Promise<void> {
  const { CORE_ROUTES } = await import('../../src/serve/core/routes.ts');
  const route = CORE_ROUTES.find((each) => each.method === method && fits(`/core/v1${each.path}`, path));
  const told = route?.answers[response.status];
  if (!route || told?.[1] === 'image/png') return;
  if (!told) throw new Error(`${route.id} answered ${response.status}, of which its document does not tell`);
  const { error } = told[1].safeParse(await response.clone().json());
  if (error) throw new Error(`${route.id} answered what its schema does not say: ${error.message}`);
}

async function assertAsTold(method: string, path: string, response: Response): Promise<void> {
  routes ??= readRoutes();
  const route = (await routes).find((each) => each.method === method && fits(each.path, path));
  if (!route || !Object.hasOwn(schemas, route.id)) return;
  if (response.status !== route.status) throw new Error(`${route.id} answered ${response.status}; its document says ${route.status}`);
  if (!response.headers.get('content-type')?.startsWith('application/json')) return;
  const validate = validateOf(route.id);
  const body: unknown = await response.clone().json();
  if (!validate(body as never)) throw new Error(`${route.id} answered what its schema does not say: ${JSON.stringify(validate.errors)}`);
}

const original = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const response = await original(input, init);
  const url = new URL(input instanceof Request ? input.url : input);
  const method = (init?.method ?? (input instanceof Request ? input.method : 'GET')).toLowerCase();
  if (!response.ok) return response;
  if (/^\/(?:api|v1)\//.test(url.pathname)) await assertAsTold(method, url.pathname, response);
  if (url.pathname.startsWith('/core/v1/')) await assertAsCoreTold(method, url.pathname, response);
  return response;
};
