/**
 * `npm run bench -- sources [RECORDS] [BYTES]`: files of each product imported by the command, beside the same number of Muster's own events in one run;
 * then, if bytes are said (`2g`), one file of that size, for the memory it takes.
 */
import { spawn } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

const RECORDS = Number(process.argv[3] ?? 100_000);
const BYTES = /^(\d+)([mg])$/.exec(process.argv[4] ?? '');
const START_MS = Date.UTC(2026, 9, 1);
const CLOCK_TICKS = 100;

/** The record of a number: people come back, a registration has a start and an end where the product tells both. */
interface Shape {
  source: string;
  record(n: number, time: string, person: string): object;
}
const isStart = (n: number) => n % 2 === 0;
const audit = (n: number, time: string, person: string) => ({
  id: `Authentication Methods_${n}`,
  category: 'UserManagement',
  correlationId: `c-${n}`,
  result: 'success',
  resultReason: isStart(n) ? 'User started the registration' : 'User registered Authenticator App with Code',
  activityDisplayName: isStart(n) ? 'User started security info registration' : 'User registered security info',
  activityDateTime: time,
  initiatedBy: { user: { id: person, userPrincipalName: `${person}@example.org`, ipAddress: '203.0.113.9' }, app: null },
  targetResources: [{ id: person, type: 'User', userPrincipalName: `${person}@example.org`, modifiedProperties: [] }],
});
const SHAPES: readonly Shape[] = [
  {
    source: 'muster',
    record: (n, time, user) => ({
      id: `m-${n}`,
      source: 'bench',
      type: isStart(n) ? 'enrollment.started' : 'enrollment.completed',
      time,
      attempt_id: `a-${Math.floor(n / 2)}`,
      user,
      factor_type: 'totp',
    }),
  },
  {
    source: 'okta',
    record: (n, published, person) => ({
      uuid: `o-${n}`,
      published,
      eventType: 'user.mfa.factor.activate',
      outcome: { result: 'SUCCESS' },
      actor: { type: 'User', id: person, alternateId: `${person}@example.org` },
      target: [{ type: 'User', id: person, alternateId: `${person}@example.org` }],
      client: { ipAddress: '203.0.113.9', userAgent: { rawUserAgent: 'Mozilla/5.0' } },
      debugContext: { debugData: { factor: 'GOOGLE_OTP' } },
    }),
  },
  { source: 'entra', record: audit },
  {
    source: 'auth0',
    record: (n, date, person) => ({
      log_id: `9002${n}`,
      data: {
        date,
        type: isStart(n) ? 'gd_start_enroll' : 'gd_enrollment_complete',
        user_id: `auth0|${person}`,
        ip: '203.0.113.9',
        details: { authenticator: { type: 'otp' } },
      },
    }),
  },
  {
    source: 'keycloak',
    record: (n, time, userId) => ({
      id: `k-${n}`,
      time: Date.parse(time),
      type: 'UPDATE_CREDENTIAL',
      realmId: 'r',
      userId,
      details: { credential_type: 'otp' },
    }),
  },
  {
    source: 'duo',
    record: (n, isotimestamp, name) => ({
      event_type: 'enrollment',
      isotimestamp,
      txid: `d-${n}`,
      result: 'success',
      user: { name },
      factor: 'duo_push',
    }),
  },
  {
    source: 'google_workspace',
    record: (n, time, person) => ({
      id: { time, uniqueQualifier: String(n), applicationName: 'user_accounts' },
      actor: { email: `${person}@example.org` },
      events: [{ type: '2sv_change', name: '2sv_enroll' }],
    }),
  },
  {
    source: 'aws_cloudtrail',
    record: (n, eventTime, userName) => ({
      eventID: `w-${n}`,
      eventTime,
      eventName: isStart(n) ? 'CreateVirtualMFADevice' : 'EnableMFADevice',
      userIdentity: { type: 'IAMUser', userName },
      requestParameters: isStart(n) ? { virtualMFADeviceName: 'phone' } : { userName, serialNumber: 'arn:aws:iam::1:mfa/phone' },
    }),
  },
  {
    source: 'zitadel',
    record: (n, creationDate, id) => ({
      editor: { userId: id },
      aggregate: { id, resourceOwner: 'org-1' },
      sequence: String(n),
      creationDate,
      type: { type: isStart(n) ? 'user.human.mfa.otp.added' : 'user.human.mfa.otp.verified' },
    }),
  },
];

/** So many people register one after the other, a second apart. */
const PEOPLE = 50_000;

function* lines({ record }: Shape, enough: (bytes: number, n: number) => boolean): Generator<string> {
  let bytes = 0;
  for (let n = 0; !enough(bytes, n); n++) {
    const pair = Math.floor(n / 2);
    const time = new Date(START_MS + pair * 1_000 + (n % 2) * 30_000).toISOString();
    const line = `${JSON.stringify(record(n, time, `person-${pair % PEOPLE}`))}\n`;
    bytes += line.length;
    yield line;
  }
}

interface Run {
  seconds: number;
  cpuSeconds: number;
  peakMib: number;
  accepted: number;
}

async function importOf(source: string, file: string, dataDir: string): Promise<Run> {
  const begun = performance.now();
  const child = spawn(process.execPath, ['bin/muster.mjs', 'import', source, file, '--json', '--data', dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let [peakKib, ticks] = [0, 0];
  // The command runs in a process of its own below this one.
  const watching = setInterval(() => {
    for (const pid of [child.pid, ...childrenOf(child.pid)]) {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        peakKib = Math.max(peakKib, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
        const fields = (readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '').split(' ');
        ticks = Math.max(ticks, Number(fields[11]) + Number(fields[12]));
      } catch {
        // It has ended between two looks.
      }
    }
  }, 100);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watching);
  if (status !== 0) throw new Error(`import of ${source} ended with ${status}: ${output.slice(0, 500)}`);
  const { accepted } = JSON.parse(output) as { accepted: number };
  return { seconds: (performance.now() - begun) / 1_000, cpuSeconds: ticks / CLOCK_TICKS, peakMib: peakKib / 1_024, accepted };
}

function childrenOf(pid: number | undefined): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

const folder = await mkdtemp(join(tmpdir(), 'muster-bench-sources-'));
try {
  let base: Run | undefined;
  console.log(`${RECORDS.toLocaleString('en')} records of each, imported without a running process; the data directory is new each time`);
  for (const shape of SHAPES) {
    const file = join(folder, `${shape.source}.ndjson`);
    await pipeline(
      lines(shape, (_, n) => n >= RECORDS),
      createWriteStream(file),
    );
    const run = await importOf(shape.source, file, join(folder, shape.source));
    if (run.accepted !== RECORDS) throw new Error(`${shape.source}: ${run.accepted} of ${RECORDS} accepted`);
    base ??= run;
    console.log(
      `${shape.source.padEnd(18)} ${Math.round(RECORDS / run.seconds)} records/s, ${((run.cpuSeconds / RECORDS) * 1e6).toFixed(0)} s of processor per million, ` +
        `${run.peakMib.toFixed(0)} MiB; ${(run.seconds / base.seconds).toFixed(2)} of the time of Muster's own`,
    );
    await rm(join(folder, shape.source), { recursive: true, force: true });
    await rm(file);
  }
  if (BYTES) {
    const bytes = Number(BYTES[1]) * (BYTES[2] === 'g' ? 2 ** 30 : 2 ** 20);
    const file = join(folder, 'large.ndjson');
    const shape = SHAPES.find(({ source }) => source === 'entra') as Shape;
    await pipeline(
      lines(shape, (made) => made >= bytes),
      createWriteStream(file),
    );
    const run = await importOf('entra', file, join(folder, 'large'));
    const mib = (await stat(file)).size / 2 ** 20;
    console.log(
      `entra, ${mib.toFixed(0)} MiB: ${run.accepted} records in ${run.seconds.toFixed(0)} s, at most ${run.peakMib.toFixed(0)} MiB of memory`,
    );
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
