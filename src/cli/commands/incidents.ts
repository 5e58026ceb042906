/** `muster incidents` */
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { ACT_NAMES, ACTS, loggedReason } from '../../detect/incidents/acts.ts';
import { incidentNamed, incidentsSince, MAX_LISTED_INCIDENTS } from '../../detect/incidents/incident-table.ts';
import { act } from '../../detect/incidents/incident-watch.ts';
import { printable } from '../../events/checker.ts';
import { actOf, acts, logOf, shownIncident } from '../../serve/routes/incidents.ts';
import { parsed } from '../../system/parsed-body.ts';
import { ask, type Context, coloured, configOf, momentParameters, post, print, printJson, throughEither, timeOption } from '../context.ts';
import { countText, momentText } from '../figures.ts';

const DEFAULT_MS = 30 * 86_400_000;
type Shown = ReturnType<typeof shownIncident>;
type Detail = Shown & { log: Awaited<ReturnType<typeof logOf>> };

interface Options {
  since?: string;
  data?: string;
  json?: boolean;
}

export function incidentsCommand(program: Command, context: Context): void {
  const incidents = program
    .command('incidents')
    .description('What went wrong, each as one thing: those that are not over, and those of the last thirty days; or one of them in full.')
    .argument('[id]', 'one of them, such as INC-7')
    .option('--since <time>', 'that began at or after this moment (RFC 3339), and all that are not over')
    .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
    .option('--json', 'print as JSON')
    .addHelpText('after', '\nExamples:\n  $ muster incidents --since 2026-11-24T00:00:00Z --json\n  $ muster incidents INC-7')
    .action((id: string | undefined, options: Options) => (id === undefined ? list(context, options) : show(context, id, options)));

  for (const name of ACT_NAMES) {
    const { description, field, example } = ACTS[name];
    const command = incidents.command(name).description(description).argument('<id>', 'as muster incidents shows it');
    if (field) command.requiredOption(field.flags, field.description);
    command
      .requiredOption('--reason <text>', 'why; goes into the log of the incident and the audit log')
      .option('--data <dir>', 'data directory (default .muster, or MUSTER_DATA)')
      .option('--json', 'print the incident as JSON')
      .addHelpText('after', `\nExample:\n  $ muster incidents ${name} INC-7 ${example}`)
      .action(async (id: string, given: ActOptions) => {
        const options = { ...incidents.opts<Options>(), ...given };
        const actor = userInfo().username;
        const option = field?.flags.split(' ')[0]?.slice(2);
        const of = field && option ? { [field.name]: given[option] } : {};
        // As the API takes it, whether a process runs or not.
        const body = parsed(acts, { act: name, ...of, reason: options.reason, actor });
        const incident = await throughEither(
          context,
          configOf(context, { data: options.data }),
          (url) => post<Shown>(`${url}/api/incidents/${encodeURIComponent(id)}/acts`, body),
          async ({ store, people }) => {
            const what = actOf(body);
            const changed = await act(store.engine, id, what, context.now());
            await people.audited(actor, `incident.${name}`, id, loggedReason(name, what.given, what.reason));
            return shownIncident(changed);
          },
          { mayCreate: false },
        );
        if (options.json) printJson(context, incident);
        else
          print(
            context,
            `${incident.id} is ${incident.status}${incident.assignee === '' ? '' : `, with ${printable(incident.assignee)}`}.`,
          );
      });
  }
}

interface ActOptions extends Record<string, string | boolean | undefined> {
  reason: string;
  data?: string;
  json?: boolean;
}

async function list(context: Context, options: Options): Promise<void> {
  const sinceMs = timeOption('--since', options.since) ?? context.now() - DEFAULT_MS;
  const found = await throughEither(
    context,
    configOf(context, { data: options.data }),
    (url) => ask<Shown[]>(`${url}/api/incidents?${momentParameters({ since: sinceMs })}`),
    async ({ store }) => (await incidentsSince(store.engine, sinceMs)).map(shownIncident),
    { mayCreate: false },
  );
  if (options.json) printJson(context, found);
  else if (found.length === 0) print(context, 'No incidents.');
  else for (const incident of found) print(context, lineOf(context, incident));
  if (found.length === MAX_LISTED_INCIDENTS)
    context.stderr.write(
      `muster: these are the newest ${MAX_LISTED_INCIDENTS}, and there may be more: muster query "SELECT count() FROM incidents"\n`,
    );
}

async function show(context: Context, id: string, options: Options): Promise<void> {
  const incident = await throughEither(
    context,
    configOf(context, { data: options.data }),
    (url) => ask<Detail>(`${url}/api/incidents/${encodeURIComponent(id)}`),
    async ({ store }) => ({ ...shownIncident(await incidentNamed(store.engine, id)), log: await logOf(store.engine, id) }),
    { mayCreate: false },
  );
  if (options.json) printJson(context, incident);
  else print(context, fullText(context, incident));
}

const isOver = ({ status }: Shown): boolean => status !== 'open' && status !== 'acknowledged';

function lineOf(context: Context, incident: Shown): string {
  const { id, severity, status, title, start, end, slos, attempts, users } = incident;
  const colour = isOver(incident) ? 'gray' : severity === 'page' ? 'red' : 'yellow';
  const when = end === null ? `since ${momentText(start)}` : `${momentText(start)} to ${momentText(end)}`;
  const [worst] = slos;
  const cost = worst ? ` · ${Math.round(worst.budgetSpent * 100)} % of the budget of ${worst.slo}` : '';
  const hit = `${countText(attempts)} attempts of ${countText(users)} people failed${cost}`;
  return `${coloured(context, colour, `${id.padEnd(8)} ${status.padEnd(12)} ${severity.padEnd(6)}`)} ${printable(title)}\n  ${when} · ${hit}`;
}

function fullText(context: Context, incident: Detail): string {
  const { cause, change, slos, findings, signals, assignee, mergedInto, log } = incident;
  const times = [
    ['first sign', incident.start],
    ['detected', incident.detected],
    ['notified', incident.notified],
    ['acknowledged', incident.acknowledged],
    ['mitigated', incident.mitigated],
    ['over', incident.end],
  ] as const;
  const rows: [string, string][] = [
    ...times.map(([name, at]): [string, string] => [name, at === null ? '–' : momentText(at)]),
    ['cause', cause ? `${cause.dimension} ${cause.value}` : '–'],
    ['changed before', change ? `${change.type} ${change.deployment}, ${momentText(change.time)}` : '–'],
    ['hit', `${countText(incident.attempts)} attempts of ${countText(incident.users)} people`],
    [
      'error budgets',
      slos.length === 0 ? '–' : slos.map(({ slo, budgetSpent }) => `${slo} ${(budgetSpent * 100).toFixed(1)} %`).join(', '),
    ],
    ['who has it', assignee || '–'],
    ...(mergedInto === '' ? [] : [['same as', mergedInto] as [string, string]]),
    ...(findings.length === 0 ? [] : [['findings', findings.join(', ')] as [string, string]]),
  ];
  const signs = signals
    .toSorted((a, b) => (a.start < b.start ? -1 : 1))
    .slice(0, MAX_SIGNS)
    .map(({ source, name, of, dimension, value, start, end }) => {
      const what = source === 'flag' ? `${name} of ${of}` : source === 'alert' ? `budget of ${name} (${of})` : name;
      return `  ${momentText(start)} to ${momentText(end)}  ${what}${dimension === '' ? '' : `, ${dimension} ${value}`}`;
    });
  const more = signals.length > MAX_SIGNS ? [`  and ${signals.length - MAX_SIGNS} more (--json lists them)`] : [];
  return [
    lineOf(context, incident).split('\n')[0],
    ...rows.map(([name, text]) => `  ${name.padEnd(15)} ${printable(text)}`),
    'Signs, oldest first:',
    ...signs.map(printable),
    ...more,
    ...(log.length === 0 ? [] : ['Log:']),
    ...log.map(({ at, actor, act: what, reason }) => printable(`  ${momentText(at)}  ${what} by ${actor || 'nobody'}: ${reason}`)),
  ].join('\n');
}

const MAX_SIGNS = 20;
