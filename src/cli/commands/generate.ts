/** `muster generate [dashboards|alerts|schemas]` */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Argument, type Command } from 'commander';
import { MusterError, systemCode } from '../../errors.ts';
import { DEFAULT_PORT } from '../../names.ts';
import { loadEscalation } from '../../publish/alertmanager/escalation.ts';
import { GENERATORS, type GeneratorName } from '../../publish/generate.ts';
import { loadSlos } from '../../slo/definition/openslo.ts';
import { type Context, print } from '../context.ts';

const GENERATED_FOLDERS = [
  'schemas/events',
  'schemas/examples',
  'alerts/prometheus',
  'alerts/alertmanager',
  'alerts/grafana',
  'dashboards',
];
interface Options {
  check?: boolean;
  slo?: string[];
  escalation?: string;
  out: string;
  baseUrl: string;
}

const NAMES = Object.keys(GENERATORS) as GeneratorName[];

export function generateCommand(program: Command, context: Context): void {
  program
    .command('generate')
    .description('Writes dashboards/, alerts/ and schemas/ from the SLOs, panels and events.')
    .addArgument(new Argument('[what]', 'only this part').choices(NAMES))
    .option('--check', 'write nothing; exit 1 and name the files that differ')
    .option('--slo <path...>', 'OpenSLO files or folders (default: those that ship)')
    .option('--escalation <file>', 'who is told of what (default: alerts/escalation.yaml of Muster)')
    .option('--out <dir>', 'folder to write into', '.')
    .option('--base-url <url>', 'where people reach Muster, for links in alerts and dashboards', `http://localhost:${DEFAULT_PORT}`)
    .addHelpText('after', '\nExample:\n  $ muster generate alerts --slo my-slos/ --out /tmp/muster')
    .action(async (what: GeneratorName | undefined, options: Options) => {
      if (!URL.canParse(options.baseUrl))
        throw new MusterError('MUSTER_BAD_ARGUMENT', '--base-url: expected a URL, such as https://muster.example.org');
      const slos = await loadSlos(options.slo);
      const escalation = await loadEscalation(options.escalation);
      const links = { baseUrl: options.baseUrl.replace(/\/+$/, '') };
      const files = NAMES.filter((name) => what === undefined || what === name).flatMap((name) =>
        GENERATORS[name]({ slos, links, escalation }),
      );
      const differing: string[] = options.check ? await strays(options.out, files) : [];
      for (const { path, text } of files) {
        const target = join(options.out, path);
        if ((await textOf(target)) === text) continue;
        differing.push(target);
        if (options.check) continue;
        await mkdir(dirname(target), { recursive: true });
        await writeFile(target, text);
      }
      if (options.check && differing.length > 0) {
        throw new MusterError('MUSTER_GENERATED_DIFFERS', `${differing.join(', ')}: not what would be generated now; run muster generate`);
      }
      print(
        context,
        options.check ? `${files.length} files are as they would be generated` : `${differing.length} of ${files.length} files written`,
      );
    });
}

/** Files in folders that only hold generated ones, which nothing generates any more. */
async function strays(out: string, files: readonly { path: string }[]): Promise<string[]> {
  const generated = new Set(files.map(({ path }) => path));
  const folders = GENERATED_FOLDERS.filter((folder) => files.some(({ path }) => path.startsWith(`${folder}/`)));
  const found = await Promise.all(folders.map((folder) => filesBelow(join(out, folder))));
  return folders.flatMap((folder, i) => (found[i] ?? []).map((name) => `${folder}/${name}`).filter((path) => !generated.has(path)));
}

/** Paths of files, relative to the folder; none when it is not there. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
