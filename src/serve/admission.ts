/** Who may hand in events now: the own host, POST, room in memory, log and loader. Shared by all routes of intake. */
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep, setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Intake } from '../collect/intake/intake.ts';
import { LARGE_BODY_BYTES } from '../collect/intake/parse.ts';
import { MusterError } from '../errors.ts';
import { oneAtATime } from '../system/one-at-a-time.ts';
import type { Caller } from './access/gate.ts';
import { type BodyForm, type BodyOptions, readBody } from './body.ts';
import { type OpenRequests, stopping } from './open-requests.ts';

/** A request waits this long for room before it is refused. */
const WAIT_FOR_ROOM_MS = 2_000;
const WAIT_STEP_MS = 50;
/** Bodies in memory at once; beyond it requests wait. */
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;
/** A thousand events have some 30,000 values and keys. */
const LARGE_VALUES = 60_000;

/** Reads bodies, and holds their bytes against the bound of all routes together until `use` is done. */
export interface Bodies {
  bytesInFlight(): number;
  /** @throws MUSTER_OVERLOADED, MUSTER_BODY_TOO_LARGE, MUSTER_UNSUPPORTED_TYPE, MUSTER_BAD_JSON */
  read<T>(request: IncomingMessage, options: Omit<BodyOptions, 'hold'>, use: (body: Buffer) => Promise<T>): Promise<T>;
}

/** One bound for the bodies of all routes of a server. */
export function createBodies(): Bodies {
  let bytesInFlight = 0;
  const oneLarge = oneAtATime();
  return {
    bytesInFlight: () => bytesInFlight,
    async read(request, options, use) {
      let held = 0;
      const hold = (bytes: number) => {
        held += bytes;
        bytesInFlight += bytes;
        // Those who are already sending may go above the bound a little, so that all of them do not stop at once.
        if (bytesInFlight > 2 * MAX_BYTES_IN_FLIGHT)
          throw new MusterError('MUSTER_OVERLOADED', 'too much is on its way at once; send this request again');
      };
      try {
        const { bytes, values } = await readBody(request, { ...options, hold });
        // What is made of a body takes many times its size: large ones are worked on one after the other.
        if (bytes.length <= LARGE_BODY_BYTES && values <= LARGE_VALUES) return await use(bytes);
        return await oneLarge(async () => {
          await yieldToLoop();
          return use(bytes);
        });
      } finally {
        bytesInFlight -= held;
      }
    },
  };
}

export interface AdmissionDeps {
  requests: Pick<OpenRequests, 'isStopping'>;
  /** Undefined while the store is still starting. */
  intake: () => Intake | undefined;
  /** Whether the log and the loader can take more. */
  hasRoom: () => boolean;
  maxBodyBytes: number;
  bodies: Bodies;
  /** Who sends it. @throws when nobody who may */
  enter: (request: IncomingMessage) => Caller;
}

/**
 * Reads a request's body once there is room.
 * @param check looks at the headers before anything is read; what it makes of them is handed on
 * @throws MUSTER_FORBIDDEN_HOST, MUSTER_UNAUTHORIZED, MUSTER_FORBIDDEN, MUSTER_RATE_LIMITED, MUSTER_METHOD_NOT_ALLOWED, MUSTER_NOT_READY, MUSTER_OVERLOADED, MUSTER_BODY_TOO_LARGE, MUSTER_UNSUPPORTED_TYPE, MUSTER_BAD_JSON
 */
export type Admit = <C extends { form: BodyForm }, T>(
  request: IncomingMessage,
  check: () => C,
  use: (intake: Intake, body: Buffer, checked: C, caller: Caller) => Promise<T>,
) => Promise<T>;

/** The admission of one server. */
export function createAdmission(deps: AdmissionDeps): Admit {
  const roomFor = async (): Promise<Intake> => {
    for (let waitedMs = 0; ; waitedMs += WAIT_STEP_MS) {
      if (deps.requests.isStopping()) throw stopping();
      const intake = deps.intake();
      if (intake && deps.hasRoom() && deps.bodies.bytesInFlight() <= MAX_BYTES_IN_FLIGHT) return intake;
      if (waitedMs >= WAIT_FOR_ROOM_MS) {
        throw intake
          ? new MusterError('MUSTER_OVERLOADED', 'events come in faster than they can be loaded; send this request again')
          : new MusterError('MUSTER_NOT_READY', 'Muster is starting or stopping; send this request again');
      }
      await sleep(WAIT_STEP_MS);
    }
  };

  return async (request, check, use) => {
    const caller = deps.enter(request);
    if (request.method !== 'POST') throw new MusterError('MUSTER_METHOD_NOT_ALLOWED', 'events are sent with POST');
    const checked = check();
    const intake = await roomFor();
    return deps.bodies.read(request, { maxBytes: deps.maxBodyBytes, form: checked.form }, (body) => use(intake, body, checked, caller));
  };
}
