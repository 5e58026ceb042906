/** The OpenAPI document: valid by its own standard, with every route and no other, and the core's bodies as they are checked. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { FACTOR_TYPES } from '../../src/core/factors/index.ts';
import { openApiDocument } from '../../src/serve/openapi/document.ts';
import { API_ROUTES } from '../../src/serve/routes/api.ts';
import { ROUTES } from '../support/routes.ts';

const document = openApiDocument('0.1.0', 'http://localhost:8686', API_ROUTES) as {
  paths: Record<
    string,
    Record<string, { security: object[]; requestBody?: { content: Record<string, { schema: Record<string, unknown> }> } }>
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
    (path === '/' || path === '/login' || /^\/(?:overview|slos|attempts|dashboards|runbooks|enroll)(?:\/|$)/.test(path));
  const served = ROUTES.filter(({ method, path }) => !isPage(method, path));
  const told = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { security }]) => {
      const access = security.flatMap((each) => ('key' in each ? (each.key as string[]) : [])).join('+') || 'open';
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
