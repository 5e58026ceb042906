/** Brings messages to people: the nearest provider that works, each behind a time limit, tries with jitter and a circuit breaker. */
import {
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  decorrelatedJitterGenerator,
  ExponentialBackoff,
  handleWhen,
  isBrokenCircuitError,
  isTaskCancelledError,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import type { Channel } from '../factors/factor.ts';
import { failed, traced } from '../telemetry.ts';
import { PROVIDER_KINDS, type ProviderSettings } from './index.ts';
import { type Accepted, type Outgoing, type Provider, type ProviderDeps, ProviderError, type ProviderErrorClass } from './provider.ts';

/** Further tries at one provider before the next one is asked. */
const MAX_RETRIES = 1;
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 1_000;
/** Failures in a row that open the circuit, and how long it then stays open before one message tries again. */
const BREAK_AFTER = 5;
const HALF_OPEN_AFTER_MS = 30_000;

const costOf = (cost: Partial<Record<Channel, number>>, channel: Channel): number => cost[channel] ?? 0;

interface Failure {
  errorClass: ProviderErrorClass;
  code: string;
  /** Nobody knows whether the message goes out. */
  isUnsure: boolean;
}

/** One provider that was asked, with what came of it. */
export interface Try {
  provider: string;
  region: string;
  channel: Channel;
  atMs: number;
  durationMs: number;
  /** What it cost, or may have. */
  cost: number;
  failure?: Failure;
}

export interface Sent {
  tries: Try[];
  accepted?: { provider: string; region: string; channel: Channel; reference: string; cost: number };
}

export interface Health {
  provider: string;
  region: string;
  isHealthy: boolean;
}

export interface Delivery {
  channels: ReadonlySet<Channel>;
  /** The most that a message by one of these channels may cost. */
  estimate(channels: readonly Channel[]): number;
  /** Asks one provider after the other, by channel in this order. Never throws. */
  deliver(message: Outgoing, channels: readonly Channel[], region: string | undefined): Promise<Sent>;
  health(): Health[];
}

/** Classes of errors that are no failure of the provider. */
const OURS = new Set<ProviderErrorClass>(['validation', 'policy', 'rate_limit']);

interface Route {
  name: string;
  settings: ProviderSettings;
  send(message: Outgoing): Promise<Accepted>;
  isOpen(): boolean;
}

export interface DeliveryDeps extends ProviderDeps {
  now: () => number;
  /** A circuit opened or closed. */
  onCircuit: (state: 'opened' | 'closed', provider: string, region: string) => void;
}

/** Opens the providers of the settings, in whose order they are asked. */
export async function openDelivery(providers: readonly ProviderSettings[], deps: DeliveryDeps): Promise<Delivery> {
  const routes = await Promise.all(
    providers.map(async (settings) => routeOf(settings, await PROVIDER_KINDS[settings.kind].open(settings, deps), deps)),
  );
  /** The order of the settings, those of the same region first. */
  const routesFor = (channel: Channel, region: string | undefined) => {
    const able = routes.filter(({ settings }) => (settings.channels as readonly Channel[]).includes(channel));
    const isNear = ({ settings }: Route) => region !== undefined && settings.region === region;
    return [...able.filter(isNear), ...able.filter((route) => !isNear(route))];
  };
  return {
    channels: new Set(providers.flatMap(({ channels }) => channels)),
    estimate: (channels) => Math.max(0, ...providers.flatMap(({ cost }) => channels.map((channel) => costOf(cost, channel)))),
    async deliver(message, channels, region) {
      const tries: Try[] = [];
      for (const channel of channels)
        for (const route of routesFor(channel, region)) {
          const { made, accepted } = await tried(route, { ...message, channel }, deps.now);
          tries.push(made);
          if (accepted) return { tries, accepted: { ...made, reference: accepted.reference } };
          // The next one would say the same of this number or address.
          if (made.failure?.errorClass === 'validation' || made.failure?.errorClass === 'policy') return { tries };
        }
      return { tries };
    },
    health: () => routes.map((route) => ({ provider: route.name, region: route.settings.region, isHealthy: !route.isOpen() })),
  };
}

async function tried(route: Route, message: Outgoing, now: () => number): Promise<{ made: Try; accepted?: Accepted }> {
  const atMs = now();
  const startMs = performance.now();
  const { name: provider, settings } = route;
  const { region } = settings;
  const made = (cost: number) => ({ provider, region, channel: message.channel, atMs, durationMs: performance.now() - startMs, cost });
  const attributes = { 'muster.provider': provider, 'muster.region': region, 'muster.channel': message.channel };
  return traced('provider.send', { kind: 'client', attributes }, async (span) => {
    try {
      const accepted = await route.send(message);
      return { made: made(costOf(settings.cost, message.channel)), accepted };
    } catch (error) {
      const failure = failureOf(error);
      failed(span, failure.errorClass);
      return { made: { ...made(failure.isUnsure ? costOf(settings.cost, message.channel) : 0), failure } };
    }
  });
}

function routeOf(settings: ProviderSettings, provider: Provider, { onCircuit }: DeliveryDeps): Route {
  const name = settings.name ?? settings.kind;
  const isOurs = (error: unknown) => error instanceof ProviderError && OURS.has(error.errorClass);
  const breaker = circuitBreaker(
    // What is wrong with one number, or was asked for too often, says nothing about the provider.
    handleWhen((error) => !isOurs(error)),
    { halfOpenAfter: HALF_OPEN_AFTER_MS, breaker: new ConsecutiveBreaker(BREAK_AFTER) },
  );
  breaker.onBreak(() => onCircuit('opened', name, settings.region));
  breaker.onReset(() => onCircuit('closed', name, settings.region));
  const policy = wrap(
    retry(
      handleWhen((error) => !(error instanceof ProviderError) || error.errorClass === 'provider'),
      {
        maxAttempts: MAX_RETRIES,
        backoff: new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS, maxDelay: MAX_PAUSE_MS, generator: decorrelatedJitterGenerator }),
      },
    ),
    breaker,
    timeout(settings.timeout * 1_000, TimeoutStrategy.Aggressive),
  );
  return {
    name,
    settings,
    send: (message) => policy.execute(({ signal }) => provider.send(message, signal)),
    isOpen: () => breaker.state === CircuitState.Open,
  };
}

function failureOf(error: unknown): Failure {
  if (error instanceof ProviderError) return { errorClass: error.errorClass, code: error.code, isUnsure: UNSURE.has(error.code) };
  const code = isBrokenCircuitError(error) ? 'circuit_open' : isTaskCancelledError(error) ? 'timeout' : 'failed';
  return { errorClass: 'provider', code, isUnsure: code !== 'circuit_open' };
}
const UNSURE = new Set(['timeout', 'unreachable']);
