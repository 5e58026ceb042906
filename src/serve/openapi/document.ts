/** The OpenAPI document (3.1) of all that is served: the core from its own route table, the rest from the list beside this file. */
import { z } from 'zod';
import { ERRORS } from '../../errors.ts';
import { accessOf } from '../access/routes.ts';
import type { CoreRoute } from '../core/route.ts';
import { CORE_ROUTES } from '../core/routes.ts';
import { problemBody } from '../problem.ts';
import { DESCRIBED, type Described } from './api.ts';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { target: 'draft-2020-12', io, unrepresentable: 'any' });
  return rest;
};
const inBraces = (path: string) => path.replace(/:(\w+)/g, '{$1}');
const parametersOf = (path: string): Json[] =>
  [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));

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

/** The document. @param version of Muster @param url under which it is reached */
export function openApiDocument(version: string, url: string): Json {
  const paths: Record<string, Json> = {};
  const add = (method: string, path: string, operation: Json) => {
    paths[inBraces(path)] = { ...paths[inBraces(path)], [method]: operation };
  };
  for (const each of DESCRIBED) add(each.method, each.path, described(each));
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

function security(method: string, path: string, takesToken = false): Json {
  const access = accessOf(method.toUpperCase(), path.replace(/:\w+/g, 'x'));
  if (access === 'open') return { security: [] };
  return { security: [{ key: [access] }, ...(takesToken ? [{ enrollmentToken: [] }] : [])] };
}

function described({ method, path, summary, query = {}, body, answer = 'application/json', status = 200 }: Described): Json {
  return {
    summary,
    tags: [path.startsWith('/api') ? 'api' : path.startsWith('/v1') ? 'intake' : 'process'],
    ...security(method, path),
    parameters: [
      ...parametersOf(path),
      ...Object.entries(query).map(([name, description]) => ({ name, in: 'query', description, schema: { type: 'string' } })),
    ],
    ...(body && { requestBody: { content: { [body[0]]: { schema: {}, example: body[1] } } } }),
    responses: { [status]: { description: 'done', ...(status !== 204 && { content: { [answer]: {} } }) }, default: PROBLEM },
  };
}

function ofCore({ method, path, id, summary, body, query, answers, takesToken }: CoreRoute): Json {
  const asked = Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    schema: schemaOf(schema as z.ZodType, 'input'),
  }));
  const responses = Object.entries(answers).map(([status, [description, schema]]) => {
    const type = schema === 'image/png' ? schema : Number(status) >= 400 ? 'application/problem+json' : 'application/json';
    const content = schema === 'image/png' ? { schema: { type: 'string', format: 'binary' } } : { schema: schemaOf(schema, 'output') };
    return [status, { description, content: { [type]: content } }];
  });
  return {
    operationId: id,
    summary,
    tags: ['core'],
    ...security(method, `/core/v1${path}`, takesToken),
    parameters: [...parametersOf(path), ...asked, ...(method === 'post' ? [IDEMPOTENCY] : [])],
    ...(body && { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input') } } } }),
    responses: { ...Object.fromEntries(responses), default: PROBLEM },
  };
}
