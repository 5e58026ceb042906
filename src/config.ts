/** The configuration: one schema, parsed once from the environment and the command line. */
import { delimiter } from 'node:path';
import { IANAZone } from 'luxon';
import { z } from 'zod';
import { MusterError } from './errors.ts';
import { DEFAULT_PORT } from './names.ts';

/** Stands for the id in the address of a trace. */
export const TRACE_PLACE = '{trace_id}';

const url = z
  .string()
  .trim()
  .refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), 'expected a URL, such as http://127.0.0.1:9093')
  .transform((text) => text.replace(/\/+$/, ''));

const isDecodable = (text: string): boolean => {
  const { username, password } = new URL(text);
  try {
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
};

/** User and password go to the receiver in a header. */
const receiver = url.refine(isDecodable, 'expected %25 for a percent sign in user or password');
/** What others see. */
const link = url.refine((text) => {
  const { username, password } = new URL(text);
  return username === '' && password === '';
}, 'expected a URL without user and password: others see it');

const port = z.coerce
  .number('expected a number from 0 to 65535')
  .int('expected a whole number')
  .min(0, 'expected a number from 0 to 65535')
  .max(65_535, 'expected a number from 0 to 65535');

const flag = z.union([z.boolean(), z.enum(['true', 'false', '1', '0']).transform((text) => text === 'true' || text === '1')], {
  error: 'expected true or false',
});

const MINUTE_MS = 60_000;

/** What retention can be given for, and the least number of days: windows of a month and their days before must not lose events. */
const KEPT = ['events', 'spans', 'alert_inputs', 'alert_states'] as const;
const MIN_DAYS = 35;

/** `events=400d,spans=30d` as days by name. */
const retention = z.string().transform((text, context) => {
  const entries = text.split(',').map((each) => /^\s*([a-z_]+)\s*=\s*(\d{1,5})d\s*$/.exec(each));
  const wrong = entries.findIndex(
    (entry) => !entry || !(KEPT as readonly string[]).includes(entry[1] ?? '') || Number(entry[2]) < MIN_DAYS,
  );
  if (wrong !== -1)
    context.addIssue({
      code: 'custom',
      message: `expected such as events=400d,spans=60d, with ${KEPT.join(', ')}, and at least ${MIN_DAYS} days`,
    });
  return Object.fromEntries(entries.map((entry) => [entry?.[1], Number(entry?.[2])])) as Partial<Record<(typeof KEPT)[number], number>>;
});

/** `10` or `10,sms=15,email=30`: minutes, of all factors and of some. */
const completionWindow = z.string().transform((text, context) => {
  const [otherwise = '', ...some] = text.split(',').map((each) => each.trim());
  const byFactor = some.map((each) => /^([a-z][a-z0-9_]{0,31})=(\d{1,2})$/.exec(each));
  const minutes = [otherwise, ...byFactor.map((entry) => entry?.[2] ?? '')];
  if (!minutes.every((each) => /^\d{1,2}$/.test(each) && Number(each) >= 1 && Number(each) <= 60))
    context.addIssue({
      code: 'custom',
      message: 'expected minutes from 1 to 60, such as 10, or 10,sms=15,email=30 with those of some factors',
    });
  return {
    otherwise: Number(otherwise) * MINUTE_MS,
    byFactor: Object.fromEntries(byFactor.map((entry) => [entry?.[1] ?? '', Number(entry?.[2]) * MINUTE_MS])),
  };
});

const schema = z.strictObject({
  /** Directory of everything Muster keeps. @default .muster, or MUSTER_DATA */
  dataDir: z.string().min(1).default('.muster'),
  /** Port of intake, API and web UI. @default 8686, or MUSTER_PORT */
  port: port.default(DEFAULT_PORT),
  /** Address to listen on; another than a loopback one needs keys, and TLS or a proxy that has it. @default 127.0.0.1, or MUSTER_HOST */
  host: z.string().min(1).default('127.0.0.1'),
  /** Whether a proxy in front speaks TLS. @default false, or MUSTER_BEHIND_PROXY */
  behindProxy: flag.default(false),
  /** Certificate chain and private key, PEM files. @default none: HTTP */
  tlsCert: z.string().min(1).optional(),
  tlsKey: z.string().min(1).optional(),
  /** Certificate authorities of clients, a PEM file: who connects must have a certificate of theirs. @default none */
  tlsClientCa: z.string().min(1).optional(),
  /** File of hashed API keys. @default keys.json in the data directory */
  keys: z.string().min(1).optional(),
  /** File of the sources that may deliver by themselves. @default sources.yaml in the data directory, if it is there */
  sources: z.string().min(1).optional(),
  /** Port of the read-only ClickHouse endpoint, or `off`; `auto` takes 8123 when nobody else has. @default auto, or MUSTER_CLICKHOUSE_PORT */
  clickhousePort: z.union([z.literal(['auto', 'off']), port], { error: 'expected a number from 0 to 65535, or off' }).default('auto'),
  /** OpenSLO files and folders that are computed. @default those that ship, or MUSTER_SLO (separated as in PATH) */
  slo: z.preprocess((value) => (typeof value === 'string' ? value.split(delimiter) : value), z.array(z.string().min(1)).default([])),
  /** What is kept of the identifiers of people: `sealed`, to be opened by muster reveal, or `none`. @default sealed */
  identities: z.enum(['sealed', 'none'], { error: 'expected sealed or none' }).default('sealed'),
  /** How long an attempt may take to its completion, by type of factor too; a change computes what is kept anew. @default 10 minutes */
  completionWindow: completionWindow.default({ otherwise: 10 * MINUTE_MS, byFactor: {} }),
  /** Days of history that `muster up --demo` fills in. @default 30 */
  demoDays: z.coerce.number('expected days').int().min(3, 'expected 3 to 90 days').max(90, 'expected 3 to 90 days').default(30),
  /** Days for which tables are kept. @default {}: all for good */
  retention: retention.default({}),
  /** Folder to which months of events go as Parquet before they are dropped. @default none */
  archiveDir: z.string().min(1).optional(),
  /** ClickHouse server that keeps the tables, such as https://user:password@clickhouse.example.org:8443/muster. @default none: the embedded engine */
  clickhouseUrl: url
    .refine(
      (text) => /^\/(?:[a-z][a-z0-9_]*)?$/.test(new URL(text).pathname) && new URL(text).search === '',
      'expected one name of a database as path, in small letters, such as /muster, and nothing behind it',
    )
    .refine(isDecodable, 'expected %25 for a percent sign in user or password')
    .optional(),
  /** Seconds after which a statement that the server has not answered is sent again. @default 60 */
  clickhouseTimeout: z.coerce.number('expected seconds').min(1, 'expected at least 1 second').default(60),
  /** Where people reach Muster: for links in alerts. @default http://localhost:8686 */
  baseUrl: link.default(`http://localhost:${DEFAULT_PORT}`),
  /** Where a trace is seen, with {trace_id} in its place, such as https://tempo.example.org/trace/{trace_id}. @default none */
  traceUrl: link.refine((text) => text.includes(TRACE_PLACE), `expected ${TRACE_PLACE} in it`).optional(),
  /** Time zone by whose clock people enroll, such as Europe/Berlin: what is usual is learned by its hours. @default UTC */
  timeZone: z
    .string()
    .refine((name) => IANAZone.isValidZone(name), 'expected the name of a time zone, such as Europe/Berlin')
    .default('UTC'),
  /** YAML file with thresholds of the alerts beside the burn rates. @default none: the defaults */
  alerts: z.string().min(1).optional(),
  /** Alertmanagers that are told of alerts, separated by commas. @default none */
  alertmanagerUrls: z.preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(receiver).default([])),
  /** Web hook that is told of alerts. @default none */
  webhookUrl: receiver.optional(),
  /** Its secret, `whsec_` and 24 to 64 bytes in base64. */
  webhookSecret: z
    .string()
    .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'expected whsec_ and 24 to 64 bytes in base64')
    .optional(),
  /** Dead-man's switch that is called with the evaluations. @default none */
  heartbeatUrl: receiver.optional(),
  /** YAML file with the settings of the reference core. @default none: the defaults */
  core: z.string().min(1).optional(),
  /** PostgreSQL database of the reference core, such as postgres://muster:password@db.example.org/muster. @default none: a SQLite file */
  coreDatabaseUrl: z
    .string()
    .refine((text) => /^postgres(?:ql)?:\/\//.test(text) && URL.canParse(text), 'expected such as postgres://user:password@host/database')
    .optional(),
  /** File with the key-encryption keys of the core: the same for every process on one database. @default vault-keys.json in the data directory */
  coreKeys: z.string().min(1).optional(),
  /** Where spans of the core go by OTLP/HTTP, or `none`. @default Muster itself */
  coreTraces: z.union([z.literal('none'), link]).optional(),
  /** Second place of the audit log's head: a file elsewhere, syslog://host:514 or syslog+tcp://host:601. @default none: only in the data directory */
  auditHead: z.string().min(1).optional(),
  /** Seconds that a statement from outside may run: `muster query`, Grafana, other clients. @default 30 */
  queryTimeout: z.coerce.number('expected seconds').min(1, 'expected 1 to 600 seconds').max(600, 'expected 1 to 600 seconds').default(30),
  /** Shapes of statements that did not end; set by Muster itself when it starts again because of one. @default none */
  stuckStatements: z.preprocess((value) => (typeof value === 'string' ? value.split(',') : value), z.array(z.string()).default([])),
  /** Largest accepted request body in bytes, after decompression too. @default 16 MiB */
  maxBodyBytes: z.coerce
    .number()
    .int()
    .min(1_024)
    .max(64 * 1024 * 1024)
    .default(16 * 1024 * 1024),
  /** Bytes of not yet loaded events at which intake answers 503. @default 1 GiB */
  maxLogBytes: z.coerce
    .number()
    .int()
    .min(1_048_576)
    .default(1024 * 1024 * 1024),
});

export type Config = Readonly<z.infer<typeof schema>>;

const VARIABLES = {
  dataDir: 'MUSTER_DATA',
  port: 'MUSTER_PORT',
  clickhousePort: 'MUSTER_CLICKHOUSE_PORT',
  host: 'MUSTER_HOST',
  behindProxy: 'MUSTER_BEHIND_PROXY',
  tlsCert: 'MUSTER_TLS_CERT',
  tlsKey: 'MUSTER_TLS_KEY',
  tlsClientCa: 'MUSTER_TLS_CLIENT_CA',
  keys: 'MUSTER_KEYS',
  sources: 'MUSTER_SOURCES',
  slo: 'MUSTER_SLO',
  identities: 'MUSTER_IDENTITIES',
  completionWindow: 'MUSTER_COMPLETION_WINDOW',
  demoDays: 'MUSTER_DEMO_DAYS',
  retention: 'MUSTER_RETENTION',
  archiveDir: 'MUSTER_ARCHIVE',
  clickhouseUrl: 'MUSTER_CLICKHOUSE_URL',
  clickhouseTimeout: 'MUSTER_CLICKHOUSE_TIMEOUT',
  baseUrl: 'MUSTER_BASE_URL',
  traceUrl: 'MUSTER_TRACE_URL',
  timeZone: 'MUSTER_TIME_ZONE',
  alerts: 'MUSTER_ALERTS',
  alertmanagerUrls: 'MUSTER_ALERTMANAGER_URL',
  webhookUrl: 'MUSTER_WEBHOOK_URL',
  webhookSecret: 'MUSTER_WEBHOOK_SECRET',
  heartbeatUrl: 'MUSTER_HEARTBEAT_URL',
  core: 'MUSTER_CORE',
  coreDatabaseUrl: 'MUSTER_CORE_DATABASE_URL',
  coreKeys: 'MUSTER_CORE_KEYS',
  coreTraces: 'MUSTER_CORE_TRACES',
  auditHead: 'MUSTER_AUDIT_HEAD',
  queryTimeout: 'MUSTER_QUERY_TIMEOUT',
  stuckStatements: 'MUSTER_STUCK_STATEMENTS',
  maxBodyBytes: 'MUSTER_MAX_BODY_BYTES',
  maxLogBytes: 'MUSTER_MAX_LOG_BYTES',
} as const satisfies Record<keyof Config, string>;

const OPTIONS: Partial<Record<keyof Config, string>> = {
  dataDir: '--data',
  port: '--port',
  clickhousePort: '--clickhouse-port',
  slo: '--slo',
  host: '--host',
  behindProxy: '--behind-proxy',
  tlsCert: '--tls-cert',
  tlsKey: '--tls-key',
  tlsClientCa: '--tls-client-ca',
};

/**
 * Parses the configuration: what the command line says wins over the environment, that over the defaults.
 * @throws MUSTER_BAD_ARGUMENT naming the setting and what is wrong with it
 */
export function parseConfig(environment: NodeJS.ProcessEnv, flags: { [K in keyof Config]?: unknown } = {}): Config {
  const given: Record<string, unknown> = {};
  for (const [key, variable] of Object.entries(VARIABLES)) {
    const value = flags[key as keyof Config] ?? environment[variable];
    if (value !== undefined && value !== '') given[key] = value;
  }
  const result = schema.safeParse(given);
  if (result.success) {
    if (result.data.webhookUrl !== undefined && result.data.webhookSecret === undefined)
      throw new MusterError(
        'MUSTER_BAD_ARGUMENT',
        `${VARIABLES.webhookUrl}: needs ${VARIABLES.webhookSecret}, by which the receiver knows Muster`,
      );
    if ((result.data.tlsCert === undefined) !== (result.data.tlsKey === undefined))
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${VARIABLES.tlsCert}: goes with ${VARIABLES.tlsKey}; only one of them is given`);
    if (result.data.tlsClientCa !== undefined && result.data.tlsCert === undefined)
      throw new MusterError('MUSTER_BAD_ARGUMENT', `${VARIABLES.tlsClientCa}: needs ${VARIABLES.tlsCert} and ${VARIABLES.tlsKey}`);
    return Object.freeze(result.data);
  }
  const issue = result.error.issues[0];
  const key = String(issue?.path[0]) as keyof Config;
  const name = flags[key] !== undefined ? OPTIONS[key] : VARIABLES[key];
  throw new MusterError('MUSTER_BAD_ARGUMENT', `${name}: ${issue?.message.replace('Invalid input: ', '')}`);
}
