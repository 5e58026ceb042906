// Before the tests: installs the real programs that they meet, where that is possible, and says plainly what stays missing.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** Program and the Debian package that brings it. */
const PROGRAMS = {
  promtool: 'prometheus',
  prometheus: 'prometheus',
  amtool: 'prometheus-alertmanager',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  chromium: 'chromium',
  python3: 'python3',
  openssl: 'openssl',
  strace: 'strace',
  faketime: 'faketime',
  postgres: 'postgresql',
  pgbouncer: 'pgbouncer',
};

/** Debian keeps the server of PostgreSQL beside the path. */
const isMissing = (program) =>
  spawnSync('sh', ['-c', `command -v ${program} || ls /usr/sbin/${program} /usr/lib/postgresql/*/bin/${program} 2>/dev/null | grep -q .`])
    .status !== 0;
const missing = Object.keys(PROGRAMS).filter(isMissing);

if (missing.length > 0) {
  const packages = [...new Set(missing.map((program) => PROGRAMS[program]))];
  if (existsSync('/etc/debian_version') && process.getuid?.() === 0) {
    console.log(`installing ${packages.join(', ')} for the tests`);
    // Services that a package would start are none of ours.
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    try {
      execFileSync('apt-get', ['update', '-qq'], { stdio: ['ignore', 'ignore', 'inherit'] });
      execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: environment,
      });
    } catch (error) {
      console.error(`could not install ${packages.join(', ')}: ${error.message}`);
    }
  } else {
    console.log(`missing for some groups of tests: ${missing.join(', ')} (Debian packages ${packages.join(', ')})`);
  }
}
const still = Object.keys(PROGRAMS).filter(isMissing);
if (still.length > 0 && process.env.CI === 'true') {
  console.error(`in CI nothing may be left out, but these are missing: ${still.join(', ')}`);
  process.exit(1);
}
