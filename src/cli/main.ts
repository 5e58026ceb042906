/** The command line: parses, runs one command, and turns whatever goes wrong into one clear sentence and an exit status. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { MusterError, systemCode } from '../errors.ts';
import { alertCommand } from './commands/alert.ts';
import { attemptCommand } from './commands/attempt.ts';
import { auditCommand } from './commands/audit.ts';
import { backupCommand } from './commands/backup.ts';
import { detectCommand } from './commands/detect.ts';
import { doctorCommand } from './commands/doctor.ts';
import { explainCommand } from './commands/explain.ts';
import { findingsCommand } from './commands/findings.ts';
import { forgetCommand } from './commands/forget.ts';
import { gateCommand } from './commands/gate.ts';
import { generateCommand } from './commands/generate.ts';
import { importCommand } from './commands/import.ts';
import { incidentsCommand } from './commands/incidents.ts';
import { keysCommand } from './commands/keys.ts';
import { pseudonymsCommand } from './commands/pseudonyms.ts';
import { queryCommand } from './commands/query.ts';
import { restoreCommand } from './commands/restore.ts';
import { revealCommand } from './commands/reveal.ts';
import { simulateCommand } from './commands/simulate.ts';
import { sloCommand } from './commands/slo.ts';
import { suppressionsCommand } from './commands/suppressions.ts';
import { upCommand } from './commands/up.ts';
import { vaultCommand } from './commands/vault.ts';
import { type Context, shown } from './context.ts';
import { leave } from './leave.ts';

/** The registry of commands: one file each, one line here. */
const COMMANDS = [
  upCommand,
  importCommand,
  sloCommand,
  queryCommand,
  explainCommand,
  detectCommand,
  gateCommand,
  findingsCommand,
  incidentsCommand,
  suppressionsCommand,
  attemptCommand,
  alertCommand,
  revealCommand,
  forgetCommand,
  pseudonymsCommand,
  vaultCommand,
  keysCommand,
  auditCommand,
  backupCommand,
  doctorCommand,
  restoreCommand,
  generateCommand,
  simulateCommand,
];

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
for (const command of COMMANDS) command(program, context);
for (const command of program.commands) inheritExit(command);

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
