/** Live traffic of the demo: made-up people who enroll TOTP for real through the core's HTTP API. Some mistype, some walk away. */

import { setTimeout as sleep } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import { MINUTE_MS } from '../system/time.ts';
import { attemptsPerMinute, somebody } from './population.ts';
import type { Random } from './random.ts';

/** People in the flow at once; beyond it nobody new starts. */
const MAX_AT_ONCE = 200;
/** The first few come at once, so that a quiet hour does not look like a broken demo. */
const FIRST_PEOPLE = 3;
const FIRST_PAUSE_MS = 2_000;

export interface LiveTrafficOptions {
  /** Such as http://127.0.0.1:8686 */
  baseUrl: string;
  /** Of the host application. */
  token: string;
  random: Random;
  now: () => number;
  history: { startMs: number; endMs: number; perDay: number };
  signal: AbortSignal;
  onProblem: (message: string) => void;
}

/** Lets people start at the rate of the population until the signal is aborted. */
export async function liveTraffic(options: LiveTrafficOptions): Promise<void> {
  const { random, signal } = options;
  let people = 0;
  let started = 0;
  while (!signal.aborted) {
    const perMinute = attemptsPerMinute(options.now(), options.history);
    const usualMs = Math.min((-Math.log(1 - random.next()) / perMinute) * MINUTE_MS, 5 * MINUTE_MS);
    const pauseMs = started < FIRST_PEOPLE ? FIRST_PAUSE_MS : usualMs;
    await sleep(pauseMs, undefined, { signal }).catch(() => {});
    if (signal.aborted || people >= MAX_AT_ONCE) continue;
    people += 1;
    started += 1;
    enroll(options)
      .catch((error: unknown) => {
        if (!signal.aborted) options.onProblem(`live traffic: ${error instanceof Error ? error.message : String(error)}`);
      })
      .finally(() => {
        people -= 1;
      });
  }
}

async function enroll({ baseUrl, token, random, now, signal }: LiveTrafficOptions): Promise<void> {
  const { user, region, segment, user_tier, client_version } = somebody(random);
  const post = async (path: string, body: object) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
    });
    return { status: response.status, body: (await response.json()) as { id: string; challenge: { secret: string } } };
  };
  const started = await post('/core/v1/enrollments', {
    user,
    factor_type: 'totp',
    region,
    segment,
    user_tier,
    client_version,
    channel: 'self_service',
  });
  if (started.status !== 201) return;
  const totp = new TOTP({ secret: Secret.fromBase32(started.body.challenge.secret) });
  await sleep(Math.min(random.logNormal(19_000, 0.5), 300_000), undefined, { signal });
  if (random.chance(0.006)) return;
  const mistakes = random.chance(0.06) ? 1 + random.integer(2) : 0;
  for (let i = 0; i < mistakes; i++) {
    await post(`/core/v1/enrollments/${started.body.id}/verify`, { code: mistyped(totp.generate({ timestamp: now() })) });
    await sleep(random.logNormal(7_000, 0.4), undefined, { signal });
  }
  await post(`/core/v1/enrollments/${started.body.id}/verify`, { code: totp.generate({ timestamp: now() }) });
}

/** The code with its last digit wrong. */
const mistyped = (code: string) => code.slice(0, -1) + ((Number(code.at(-1)) + 1) % 10);
