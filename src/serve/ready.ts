import type { Intake } from '../collect/intake/intake.ts';
import type { People } from '../collect/people/people.ts';
import type { Pseudonyms } from '../collect/people/pseudonyms.ts';
import type { Slo } from '../slo/definition/openslo.ts';
import type { Causes } from '../slo/evaluate/causes.ts';
import type { AlertWatch } from '../slo/evaluate/companion-watch.ts';
import type { Evaluator } from '../slo/evaluate/evaluator.ts';
import type { Store } from '../store/store.ts';

import type { KeyRegistry } from './access/keys.ts';

/** What answers once the store is open. */
export interface Ready {
  store: Store;
  intake: Intake;
  pseudonyms: Pseudonyms;
  people: People;
  keys: KeyRegistry;
  /** Loads and rolls up everything acknowledged so far. */
  drain: () => Promise<void>;
  slos: Slo[];
  evaluator: Evaluator;
  watch: AlertWatch;
  causes: Causes;
}
