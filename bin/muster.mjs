#!/usr/bin/env node
// Starts Muster on a Node.js that can run it: this one if it is new enough, else the one in node_modules.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));
const bundled = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
// From here on TypeScript runs as it is.
const isNewEnough = major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);

// Each running ClickHouse query holds a thread of libuv's pool, which fsync needs as well: four are too few.
// Compiled code is kept: a command starts in half the time.
const environment = {
  UV_THREADPOOL_SIZE: '16',
  NODE_COMPILE_CACHE: fileURLToPath(new URL('../node_modules/.cache/muster', import.meta.url)),
  ...process.env,
};

const node = isNewEnough ? process.execPath : existsSync(bundled) ? bundled : undefined;
const parameters = ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)];

if (node === undefined) {
  console.error(
    `muster: Node.js ${process.versions.node} is too old (22.18 or newer is needed) and none is bundled for ` +
      `${process.platform}-${process.arch}. Install Node.js 24 from https://nodejs.org and start again.`,
  );
  process.exit(1);
} else if (process.execve && process.platform !== 'win32') {
  // The same process goes on as Muster: signals and exit status need no middleman.
  process.execve(node, [node, ...parameters], environment);
} else {
  const child = spawn(node, parameters, { stdio: 'inherit', env: { ...environment, MUSTER_LAUNCHER: String(process.pid) } });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`muster: cannot start ${node}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
