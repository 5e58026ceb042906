/** Peers that come from npm, Go, PyPI and Maven: built once into a cache, or the reason why they are not here. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const HERE = fileURLToPath(new URL('../peers/', import.meta.url));
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'muster-peers');
const BUILD_MS = 600_000;

/** A program with the parameters that stand before those of its user. */
export type Peer = readonly [program: string, ...parameters: string[]];

interface Language {
  /** What must be on the path. */
  needs: string;
  /** Builds into a folder, from a copy of its sources there. */
  build: (folder: string) => Promise<void>;
  peer: (folder: string, name: string) => Peer;
  /** A program of its own, of the text of its one file, which is written into a folder. */
  program?: (folder: string, text: string) => Promise<Peer>;
}

async function written(folder: string, name: string, text: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, name), text);
  return join(folder, name);
}
async function inVirtualEnvironment(folder: string): Promise<void> {
  await run('python3', ['-m', 'venv', join(folder, 'venv')], { timeout: BUILD_MS });
  const pip = join(folder, 'venv/bin/pip');
  await run(pip, ['install', '--quiet', '--disable-pip-version-check', '-r', join(folder, 'requirements.txt')], { timeout: BUILD_MS });
}
/** From here packages are found as from the repository. */
const BESIDE_PACKAGES = fileURLToPath(new URL('../../node_modules/.cache/muster-peers', import.meta.url));

const LANGUAGES = {
  javascript: {
    needs: 'node',
    build: async () => {},
    peer: (_, name) => [process.execPath, join(HERE, 'javascript', `${name}.mjs`)],
    program: async (_, text) => [process.execPath, await written(BESIDE_PACKAGES, 'program.mjs', text)],
  },
  python: {
    needs: 'python3',
    build: inVirtualEnvironment,
    peer: (folder, name) => [join(folder, 'venv/bin/python'), join(folder, `${name}.py`)],
    program: async (folder, text) => [join(folder, 'venv/bin/python'), await written(folder, 'program.py', text)],
  },
  go: {
    needs: 'go',
    build: async (folder) => {
      await run('go', ['build', '-o', 'peers', '.'], { cwd: folder, timeout: BUILD_MS });
    },
    peer: (folder, name) => [join(folder, 'peers'), name],
    async program(folder, text) {
      await written(join(folder, 'program'), 'main.go', text);
      await run('go', ['build', '-o', 'program/built', './program'], { cwd: folder, timeout: BUILD_MS });
      return [join(folder, 'program/built')];
    },
  },
  java: {
    needs: 'mvn',
    build: async (folder) => {
      await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=jars'], { cwd: folder, timeout: BUILD_MS });
    },
    peer: (folder, name) => ['java', '-cp', join(folder, 'jars/*'), join(folder, `${name[0]?.toUpperCase()}${name.slice(1)}.java`)],
    program: async (folder, text) => ['java', '-cp', join(folder, 'jars/*'), await written(join(folder, 'program'), 'Program.java', text)],
  },
  /** A generator of types, with a client that is compiled by them. */
  'openapi-typescript': {
    needs: 'npm',
    build: async (folder) => {
      await run('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: folder, timeout: BUILD_MS });
    },
    peer: (folder, name) => [process.execPath, join(folder, name)],
  },
  /** A generator of clients in Python, and schemathesis. */
  'openapi-python': {
    needs: 'python3',
    build: inVirtualEnvironment,
    peer: (folder, name) => [join(folder, 'venv/bin', name)],
  },
  collector: {
    needs: 'go',
    build: async (folder) => {
      await run('go', ['build', '-trimpath', '-ldflags=-s -w', '-o', 'collector', '.'], { cwd: folder, timeout: BUILD_MS });
    },
    peer: (folder) => [join(folder, 'collector')],
  },
} as const satisfies Record<string, Language>;
export type LanguageName = keyof typeof LANGUAGES;

/** Why a language's peers are not here, or undefined; the first call builds them. */
export async function whyNot(language: LanguageName): Promise<string | undefined> {
  const { needs, build } = LANGUAGES[language];
  try {
    await run(needs, needs === 'go' ? ['version'] : ['--version']);
  } catch {
    return `${needs} is missing`;
  }
  const folder = await folderOf(language);
  if ((await readdir(folder).catch(() => [])).length > 0) return undefined;
  // A build that breaks off leaves nothing that looks like a whole one.
  const making = `${folder}.${process.pid}`;
  await mkdir(CACHE, { recursive: true });
  await cp(join(HERE, language), making, { recursive: true });
  try {
    await build(making);
    await rename(making, folder);
    // A virtual environment knows its place.
    if (build === inVirtualEnvironment) {
      await rm(join(folder, 'venv'), { recursive: true });
      await build(folder);
    }
    return undefined;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return `they cannot be built: ${error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : String(error)}`;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

/** The peer of a language by its name. */
export async function peerOf(language: LanguageName, name: string): Promise<Peer> {
  return LANGUAGES[language].peer(await folderOf(language), name);
}

/** Where the peers of a language stand, for what is generated beside them. */
export const peersIn = (language: LanguageName): Promise<string> => folderOf(language);

/** A program of a language whose text somebody else wrote. */
export async function programOf(language: 'javascript' | 'python' | 'go' | 'java', text: string): Promise<Peer> {
  return LANGUAGES[language].program(await folderOf(language), text);
}

/** Named by what it is built from: another version is built anew. */
async function folderOf(language: LanguageName): Promise<string> {
  const digest = createHash('sha256');
  for (const file of (await readdir(join(HERE, language))).sort()) digest.update(file).update(await readFile(join(HERE, language, file)));
  return join(CACHE, `${language}-${digest.digest('hex').slice(0, 16)}`);
}
