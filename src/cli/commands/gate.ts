/** `muster gate`: may a deploy go out? */
import { join } from 'node:path';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { readSloFiles, sloNamed, slosIn } from '../../slo/definition/openslo.ts';
import { type GateVerdict, gateOf } from '../../slo/inquiry/gate.ts';
import { sloAsked, trialStatus } from '../../slo/inquiry/trial.ts';
import { toMinute } from '../../slo/measure/figures.ts';
import { sloStatus } from '../../slo/measure/status.ts';
import { lastAlive } from '../../store/records/coverage.ts';
import { ask, type Context, coloured, configOf, post, print, printJson, throughEither } from '../context.ts';

/** A collector that was down for longer leaves the gate closed. */
const MAX_UNSEEN_MS = 600_000;

export function gateCommand(program: Command, context: Context): void {
  program
    .command('gate')
    .description('Exits 0 when the error-budget policy lets a deploy through, 1 when it does not, and says why.')
    .option('--slo <name...>', 'SLOs that must let it through')
    .option('--file <path...>', 'SLO files that are not live yet')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster gate --slo enrollment-success api-availability && ./deploy.sh')
    .action(async (options: { slo?: string[]; file?: string[]; data?: string; json?: boolean }) => {
      const config = configOf(context, { data: options.data });
      const files = options.file && (await readSloFiles(options.file));
      const tried = files && sloAsked(slosIn(files), options.slo ?? []);
      const names = tried?.map(({ name }) => name) ?? options.slo ?? [];
      if (names.length === 0)
        throw new MusterError(
          'MUSTER_BAD_ARGUMENT',
          '--slo: expected names of SLOs that must let a deploy through, or --file with SLO files',
        );
      const verdicts = await throughEither(
        context,
        config,
        (url) =>
          tried
            ? post<GateVerdict[]>(`${url}/api/slo-files/gate`, { files, slo: names })
            : ask<GateVerdict[]>(`${url}/api/gate?${names.map((name) => `slo=${encodeURIComponent(name)}`).join('&')}`),
        async ({ store, slos }) => {
          // Without a process nobody knows what happened since the last one was alive.
          const aliveMs = await lastAlive(join(config.dataDir, FILES.alive));
          if (aliveMs !== undefined && context.now() - aliveMs > MAX_UNSEEN_MS) {
            const reason = `no collector runs since ${new Date(aliveMs).toISOString()}; a deploy would go out blind`;
            return names.map((name) => ({ slo: sloNamed(tried ?? slos, name).name, isOpen: false, reason }));
          }
          if (tried) return Promise.all(tried.map(async (slo) => gateOf(await trialStatus(store.engine, slo, toMinute(context.now())))));
          const wanted = names.map((name) => sloNamed(slos, name));
          return (await sloStatus(store.engine, wanted, context.now())).map(gateOf);
        },
        { mayCreate: false },
      );
      if (options.json) printJson(context, verdicts);
      else {
        for (const { slo, isOpen, reason } of verdicts)
          print(context, `${coloured(context, isOpen ? 'green' : 'red', isOpen ? 'open  ' : 'closed')} ${slo}: ${reason}`);
      }
      const closed = verdicts.filter(({ isOpen }) => !isOpen).map(({ slo }) => slo);
      if (closed.length > 0) throw new MusterError('MUSTER_GATE_CLOSED', `the gate is closed by ${closed.join(', ')}`);
    });
}
