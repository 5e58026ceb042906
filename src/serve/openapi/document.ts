/** The OpenAPI document (3.1) of all that is served: the core and `/api` from their own tables, the rest from the list beside this file. */
import { z } from 'zod';
import { ERRORS } from '../../errors.ts';
import { type Access, accessOf } from '../access/routes.ts';
import type { CoreRoute } from '../core/route.ts';
import { CORE_ROUTES } from '../core/routes.ts';
import { problemBody } from '../problem.ts';
import type { ApiRoute } from '../routes/route.ts';
import { PROCESS_ROUTES, type ProcessRoute } from './process-routes.ts';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' });
  return rest;
};
const inBraces = (path: string) => path.replace(/:(\w+)/g, '{$1}');
const parametersOf = (path: string, examples: Readonly<Record<string, string>> = {}): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => {
    const example = examples[name];
    return { name, in: 'path', required: true, schema: { type: 'string' }, ...(example !== undefined && { example }) };
  });
/** Of a query: what its schema says of each. */
const queryOf = (query: z.ZodObject | undefined): Json[] =>
  Object.entries(query?.shape ?? {}).map(([name, each]) => {
    const { description, ...schema } = schemaOf(each as z.ZodType, 'input');
    return { name, in: 'query', ...(description !== undefined && { description }), schema };
  });

const PROBLEM = {
  description: 'a problem (RFC 9457)',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};
const IDEMPOTENCY = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'the same request with the same key has one effect, and the same answer for a day',
  schema: { type: 'string', maxLength: 255 },
};

/** The document. @param version of Muster @param url under which it is reached @param api every route under /api */
export function openApiDocument(version: string, url: string, api: readonly ApiRoute[]): Json {
  const paths: Record<string, Json> = {};
  const add = (method: string, path: string, operation: Json) => {
    paths[inBraces(path)] = { ...paths[inBraces(path)], [method]: operation };
  };
  for (const each of PROCESS_ROUTES) add(each.method, each.path, ofProcess(each));
  for (const each of api) add(each.method, `/api${each.path}`, ofApi(each));
  for (const each of CORE_ROUTES) add(each.method, `/core/v1${each.path}`, ofCore(each));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Muster',
      version,
      description: 'Observability and SLO analytics for MFA enrollment, with a reference enrollment core.',
    },
    servers: [{ url }],
    paths,
    components: {
      schemas: { Problem: { ...schemaOf(problemBody, 'output'), description: `Codes: ${Object.keys(ERRORS).join(', ')}` } },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'API key; asked for once keys are configured' },
        enrollmentToken: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'signed by the host application, for one enrollment',
        },
      },
    },
  };
}

function security(access: Access, takesToken = false): Json {
  if (access === 'open') return { security: [] };
  return { security: [{ key: access.split('+') }, ...(takesToken ? [{ enrollmentToken: [] }] : [])] };
}

const answered = (status: number, type: string): Json => ({
  [status]: { description: 'done', ...(status !== 204 && { content: { [type]: {} } }) },
  default: PROBLEM,
});

function ofProcess({ method, path, summary, body, answer = 'application/json', status = 200 }: ProcessRoute): Json {
  return {
    summary,
    tags: [path.startsWith('/v1') ? 'intake' : 'process'],
    ...security(accessOf(method.toUpperCase(), path)),
    ...(body && { requestBody: { content: { [body[0]]: { schema: {}, example: body[1] } } } }),
    responses: answered(status, answer),
  };
}

function ofApi({ path, access, summary, params, query, body, example, status = 200, sends = 'application/json' }: ApiRoute): Json {
  return {
    summary,
    tags: ['api'],
    ...security(access),
    parameters: [...parametersOf(path, params), ...queryOf(query)],
    ...(body && { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input'), example } } } }),
    responses: answered(status, sends),
  };
}

function ofCore({ method, path, id, summary, body, query, answers, takesToken }: CoreRoute): Json {
  const responses = Object.entries(answers).map(([status, [description, schema]]) => {
    const type = schema === 'image/png' ? schema : Number(status) >= 400 ? 'application/problem+json' : 'application/json';
    const content = schema === 'image/png' ? { schema: { type: 'string', format: 'binary' } } : { schema: schemaOf(schema, 'output') };
    return [status, { description, content: { [type]: content } }];
  });
  return {
    operationId: id,
    summary,
    tags: ['core'],
    ...security('core', takesToken),
    parameters: [...parametersOf(path), ...queryOf(query), ...(method === 'post' ? [IDEMPOTENCY] : [])],
    ...(body && { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: { ...Object.fromEntries(responses), default: PROBLEM },
  };
}
