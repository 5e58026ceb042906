/** The OpenAPI document (3.1) of all that is served: the core and `/api` from their own tables, the rest from the list beside this file. */
import { z } from 'zod';
import answers from '../../../schemas/api/answers.json' with { type: 'json' };
import { ERRORS } from '../../errors.ts';
import { eventSchema } from '../../events/catalogue.ts';
import { type Access, accessOf } from '../access/routes.ts';
import type { CoreRoute } from '../core/route.ts';
import { CORE_ROUTES } from '../core/routes.ts';
import { problemBody } from '../problem.ts';
import { type ApiRoute, EXAMPLE_SLO } from '../routes/route.ts';
import { PROCESS_ROUTES, type ProcessRoute } from './process-routes.ts';

type Json = Record<string, unknown>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
    override: ({ jsonSchema }) => void dropUnicodePatterns(jsonSchema),
  });
  return rest;
};
/** Generators of clients and of test data know no classes of Unicode: the server alone holds to such a pattern. */
function dropUnicodePatterns(schema: { pattern?: string; allOf?: { pattern?: string }[] }): void {
  const isUnicode = (pattern = '') => pattern.includes('\\p{');
  if (isUnicode(schema.pattern)) delete schema.pattern;
  if (schema.allOf) schema.allOf = schema.allOf.filter(({ pattern }) => !isUnicode(pattern));
  if (schema.allOf?.length === 0) delete schema.allOf;
}
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

const PROTOBUF = { 'application/x-protobuf': { schema: { type: 'string', contentMediaType: 'application/x-protobuf' } } };
/** What OTLP/HTTP has in the place of a problem (opentelemetry.io/docs/specs/otlp, Failures). */
const STATUS = {
  description: 'a Status of google.rpc, in the encoding of the request',
  content: {
    'application/json': { schema: { type: 'object', properties: { code: { type: 'integer' }, message: { type: 'string' } } } },
    ...PROTOBUF,
  },
};
/** What every guarded operation may answer beside its own. */
const refusals = (access: Access): Json => ({
  ...(access !== 'open' && { 401: { $ref: '#/components/responses/NoKey' }, 403: { $ref: '#/components/responses/LacksScope' } }),
  429: { $ref: '#/components/responses/TooMany' },
  503: { $ref: '#/components/responses/NotReady' },
});
const RETRY_AFTER = { 'Retry-After': { description: 'seconds', schema: { type: 'integer' } } };
const refused = (description: string, headers: Json = {}) => ({ ...PROBLEM, description, headers });
const RESPONSES = {
  NoKey: refused('a key is needed, and none or an unknown one was sent'),
  LacksScope: refused('the key may not do this'),
  TooMany: refused('more than the key, the address or the process may ask for just now', RETRY_AFTER),
  NotReady: refused('Muster starts, stops or is behind: send it again', RETRY_AFTER),
};

/** Schemas of answers, by `operationId` and by name; what is added to an answer later breaks no client. */
const ANSWERS = (() => {
  const text = JSON.stringify(answers)
    .replaceAll('#/definitions/', '#/components/schemas/')
    .replaceAll('"additionalProperties":false,', '');
  const { properties, definitions } = JSON.parse(text) as { properties: Record<string, Json>; definitions: Record<string, Json> };
  return { of: properties, named: definitions };
})();

/** The document. @param version of Muster @param api every route under /api @param slo one that there is, for examples */
export function openApiDocument(version: string, api: readonly ApiRoute[], slo: string = EXAMPLE_SLO): Json {
  const named = <T>(example: T): T =>
    example && JSON.parse(JSON.stringify(example), (_, value: unknown) => (value === EXAMPLE_SLO ? slo : value));
  const paths: Record<string, Json> = {};
  const add = (method: string, path: string, operation: Json) => {
    paths[inBraces(path)] = { ...paths[inBraces(path)], [method]: operation };
  };
  for (const each of PROCESS_ROUTES) add(each.method, each.path, ofProcess(each));
  for (const each of api)
    add(each.method, `/api${each.path}`, ofApi({ ...each, params: named(each.params ?? {}), example: named(each.example) }));
  for (const each of CORE_ROUTES) add(each.method, `/core/v1${each.path}`, ofCore(each));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Muster',
      version,
      description: 'Observability and SLO analytics for MFA enrollment, with a reference enrollment core.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: {
        ...ANSWERS.named,
        Event: schemaOf(eventSchema, 'input'),
        Problem: { ...schemaOf(problemBody, 'output'), description: `Codes: ${Object.keys(ERRORS).join(', ')}` },
      },
      responses: RESPONSES,
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
  return { security: [{ key: access === 'any' ? [] : access.split('+') }, ...(takesToken ? [{ enrollmentToken: [] }] : [])] };
}

/** @param others kinds of answers beside the one */
const answered = (id: string, status: number, type: string, others: Json = {}): Json => {
  const schema = ANSWERS.of[id] ?? (type === 'application/json' ? { type: 'object' } : { type: 'string' });
  const content = { [type]: { schema }, ...others };
  return { [status]: { description: 'done', ...(status !== 204 && { content }) }, default: PROBLEM };
};

function ofProcess(route: ProcessRoute): Json {
  const { id, method, path, summary, query, bodies, isOtlp, answer = 'application/json', status = 200 } = route;
  const access = accessOf(method.toUpperCase(), path);
  const refusal = isOtlp ? { default: STATUS } : refusals(access);
  return {
    operationId: id,
    summary,
    tags: [path.startsWith('/v1') ? 'intake' : 'process'],
    ...security(access),
    parameters: [...parametersOf(path), ...queryOf(query)],
    ...(bodies && {
      requestBody: { required: true, content: Object.fromEntries(bodies.map(({ type, ...content }) => [type, content])) },
    }),
    responses: { ...answered(id, status, answer, isOtlp && PROTOBUF), ...refusal },
  };
}

function ofApi({ id, path, access, summary, params, query, body, example, status = 200, sends = 'application/json' }: ApiRoute): Json {
  return {
    operationId: id,
    summary,
    tags: ['api'],
    ...security(access),
    parameters: [...parametersOf(path, params), ...queryOf(query)],
    ...(body && { requestBody: { content: { 'application/json': { schema: schemaOf(body, 'input'), example } } } }),
    responses: { ...answered(id, status, sends), ...refusals(access) },
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
    responses: { ...refusals('core'), ...Object.fromEntries(responses), default: PROBLEM },
  };
}
