/** The escalation matrix: who is told of which alert, as data in a YAML file. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { ALERTS } from '../../names.ts';
import { yamlDocuments } from '../../system/yaml-file.ts';

export const SHIPPED_ESCALATION = fileURLToPath(new URL('../../../alerts/escalation.yaml', import.meta.url));

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens');
const duration = z.string().regex(/^[1-9]\d{0,3}[smhd]$/, 'expected a duration such as 10s, 5m, 4h or 1d');
const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'expected a time of day such as 02:00');

const schema = z.strictObject({
  /** Web hooks by name. */
  receivers: z.record(name, z.url({ protocol: /^https?$/, error: 'expected a URL such as http://127.0.0.1:9099/oncall' })),
  routes: z
    .array(
      z.strictObject({
        name,
        receiver: name,
        severity: z.enum(['page', 'ticket']).optional(),
        alerts: z
          .array(z.enum(Object.values(ALERTS)))
          .min(1)
          .optional(),
        /** Whether the routes below are asked too. */
        also: z.boolean().default(false),
        /** For further alerts of the group before the first notification. */
        wait: duration,
        /** Until what still fires is told again. */
        again: duration,
      }),
    )
    .min(1),
  maintenance: z
    .array(z.strictObject({ name, weekdays: z.array(z.string()).min(1), from: clock, to: clock, zone: z.string() }))
    .default([]),
});

export type Escalation = z.infer<typeof schema>;

/** @throws MUSTER_BAD_ARGUMENT with file, line, field and what was expected; MUSTER_NO_SUCH_FILE */
export async function loadEscalation(file: string = SHIPPED_ESCALATION): Promise<Escalation> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') throw new MusterError('MUSTER_NO_SUCH_FILE', `${file} does not exist`);
    throw error;
  });
  return parseEscalation(text, file);
}

/** The same of a text. */
export function parseEscalation(text: string, file: string): Escalation {
  const bad = (where: string, problem: string) => new MusterError('MUSTER_BAD_ARGUMENT', `${where}: ${problem}`);
  const [document] = yamlDocuments(text, file, bad);
  if (!document) throw bad(file, 'expected receivers and routes');
  const parsed = schema.safeParse(document.value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const path = issue?.path.join('.') ?? '';
    throw bad(document.where(path), `${path || 'document'}: ${issue?.message.replace('Invalid input: ', '')}`);
  }
  for (const [i, { receiver }] of parsed.data.routes.entries()) {
    const path = `routes.${i}.receiver`;
    if (!(receiver in parsed.data.receivers)) throw bad(document.where(path), `${path}: no receiver is called ${receiver}`);
  }
  return parsed.data;
}
