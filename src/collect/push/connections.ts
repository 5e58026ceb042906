/** Which sources may deliver here: a YAML file with a name for each, its product or mapping, and where its secret stands. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { MusterError, systemCode } from '../../errors.ts';
import { yamlDocuments } from '../../system/yaml-file.ts';
import type { AnyConnector } from '../connectors/connector.ts';
import { CONNECTORS } from '../connectors/index.ts';
import { sourceNamed, testedMapping } from '../mappings/index.ts';
import { senderOf } from './index.ts';
import type { Sender } from './sender.ts';

/** Shorter ones can be guessed. */
const MIN_SECRET = 16;
const MAX_SECRET = 4_096;

const secretSchema = z
  .strictObject({
    env: z
      .string()
      .regex(/^[A-Z_][A-Z0-9_]*$/, 'expected the name of a variable')
      .optional(),
    file: z.string().min(1).optional(),
  })
  .refine(({ env, file }) => (env === undefined) !== (file === undefined), 'expected env or file, one of them');
const schema = z.strictObject({
  sources: z
    .array(
      z
        .strictObject({
          name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected small letters, digits, - and _'),
          product: z.string().min(1).optional(),
          mapping: z.string().min(1).optional(),
          secret: secretSchema,
        })
        .refine(({ product, mapping }) => (product === undefined) !== (mapping === undefined), 'expected product or mapping, one of them'),
    )
    .max(200),
});

/** A source that may deliver. */
export interface Connection {
  name: string;
  sender: Sender;
  connector: AnyConnector;
  secret: string;
}

/**
 * The connections of a file; none where it is the default one and not there.
 * @param environment where secrets are read from
 * @throws MUSTER_BAD_ARGUMENT with file, line and field; MUSTER_BAD_MAPPING; MUSTER_UNKNOWN_SOURCE
 */
export async function readConnections(
  path: string,
  isDefault: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ReadonlyMap<string, Connection>> {
  const fail = (where: string, problem: string) => new MusterError('MUSTER_BAD_ARGUMENT', `${where}: ${problem}`);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isDefault && systemCode(error) === 'ENOENT') return new Map();
    throw fail(path, systemCode(error) === 'ENOENT' ? 'no such file' : 'cannot be read');
  }
  const [document] = yamlDocuments(text, path, fail);
  const parsed = schema.safeParse(document?.value);
  if (!document || !parsed.success) {
    const issue = parsed.error?.issues[0];
    const unknown = issue?.code === 'unrecognized_keys' ? `.${issue.keys[0]}` : '';
    const field = `${issue?.path.map(String).join('.') ?? ''}${unknown}`.replace(/^\./, '');
    throw fail(document?.where(field) ?? path, `${field || 'the file'}: ${unknown ? 'is not known here' : (issue?.message ?? 'is empty')}`);
  }
  const connections = new Map<string, Connection>();
  for (const [i, { name, product, mapping, secret }] of parsed.data.sources.entries()) {
    const where = document.where(`sources.${i}`);
    if (connections.has(name)) throw fail(where, `sources.${i}.name: ${name} stands there twice`);
    const connector =
      mapping === undefined ? await sourceNamed(CONNECTORS, product ?? '') : await mappedBy(resolve(dirname(path), mapping), where, fail);
    const sender = senderOf(connector.name);
    connections.set(name, {
      name,
      sender,
      connector,
      secret: await secretOf(secret, environment, dirname(path), (problem) => fail(where, `sources.${i}.secret: ${problem}`)),
    });
  }
  return connections;
}

async function mappedBy(file: string, where: string, fail: (where: string, problem: string) => MusterError): Promise<AnyConnector> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw fail(where, `mapping: ${file}: ${systemCode(error) === 'ENOENT' ? 'no such file' : 'cannot be read'}`);
  });
  return testedMapping(text, file);
}

async function secretOf(
  { env, file }: z.infer<typeof secretSchema>,
  environment: Readonly<Record<string, string | undefined>>,
  folder: string,
  fail: (problem: string) => MusterError,
): Promise<string> {
  const value =
    env === undefined
      ? (
          await readFile(resolve(folder, file ?? ''), 'utf8').catch(() => {
            throw fail(`${file}: cannot be read`);
          })
        ).trim()
      : environment[env];
  const from = env ?? file ?? '';
  if (value === undefined || value === '') throw fail(`${from} is not set`);
  if (value.length < MIN_SECRET || value.length > MAX_SECRET)
    throw fail(`${from} holds ${value.length} letters; expected ${MIN_SECRET} to ${MAX_SECRET}`);
  return value;
}
