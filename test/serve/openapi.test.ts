/** The OpenAPI document: valid by its own standard, with every route and no other, and the core's bodies as they are checked. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { createGenerator } from 'ts-json-schema-generator';
import { expect, test } from 'vitest';
import answers from '../../schemas/api/answers.json' with { type: 'json' };
import { FACTOR_TYPES } from '../../src/core/factors/index.ts';
import { openApiDocument } from '../../src/serve/openapi/document.ts';
import { API_ROUTES } from '../../src/serve/routes/api.ts';
import { ROUTES } from '../support/routes.ts';

/** Of a content that says nothing of what it is. */
const isBare = ({ schema }: { schema?: object }) => schema === undefined || Object.keys(schema).length === 0;

const document = openApiDocument('0.1.0', API_ROUTES) as {
  paths: Record<
    string,
    Record<
      string,
      {
        operationId: string;
        responses: Record<string, { content?: Record<string, { schema?: object }> }>;
        security: object[];
        requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
      }
    >
  >;
};

test('is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect(errors).toBeUndefined();
  expect(valid).toBe(true);
});

test('has every route that is not a page, and asks for what the gate asks for', () => {
  const isPage = (method: string, path: string) =>
    method === 'GET' &&
    (path === '/' ||
      path === '/login' ||
      /^\/(?:overview|sources|incidents|findings|slos|attempts|dashboards|runbooks|enroll)(?:\/|$)/.test(path));
  const served = ROUTES.filter(({ method, path }) => !isPage(method, path));
  const told = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => {
      const scopes = security.flatMap((each) => ('key' in each ? (each.key as string[]) : [])).join('+');
      const access = security.length === 0 ? 'open' : scopes || 'any';
      return `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')} ${access}`;
    }),
  );
  expect(told.sort()).toEqual(served.map(({ method, path, access }) => `${method} ${path} ${access}`).sort());
});

test('says of each factor what its start takes', () => {
  const schema = document.paths['/core/v1/enrollments']?.post?.requestBody?.content['application/json']?.schema as {
    oneOf: { properties: Record<string, { const?: string }>; required: string[] }[];
  };
  const kinds = schema.oneOf.map(({ properties }) => properties.factor_type?.const);
  expect(kinds).toEqual(FACTOR_TYPES);
  expect(schema.oneOf[kinds.indexOf('sms')]?.required).toEqual(['factor_type', 'user', 'phone']);
});

test.each(['/core/v1/enrollments/{id}/verify', '/core/v1/factors/{factor}/verify'])('%s shows the proof of every factor', (path) => {
  const schema = document.paths[path]?.post?.requestBody?.content['application/json']?.schema as { anyOf: { description: string }[] };
  const told = schema.anyOf.flatMap(({ description }) => description.replace('of ', '').split(', '));
  expect(told.sort()).toEqual([...FACTOR_TYPES].sort());
});

test('every operation has a name of its own, and says what it answers', () => {
  const all = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  const ids = all.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(all.length);
  const bare = all.filter(({ responses }) => Object.values(responses).some(({ content }) => Object.values(content ?? {}).some(isBare)));
  expect(bare.map(({ operationId }) => operationId)).toEqual([]);
});

test('schemas of answers are those of the types that routes are held to', () => {
  const made = createGenerator({
    path: 'src/serve/routes/answers.ts',
    type: 'Answers',
    tsconfig: 'tsconfig.json',
    skipTypeCheck: true,
    topRef: false,
  }).createSchema('Answers');
  expect(answers, 'run npm run answers').toEqual(made);
});

test('examples name an SLO that there is', () => {
  const of = (slo?: string) => JSON.stringify(openApiDocument('0.1.0', API_ROUTES, slo));
  expect(of()).toContain('"example":"enrollment-success"');
  expect(of('eu-sign-up')).toContain('"example":"eu-sign-up"');
  expect(of('eu-sign-up')).toContain('"slo":"eu-sign-up"');
  expect(of('eu-sign-up')).not.toContain('"enrollment-success"');
});
