/** Problems as RFC 9457 has them: one type, title and status for each code, and members beside them that take nobody's place. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS, type ErrorCode, MusterError } from '../../src/errors.ts';
import { problemOf } from '../../src/serve/problem.ts';
import { have, pathOf } from '../support/counterparts.ts';

const problem = (code: ErrorCode, fields = {}) => problemOf(new MusterError(code, 'this time', { fields }), () => {});

test.each(Object.keys(ERRORS) as ErrorCode[])('%s', (code) => {
  const { status, headers, body } = problem(code);
  expect(body).toEqual({
    type: expect.stringMatching(/^urn:muster:problem:[a-z0-9-]+$/),
    title: ERRORS[code].meaning,
    status,
    code,
    detail: 'this time',
  });
  expect('retry-after' in headers).toBe(ERRORS[code].retryable);
});

test('no two codes share a type', () => {
  const types = (Object.keys(ERRORS) as ErrorCode[]).map((code) => problem(code).body.type);
  expect(new Set(types).size).toBe(types.length);
});

test('members beside them are kept, and cannot pretend to be those of the standard', () => {
  const { body } = problem('MUSTER_WRONG_PROOF', { attempts_left: 3, status: 200, type: 'x', detail: 'x', title: 'x', code: 'x' });
  expect(body).toMatchObject({ attempts_left: 3, status: 422, code: 'MUSTER_WRONG_PROOF', detail: 'this time' });
  expect(body.type).not.toBe('x');
});

test('an error that nobody knows says nothing but the id under which the log has it', () => {
  const told: string[] = [];
  const { status, body } = problemOf(new Error('SELECT secret FROM somewhere'), (message) => told.push(message));
  expect(status).toBe(500);
  expect(JSON.stringify(body)).not.toContain('SELECT');
  const id = String(body.instance).replace('urn:uuid:', '');
  expect(told[0]).toContain(id);
  expect(body.detail).toContain(id);
});

test.runIf(have('shared'))('follows the published rules in the published examples', async () => {
  const { mediaType, examples } = JSON.parse(await readFile(join(pathOf('shared'), 'vectors/problem-details-rfc9457.json'), 'utf8')) as {
    mediaType: string;
    examples: { body: Record<string, unknown> }[];
  };
  expect(mediaType).toBe('application/problem+json');
  for (const { body } of examples) {
    const ours = problem('MUSTER_POLICY_REFUSED', body).body;
    const { type: _, title: __, status: ___, detail: ____, ...beside } = body;
    expect(ours).toMatchObject(beside);
  }
});
