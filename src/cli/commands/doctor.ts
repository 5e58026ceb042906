/** `muster doctor` */
import type { Command } from 'commander';
import { type Diagnosis, examine, type Grade } from '../../serve/doctor.ts';
import { ask, type Colour, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

interface Options {
  production?: boolean;
  data?: string;
  json?: boolean;
}

const MARKS: Readonly<Record<Grade, readonly [mark: string, colour: Colour]>> = {
  ok: ['✓', 'green'],
  warning: ['!', 'yellow'],
  wrong: ['✗', 'red'],
};

export function doctorCommand(program: Command, context: Context): void {
  program
    .command('doctor')
    .description('Looks at the installation and says what is wrong. Ends with 1 if anything is.')
    .option('--production', 'also whether it is ready for others to depend on it')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster doctor --production')
    .action(async (options: Options) => {
      const config = configOf(context, { data: options.data });
      const isProduction = options.production === true;
      const findings = await throughEither(
        context,
        config,
        (url) => ask<Diagnosis[]>(`${url}/api/doctor${isProduction ? '?production=true' : ''}`),
        (services) => examine({ config, ...services }, isProduction),
        { mayCreate: false },
      );
      if (options.json) printJson(context, findings);
      else for (const finding of findings) print(context, findingText(context, finding));
      if (findings.some(({ grade }) => grade === 'wrong')) process.exitCode = 1;
    });
}

function findingText(context: Context, { check, grade, evidence, advice }: Diagnosis): string {
  const [mark, colour] = MARKS[grade];
  return `${coloured(context, colour, mark)} ${check}: ${evidence}${advice === undefined ? '' : `\n    → ${advice}`}`;
}
