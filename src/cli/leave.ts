/**
 * How a process ends whose engine does not: a statement that heeds neither its limit nor a KILL keeps its thread, and with it every ordinary
 * way out. What was acknowledged is in the log, so the process may be replaced at any moment.
 */
import type { Context } from './context.ts';

/** Statements that made a process start again, by their shape; the next one refuses them. */
export const STUCK_VARIABLE = 'MUSTER_STUCK_STATEMENTS';
const MAX_REMEMBERED = 20;

/** Ends this process with an exit status, whatever its threads do. */
export function leave(context: Context, exitCode: number): never {
  replaceBy(['-e', `process.exitCode = ${exitCode}`], context.environment);
}

/**
 * Starts this process again, under the same process id and with the same arguments.
 * @param options that were given as "any", and are now known; they win over the arguments
 * @param shapes of the statements because of which it starts again
 */
export function startAgain(context: Context, options: readonly string[], shapes: readonly string[]): never {
  const remembered = [...new Set(shapes)].slice(0, MAX_REMEMBERED);
  replaceBy([...process.execArgv, ...process.argv.slice(1), ...options], {
    ...context.environment,
    [STUCK_VARIABLE]: remembered.join(','),
  });
}

function replaceBy(parameters: readonly string[], environment: NodeJS.ProcessEnv): never {
  // Without it, a supervisor has to start the process again.
  if (!process.execve) process.kill(process.pid, 'SIGKILL');
  return process.execve?.(process.execPath, [process.execPath, ...parameters], environment) as never;
}
