/** Every error that Muster itself raises: a code, what happened, and what to do about it. */

interface Kind {
  /** HTTP status when the error reaches a client. */
  status: number;
  /** Process exit status: 1 failed, 2 wrong usage or bad input. */
  exit: 1 | 2;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  meaning: string;
}

export const ERRORS = {
  MUSTER_BAD_ARGUMENT: { status: 400, exit: 2, retryable: false, meaning: 'An option, argument or field is not what is taken here.' },
  MUSTER_BAD_JSON: { status: 400, exit: 2, retryable: false, meaning: 'The body or file is not valid JSON.' },
  MUSTER_INVALID_EVENTS: { status: 400, exit: 2, retryable: false, meaning: 'None of the events is valid.' },
  MUSTER_BAD_MAPPING: {
    status: 400,
    exit: 2,
    retryable: false,
    meaning: 'A mapping file cannot be read, or its own tests do not pass.',
  },
  MUSTER_BAD_SLO: { status: 400, exit: 2, retryable: false, meaning: 'An SLO file does not follow the OpenSLO form that Muster reads.' },
  MUSTER_UNKNOWN_SOURCE: { status: 404, exit: 2, retryable: false, meaning: 'No connector has this name.' },
  MUSTER_NO_SUCH_FILE: { status: 404, exit: 2, retryable: false, meaning: 'A file that was named does not exist or cannot be read.' },
  MUSTER_NOT_FOUND: { status: 404, exit: 2, retryable: false, meaning: 'The thing that was asked for does not exist.' },
  MUSTER_UNAUTHORIZED: { status: 401, exit: 1, retryable: false, meaning: 'The route needs a key, and none that may be used was sent.' },
  MUSTER_FORBIDDEN: { status: 403, exit: 1, retryable: false, meaning: 'The key that was sent does not have the scope of the route.' },
  MUSTER_RATE_LIMITED: {
    status: 429,
    exit: 1,
    retryable: true,
    meaning: 'Too many requests for now: of a key, a person, a number, a range of numbers, or in all.',
  },
  MUSTER_FORBIDDEN_HOST: {
    status: 403,
    exit: 1,
    retryable: false,
    meaning: 'The request came with a Host or Origin that is not this server.',
  },
  MUSTER_METHOD_NOT_ALLOWED: { status: 405, exit: 2, retryable: false, meaning: 'The route does not take this method.' },
  MUSTER_BODY_TOO_LARGE: {
    status: 413,
    exit: 2,
    retryable: false,
    meaning: 'The body is larger than the limit, before or after decompression.',
  },
  MUSTER_UNSUPPORTED_TYPE: {
    status: 415,
    exit: 2,
    retryable: false,
    meaning: 'The content type or encoding is not one that the route takes.',
  },
  MUSTER_CONFLICT: { status: 409, exit: 1, retryable: false, meaning: 'The state of the thing does not allow this.' },
  MUSTER_ILLEGAL_TRANSITION: {
    status: 409,
    exit: 1,
    retryable: false,
    meaning: 'No step leads from the state of the thing to what was asked for.',
  },
  MUSTER_KEY_REUSED: { status: 422, exit: 1, retryable: false, meaning: 'The Idempotency-Key came with another request before.' },
  MUSTER_IN_PROGRESS: { status: 409, exit: 1, retryable: true, meaning: 'The same request is being answered at this moment.' },
  MUSTER_WRONG_PROOF: { status: 422, exit: 1, retryable: false, meaning: 'The code or proof is wrong.' },
  MUSTER_POLICY_REFUSED: { status: 403, exit: 1, retryable: false, meaning: 'The policy does not let this person do this.' },
  MUSTER_STEP_UP_REQUIRED: {
    status: 403,
    exit: 1,
    retryable: false,
    meaning: 'Whoever has a factor must prove it before another is enrolled.',
  },
  MUSTER_DUPLICATE_FACTOR: { status: 409, exit: 1, retryable: false, meaning: 'The person has this very factor already.' },
  MUSTER_TOKEN_REFUSED: { status: 401, exit: 1, retryable: false, meaning: 'The enrollment token is not valid for this, or not any more.' },
  MUSTER_TOKEN_USED: { status: 409, exit: 1, retryable: false, meaning: 'The enrollment token has enrolled a factor before.' },
  MUSTER_PROVIDER_FAILED: { status: 502, exit: 1, retryable: true, meaning: 'No provider took the message with the code.' },
  MUSTER_VAULT_CLOSED: { status: 503, exit: 1, retryable: true, meaning: 'A secret of the core cannot be opened.' },
  MUSTER_CORE_UNREACHABLE: {
    status: 503,
    exit: 1,
    retryable: true,
    meaning: 'The PostgreSQL database of the core, or whoever has the keys of its tokens, does not answer.',
  },
  MUSTER_NOT_READY: { status: 503, exit: 1, retryable: true, meaning: 'Muster is still starting, or is stopping.' },
  MUSTER_OVERLOADED: { status: 503, exit: 1, retryable: true, meaning: 'The log is full or the loader is too far behind.' },
  MUSTER_STORE_UNREACHABLE: { status: 503, exit: 1, retryable: true, meaning: 'The ClickHouse server does not answer, or not as one.' },
  MUSTER_LOG_FAILED: {
    status: 503,
    exit: 1,
    retryable: true,
    meaning: 'Events could not be made durable; nothing of the request was kept.',
  },
  MUSTER_DATA_IN_USE: { status: 409, exit: 1, retryable: true, meaning: 'Another process uses the data directory.' },
  MUSTER_DATA_NOT_DEMO: { status: 409, exit: 2, retryable: false, meaning: 'The data directory holds other than demo data.' },
  MUSTER_PORT_IN_USE: { status: 409, exit: 1, retryable: true, meaning: 'Another program listens on the port.' },
  MUSTER_BAD_QUERY: { status: 400, exit: 2, retryable: false, meaning: 'The engine cannot read or run the SQL.' },
  MUSTER_QUERY_REFUSED: {
    status: 403,
    exit: 2,
    retryable: false,
    meaning: 'The SQL does something that is not allowed from outside: only SELECT, of the documented tables, with functions that compute.',
  },
  MUSTER_QUERY_LIMIT: {
    status: 422,
    exit: 1,
    retryable: false,
    meaning: 'The SQL took more time, memory or rows than a query from outside may take.',
  },
  MUSTER_QUERY_BUSY: { status: 503, exit: 1, retryable: true, meaning: 'Too many queries from outside wait already.' },
  MUSTER_GENERATED_DIFFERS: { status: 409, exit: 1, retryable: false, meaning: 'Generated files differ from what would be written now.' },
  MUSTER_GATE_CLOSED: { status: 409, exit: 1, retryable: true, meaning: 'The error-budget policy holds a deploy back.' },
  MUSTER_ROUTE_FAILED: { status: 502, exit: 1, retryable: true, meaning: 'A route for alerts did not take what was sent.' },
  MUSTER_GATEWAY: { status: 502, exit: 1, retryable: true, meaning: 'The running Muster process did not answer as expected.' },
  MUSTER_INTERNAL: { status: 500, exit: 1, retryable: false, meaning: 'A defect in Muster. The log names the request by its id.' },
} as const satisfies Record<string, Kind>;

export type ErrorCode = keyof typeof ERRORS;

export interface ErrorOptions {
  cause?: unknown;
  /** Beside code and detail in the answer (RFC 9457 section 3.2). */
  fields?: Record<string, unknown>;
  /** When the same request may succeed. */
  retryAfterSeconds?: number;
}

/** An error with a code from {@link ERRORS}; its message is safe to show to whoever made the request. */
export class MusterError extends Error {
  readonly code: ErrorCode;
  readonly fields: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;
  constructor(code: ErrorCode, message: string, { cause, fields = {}, retryAfterSeconds }: ErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MusterError';
    this.code = code;
    this.fields = fields;
    this.retryAfterSeconds = retryAfterSeconds;
  }
  get kind(): Kind {
    return ERRORS[this.code];
  }
}

/** Narrows a switch to nothing: the compiler names what is missing. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${String(value)}`);
}

/** The `code` of a Node.js system error (`ENOENT`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
