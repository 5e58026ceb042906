/** The registry of SLIs: one file each, one line here. */
import { m1 } from './m1.ts';
import { m2 } from './m2.ts';
import { m6 } from './m6.ts';
import type { Sli } from './sli.ts';

export const SLIS: readonly Sli[] = [m1, m2, m6];
