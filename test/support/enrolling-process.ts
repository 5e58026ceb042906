/** A process that enrolls without an end, and says of each factor that it was acknowledged: to be killed in the middle. */
import { beginTotp, testCore } from './core.ts';

const [kind, where, directory, prefix] = process.argv.slice(2) as [string, string, string, string];
const AT_ONCE = 24;

const made = await testCore(
  {},
  { directory, storage: kind === 'postgres' ? { kind, url: where } : { kind: 'sqlite', path: where }, now: Date.now },
);
let people = 0;
const enroll = async (): Promise<void> => {
  for (;;) {
    const user = `${prefix}-${++people}`;
    const { id, code } = await beginTotp(made, user, Date.now);
    // Twice at the same moment, as of an impatient person.
    const proofs = await Promise.all([0, 1].map(() => made.core.verify(id, undefined, { code: code() })));
    const factors = new Set(proofs.map((proof) => (proof.isRight ? proof.enrollment.factor_id : 'refused')));
    process.stdout.write(`${user} ${[...factors].join(',')}\n`);
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, enroll));
