/** Codes that are sent: SMS, voice and e-mail. Ten minutes each, the last two of them accepted, each once. */
import { z } from 'zod';
import { codeProof, isSame, randomCode, typed } from './code.ts';
import type { Channel, Factor, Kept, ProofResult, Surroundings, Traits } from './factor.ts';

/** NIST SP 800-63B-4 section 3.1.3.2. */
const CODE_LIFE_MS = 600_000;
/** People type the code that came first, though a second is on its way: both of the last two are right. */
const CODES_ACCEPTED = 2;

/** People of the canary are there, and nobody else. */
export const CANARY_DOMAIN = 'canary.muster.invalid';

export interface DeliveredKept extends Kept {
  to: string;
  /** Newest first; empty until one was sent, and again once one was used. */
  codes: { code: string; atMs: number }[];
  /** How many were made, ever. */
  made: number;
}

interface Delivered {
  channel: Channel;
  /** Name of the field that says where to. */
  field: 'phone' | 'address';
  destination: z.ZodType<string, string>;
  traits: Omit<Traits, 'channel'>;
  /** A destination that is the canary's: what goes there is caught, and sent to nobody. */
  canary: string;
}

/** The factor of a channel. */
export function delivered({
  channel,
  field,
  destination,
  traits,
  canary,
}: Delivered): Factor<Record<string, string>, z.infer<typeof codeProof>> {
  const made = (to: string, number: number, { nowMs, random }: Pick<Surroundings, 'nowMs' | 'random'>) => {
    const code = randomCode(random);
    return {
      sent: { code, atMs: nowMs },
      shown: { channel, sent_to: hidden(to), code_number: number },
      message: { channel, to, code, number },
    };
  };
  return {
    traits: { ...traits, channel },
    options: z.object({ [field]: destination }),
    proof: codeProof,
    shown: z.object({ channel: z.string(), sent_to: z.string().describe('with most of it hidden'), code_number: z.int() }),
    begin(options, surroundings) {
      const to = options[field] ?? '';
      const { sent, ...first } = made(to, 1, surroundings);
      const kept: DeliveredKept = { to, codes: [sent], made: 1 };
      return { kept, ...first };
    },
    again(kept, surroundings) {
      const { to, made: before } = kept as DeliveredKept;
      const { sent, ...next } = made(to, before + 1, surroundings);
      const apply = (now: Kept): DeliveredKept => {
        const { codes, ...rest } = now as DeliveredKept;
        return { ...rest, codes: [sent, ...codes].slice(0, CODES_ACCEPTED), made: Math.max(rest.made, before + 1) };
      };
      return { ...next, apply };
    },
    verify: (kept, { code }, { nowMs }) => verdict(kept as DeliveredKept, typed(code), nowMs),
    identity: (kept) => (kept as DeliveredKept).to,
    describe: (kept) => ({ sent_to: hidden((kept as DeliveredKept).to) }),
    canary: { options: async () => ({ [field]: canary }), prove: (_, { code }) => ({ code }) },
  };
}

function verdict(kept: DeliveredKept, code: string, nowMs: number): ProofResult {
  // Both are compared, whichever is right.
  const [found] = kept.codes.filter((each) => isSame(each.code, code));
  if (!found) return { isRight: false, code: 'wrong_code' };
  if (nowMs >= found.atMs + CODE_LIFE_MS)
    return { isRight: false, code: 'code_expired', hint: 'this code is older than ten minutes: ask for a new one' };
  return { isRight: true, kept: { ...kept, codes: [] } };
}

/** Enough to know one's own number or address again, and no more. */
export function hidden(to: string): string {
  const at = to.lastIndexOf('@');
  return at > 0 ? `${to.slice(0, 1)}…${to.slice(at)}` : `…${to.slice(-2)}`;
}
