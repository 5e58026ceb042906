/** `muster alert test` */
import type { Command } from 'commander';
import { MusterError } from '../../errors.ts';
import { alertSenders } from '../../publish/notify/senders.ts';
import { loadSlos } from '../../slo/definition/openslo.ts';
import { type TestedRoute, testRoutes } from '../../slo/evaluate/notifications.ts';
import { ask, type Context, coloured, configOf, print, printJson, runningAt } from '../context.ts';

export function alertCommand(program: Command, context: Context): void {
  const alert = program.command('alert').description('Where alerts go.');
  alert
    .command('test')
    .description('Sends one marked page and one marked ticket through every configured route.')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA): the routes of the process that runs on it')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExample:\n  $ MUSTER_ALERTMANAGER_URL=http://127.0.0.1:9093 muster alert test')
    .action(async (options: { data?: string; json?: boolean }) => {
      const config = configOf(context, options);
      const url = await runningAt(config.dataDir);
      const service = (await loadSlos(config.slo))[0]?.service ?? 'mfa-enrollment';
      const routes =
        url === undefined
          ? await testRoutes(alertSenders(config, context.now), service, config.baseUrl, context.now())
          : await ask<TestedRoute[]>(`${url}/api/alerts/test`, { method: 'POST' });
      if (options.json) printJson(context, routes);
      else {
        for (const { route, problem } of routes)
          print(
            context,
            problem === undefined
              ? `${coloured(context, 'green', 'sent')}   ${route}`
              : `${coloured(context, 'red', 'failed')} ${route}: ${problem}`,
          );
      }
      if (routes.length === 0)
        throw new MusterError('MUSTER_BAD_ARGUMENT', 'no route is configured: set MUSTER_ALERTMANAGER_URL or MUSTER_WEBHOOK_URL');
      const failed = routes.filter(({ problem }) => problem !== undefined);
      if (failed.length > 0)
        throw new MusterError('MUSTER_ROUTE_FAILED', `${failed.length} of ${routes.length} routes did not take the test`);
    });
}
