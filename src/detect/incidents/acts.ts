/** The registry of what people do with an incident: one entry each, of which the command line and the API are made. */
import type { Engine } from '../../store/engine/engine.ts';
import { acknowledged, assigned, dismissed, type Incident, merged, type Place, resolved, split } from './incident.ts';
import { incidentNamed, nextNumber } from './incident-table.ts';
import { suppressedBy } from './suppressions.ts';

/** What an act needs beside a reason. */
interface Field {
  readonly name: string;
  /** Of the command line. */
  readonly flags: string;
  readonly description: string;
  /** What it looks like, and an example of it. */
  readonly pattern: RegExp;
  readonly example: string;
}

export interface Deciding {
  engine: Engine;
  nowMs: number;
  reason: string;
  /** The field of the act; empty where it has none. */
  given: string;
}

interface ActOfIncident {
  readonly description: string;
  readonly example: string;
  readonly field?: Field;
  /**
   * The incidents that it changes, the one that is shown first.
   * @throws MUSTER_CONFLICT, MUSTER_NOT_FOUND
   */
  decide(incident: Incident, deciding: Deciding): Incident[] | Promise<Incident[]>;
  /** What it does beside, once they are written. */
  after?(incident: Incident, deciding: Deciding): Promise<void>;
}

const NAME = /^[^\p{Cc}]{1,200}$/u;

const REGISTRY = {
  ack: {
    description: 'Says that somebody is looking at it.',
    example: '--reason "looking at the provider"',
    decide: (incident, { nowMs }) => [acknowledged(incident, nowMs)],
  },
  assign: {
    description: 'Says who has it.',
    example: '--to ada --reason "knows the provider"',
    field: { name: 'assignee', flags: '--to <name>', description: 'who has it', pattern: NAME, example: 'ada' },
    decide: (incident, { given, nowMs }) => [assigned(incident, given, nowMs)],
  },
  note: {
    description: 'Adds a note to its log: what was seen, or is thought.',
    example: '--reason "the provider confirms an outage"',
    decide: (incident) => [incident],
  },
  step: {
    description: 'Adds a step of a runbook to its log: what was done.',
    example: '--runbook provider-outage --reason "sent to sms-borealis"',
    field: {
      name: 'runbook',
      flags: '--runbook <name>',
      description: 'the runbook, as its page is called',
      pattern: /^[a-z0-9][a-z0-9-]{0,99}$/,
      example: 'provider-outage',
    },
    decide: (incident) => [incident],
  },
  resolve: {
    description: 'Ends it now, whatever is still seen of it.',
    example: '--reason "rolled back"',
    decide: (incident, { nowMs }) => [resolved(incident, nowMs)],
  },
  dismiss: {
    description:
      'Takes it for none: its signs stay with it, nobody is told of them, and for a week such flags of its values begin no other.',
    example: '--reason "a load test of ours"',
    decide: (incident, { nowMs }) => [dismissed(incident, nowMs)],
    after: (incident, { engine, reason, nowMs }) => suppressedBy(engine, incident, reason, nowMs),
  },
  merge: {
    description: 'Takes it for the same as another one, which stays with the signs of both.',
    example: '--into INC-6 --reason "the same outage"',
    field: { name: 'into', flags: '--into <id>', description: 'the one that stays', pattern: NAME, example: 'INC-6' },
    async decide(incident, { engine, given }) {
      const { stays, gone } = merged(incident, await incidentNamed(engine, given));
      return [gone, stays];
    },
  },
  split: {
    description: 'Makes an incident of its own of what is seen at one place.',
    example: '--off provider=sms-a --reason "another fault"',
    field: {
      name: 'off',
      flags: '--off <dimension=value>',
      description: 'the place, as its signs name it',
      pattern: /^[a-z_]{1,40}=[^\p{Cc}]{0,500}$/u,
      example: 'provider=sms-a',
    },
    async decide(incident, { engine, given }) {
      const { stays, apart } = split(incident, placeOf(given), await nextNumber(engine));
      return [stays, apart];
    },
  },
} as const satisfies Record<string, ActOfIncident>;

export type ActName = keyof typeof REGISTRY;
export const ACTS: Readonly<Record<ActName, ActOfIncident>> = REGISTRY;
export const ACT_NAMES = Object.keys(REGISTRY) as ActName[];

function placeOf(text: string): Place {
  const [dimension = '', ...value] = text.split('=');
  return { dimension, value: value.join('=') };
}

/** What is written in the log of an incident: the field of an act that says more than the reason. */
export const loggedReason = (act: ActName, given: string, reason: string): string => {
  const { field } = ACTS[act];
  return field ? `${field.name} ${given}: ${reason}` : reason;
};
