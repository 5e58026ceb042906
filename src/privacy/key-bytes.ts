/** A key of 256 bits as files keep it: base64. */
import { z } from 'zod';

export const KEY_BYTES = 32;

export const keyBytes = z
  .string()
  .transform((text): Buffer => Buffer.from(text, 'base64'))
  .refine(({ length }) => length === KEY_BYTES);
