/** `muster gate`: may a deploy go out? */
import { join } from 'node:path';
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { FILES } from '../../names.ts';
import { sloNamed } from '../../slo/definition/openslo.ts';
import { type GateVerdict, gateOf } from '../../slo/inquiry/gate.ts';
import { sloStatus } from '../../slo/measure/status.ts';
import { lastAlive } from '../../store/records/coverage.ts';
import { ask, type Context, coloured, configOf, print, printJson, throughEither } from '../context.ts';

/** A collector that was down for longer leaves the gate closed. */
const MAX_UNSEEN_MS = 600_000;

export function gateCommand(program: Command, context: Context): void {
  program
    .command('gate')
    .description('Exits 0 when the error-budget policy lets a deploy through, 1 when it does not, and says why.')
    .requiredOption('--slo <name...>', 'SLOs that must let it through')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ muster gate --slo enrollment-success api-availability && ./deploy.sh')
    .action(async (options: { slo: string[]; data?: string; json?: boolean }) => {
      const config = configOf(context, { data: options.data });
      const verdicts = await throughEither(
        context,
        config,
        (url) => ask<GateVerdict[]>(`${url}/api/gate?${options.slo.map((name) => `slo=${encodeURIComponent(name)}`).join('&')}`),
        async ({ store, slos }) => {
          // Without a process nobody knows what happened since the last one was alive.
          const aliveMs = await lastAlive(join(config.dataDir, FILES.alive));
          if (aliveMs !== undefined && context.now() - aliveMs > MAX_UNSEEN_MS) {
            const reason = `no collector runs since ${new Date(aliveMs).toISOString()}; a deploy would go out blind`;
            return options.slo.map((name) => ({ slo: sloNamed(slos, name).name, isOpen: false, reason }));
          }
          const wanted = options.slo.map((name) => sloNamed(slos, name));
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
