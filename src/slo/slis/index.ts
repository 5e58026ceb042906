/** The registry of SLIs: one file each, one line here. */
import { a1 } from './a1.ts';
import { m1 } from './m1.ts';
import { m1s } from './m1s.ts';
import { m2 } from './m2.ts';
import { m3 } from './m3.ts';
import { m4 } from './m4.ts';
import { m5 } from './m5.ts';
import { m6 } from './m6.ts';
import { m7 } from './m7.ts';
import { m8 } from './m8.ts';
import { m9 } from './m9.ts';
import { m10 } from './m10.ts';
import type { Sli } from './sli.ts';

export const SLIS: readonly Sli[] = [m1, m1s, a1, m2, m3, m4, m5, m6, m7, m8, m9, m10];
