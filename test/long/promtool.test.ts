/** The unit tests that stand beside the generated rules, run by promtool; and that they fail where a condition of a rule is taken out. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadEscalation } from '../../src/publish/alertmanager/escalation.ts';
import { GENERATORS } from '../../src/publish/generate.ts';
import { loadSlos } from '../../src/slo/definition/openslo.ts';
import { have, pathOf } from '../support/counterparts.ts';

const LINKS = { baseUrl: 'http://localhost:8686' };
const run = promisify(execFile);
const slos = await loadSlos();
const escalation = await loadEscalation();
const files = GENERATORS.alerts({ slos, links: LINKS, escalation });

describe.runIf(have('promtool'))('Prometheus', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'muster-rules-'));
    for (const { path, text } of files.filter((file) => file.path.startsWith('alerts/'))) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });
  const promtool = async (...parameters: string[]) => run(pathOf('promtool'), parameters, { cwd: join(folder, 'alerts/prometheus') });

  // Each case evaluates all rules that are there: those of one SLO at a time take a fraction of the whole.
  test.each(slos.map(({ name }) => name))(
    'the generated unit tests of %s pass: each pair fires when it should, and in no other minute',
    async (name) => {
      const one = slos.filter((slo) => slo.name === name);
      for (const { path, text } of GENERATORS.alerts({ slos: one, links: LINKS, escalation })) await writeFile(join(folder, path), text);
      expect((await promtool('test', 'rules', 'muster-slo.test.yaml')).stdout).toContain('SUCCESS');
    },
  );

  // The tests must be able to fail: each condition of a rule is taken out in turn.
  const CONDITIONS: [string, RegExp, string][] = [
    [
      'the long window',
      /slo:sli_evidence:ratio_pair1_1h\{slo="enrollment-success"\} \/ \(1 - 0\.98\) > 14\.4/,
      'slo:sli_evidence:ratio_pair1_1h{slo="enrollment-success"} / (1 - 0.98) > 0',
    ],
    ['the short window', /and slo:sli_error:ratio_rate5m\{slo="enrollment-success"\}.*\n/, '\n'],
    ['five bad ones', /and max by \(slo\) \(muster_slo_evidence_events\{slo="enrollment-success",pair="1",outcome="bad"\}\) >= 5\n/, '\n'],
    [
      'three users',
      /and max by \(slo\) \(muster_slo_evidence_events\{slo="enrollment-success",pair="1",outcome="users_bad"\}\) >= 3\n/,
      '\n',
    ],
    ['coverage', /and max by \(slo\) \(muster_slo_coverage_ratio\{slo="enrollment-success",window="[^"]*"\}\) >= 0\.9\n/g, '\n'],
    ['maintenance', /and max by \(slo\) \(muster_slo_maintenance\{slo="enrollment-success"\}\) == 0\n/g, '\n'],
    ['what the evaluator holds', /state="firing"\}\) == 1/g, 'state="firing"}) == 2'],
  ];
  test.each(CONDITIONS)('without the condition on %s they fail', async (_name, pattern, replacement) => {
    const one = slos.filter(({ name }) => name === 'enrollment-success');
    const alerts = GENERATORS.alerts({ slos: one, links: LINKS, escalation });
    const rules = alerts.find(({ path }) => path.endsWith('.rules.yaml'))?.text ?? '';
    const tests = alerts.find(({ path }) => path.endsWith('.test.yaml'))?.text ?? '';
    await writeFile(join(folder, 'alerts/prometheus/muster-slo.test.yaml'), tests);
    const broken = rules.replace(pattern, replacement);
    expect(broken).not.toBe(rules);
    const path = join(folder, 'alerts/prometheus/muster-slo.rules.yaml');
    await writeFile(path, broken);
    await expect(promtool('test', 'rules', 'muster-slo.test.yaml')).rejects.toMatchObject({ code: 1 });
    await writeFile(path, rules);
  });
});
