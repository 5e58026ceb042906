/** Objects of which every field is known: one that is not is named, with the field that was meant, or where it belongs. */
import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';

/** A word of six letters may have two of them wrong. */
const MAX_DISTANCE_SHARE = 0.34;

/** Where fields may stand, by their names. */
const PLACES = new Map<string, string[]>();

/**
 * An object with these fields and no others.
 * @param place what the object is called in messages, such as `spec`
 */
export function strict<Shape extends z.ZodRawShape>(place: string, shape: Shape) {
  for (const name of Object.keys(shape)) {
    const places = PLACES.get(name) ?? [];
    if (!places.includes(place)) PLACES.set(name, [...places, place]);
  }
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownField(issue.keys[0] ?? '', Object.keys(shape)) : undefined),
  });
}

function unknownField(name: string, known: readonly string[]): string {
  const shown = JSON.stringify(name.slice(0, 64));
  const near = known.length > 0 ? closest(name, known) : '';
  if (near !== '' && distance(name.toLowerCase(), near.toLowerCase()) <= Math.max(1, Math.floor(near.length * MAX_DISTANCE_SHARE)))
    return `unknown field ${shown}; did you mean ${near}?`;
  const [elsewhere] = PLACES.get(name) ?? [];
  return `unknown field ${shown}${elsewhere === undefined ? `; there are ${known.join(', ')}` : `; it belongs to ${elsewhere}`}`;
}

/** A field that OpenSLO has and Muster does not do. @param instead what to write in its place */
export const notDone = (instead: string) => z.never({ error: instead }).optional();

/** What stands for one of several forms, which is chosen by how it looks: a problem is one of that form alone. */
export const oneOf = <Form>(choose: (value: unknown) => z.ZodType<Form>) =>
  z.unknown().transform((value, context): Form => {
    const parsed = choose(value).safeParse(value);
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) context.issues.push({ ...issue, input: value } as never);
    return z.NEVER;
  });
