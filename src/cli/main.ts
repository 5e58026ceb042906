/** The command line: parses, runs one command, and turns whatever goes wrong into one clear sentence and an exit status. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { MusterError, systemCode } from '../errors.ts';
import { type Context, shown } from './context.ts';
import { leave } from './leave.ts';

type Register = (program: Command, context: Context) => void;

/** The registry of commands: one file each, one line here. Only what is asked for is loaded: all of it together takes longer than most commands. */
const COMMANDS: Readonly<Record<string, () => Promise<Register>>> = {
  up: async () => (await import('./commands/up.ts')).upCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  slo: async () => (await import('./commands/slo.ts')).sloCommand,
  query: async () => (await import('./commands/query.ts')).queryCommand,
  explain: async () => (await import('./commands/explain.ts')).explainCommand,
  detect: async () => (await import('./commands/detect.ts')).detectCommand,
  gate: async () => (await import('./commands/gate.ts')).gateCommand,
  sources: async () => (await import('./commands/sources.ts')).sourcesCommand,
  findings: async () => (await import('./commands/findings.ts')).findingsCommand,
  incidents: async () => (await import('./commands/incidents.ts')).incidentsCommand,
  suppressions: async () => (await import('./commands/suppressions.ts')).suppressionsCommand,
  attempt: async () => (await import('./commands/attempt.ts')).attemptCommand,
  alert: async () => (await import('./commands/alert.ts')).alertCommand,
  reveal: async () => (await import('./commands/reveal.ts')).revealCommand,
  forget: async () => (await import('./commands/forget.ts')).forgetCommand,
  pseudonyms: async () => (await import('./commands/pseudonyms.ts')).pseudonymsCommand,
  vault: async () => (await import('./commands/vault.ts')).vaultCommand,
  keys: async () => (await import('./commands/keys.ts')).keysCommand,
  audit: async () => (await import('./commands/audit.ts')).auditCommand,
  backup: async () => (await import('./commands/backup.ts')).backupCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  restore: async () => (await import('./commands/restore.ts')).restoreCommand,
  generate: async () => (await import('./commands/generate.ts')).generateCommand,
  simulate: async () => (await import('./commands/simulate.ts')).simulateCommand,
};

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

let isStuck = false;
const context: Context = {
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  now: Date.now,
  version,
  onStuck: () => {
    isStuck = true;
  },
};

const program = new Command('muster')
  .description('Observability and SLO analytics for MFA enrollment.')
  .version(version)
  .option('--verbose', 'print the stack trace of an error')
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', '\nExample:\n  $ muster up --demo')
  .exitOverride();
const parameters = process.argv.slice(2);
const at = parameters.findIndex((word) => !word.startsWith('-'));
const command = parameters[at] ?? '';
// The help of Muster itself lists all.
const isHelp = parameters.slice(0, at).some((word) => word === '-h' || word === '--help');
const names = Object.hasOwn(COMMANDS, command) && !isHelp ? [command] : Object.keys(COMMANDS);
for (const register of await Promise.all(names.map((name) => COMMANDS[name]?.()))) register?.(program, context);
for (const each of program.commands) inheritExit(each);

/** What the operating system says of a file, in words. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  ENOTDIR: 'is a file where a directory is needed',
  EISDIR: 'is a directory where a file is needed',
  EEXIST: 'is there already, and is not what is needed',
  EACCES: 'may not be opened by this user',
  EPERM: 'may not be opened by this user',
  ENOSPC: 'cannot be written: the disk is full',
  EROFS: 'cannot be written: the file system is read-only',
  ELOOP: 'is a link that leads back to itself',
  ENAMETOOLONG: 'is longer than a name of a file may be',
};

// Started by a launcher that could not become this process, or by npm and npx: when it is killed, this one must not stay behind.
const launcher = Number(process.env.MUSTER_LAUNCHER ?? (process.env.npm_command === undefined ? 0 : process.ppid));
if (launcher > 0) {
  setInterval(() => {
    if (process.ppid !== launcher) process.kill(process.pid, 'SIGTERM');
  }, 1_000).unref();
}

// A reader that goes away, as `head` does, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
if (isStuck) leave(context, Number(process.exitCode ?? 0));

function inheritExit(command: Command): void {
  command.exitOverride();
  for (const each of command.commands) inheritExit(each);
}

/** Says what went wrong; returns the exit status: 1 failed, 2 wrong usage or bad input. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const isVerbose = program.opts<{ verbose?: boolean }>().verbose === true;
  const known = error instanceof MusterError ? error : fileError(error);
  const message = error instanceof Error ? error.message : String(error);
  const said = known ? known.message : `unexpected error: ${message} (run again with --verbose for details)`;
  context.stderr.write(`muster: ${shown(said)}\n`);
  if (isVerbose && error instanceof Error)
    context.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `caused by ${error.cause.stack}\n` : ''}`);
  return known?.kind.exit ?? 1;
}

/** An error of the operating system about a file that the user named, in words. */
function fileError(error: unknown): MusterError | undefined {
  const problem = FILE_PROBLEMS[systemCode(error) ?? ''];
  const path = error instanceof Error && 'path' in error ? String(error.path) : undefined;
  // Of a folder that is read like a file, the system names no path.
  const what = path ?? (systemCode(error) === 'EISDIR' ? 'what was named as a file' : undefined);
  return problem && what ? new MusterError('MUSTER_BAD_ARGUMENT', `${what} ${problem}`, { cause: error }) : undefined;
}
