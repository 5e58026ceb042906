import type { z } from 'zod';
import { MusterError } from '../errors.ts';

/** The body of a request by its schema. @throws MUSTER_BAD_ARGUMENT naming the field */
export function parsed<T extends z.ZodType>(schema: T, body: unknown): z.infer<T> {
  if (body !== undefined && (typeof body !== 'object' || body === null || Array.isArray(body)))
    throw new MusterError('MUSTER_BAD_ARGUMENT', 'expected a JSON object');
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.');
  throw new MusterError(
    'MUSTER_BAD_ARGUMENT',
    `${field ? `${field}: ` : ''}${issue?.message.replace('Invalid input: ', '') ?? 'not what this route takes'}`,
  );
}
