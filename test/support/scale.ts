/** How much of a test runs: all of it in `npm run test:long`, and in `npm test` what fits beside the others. */

/** Whether this is the long suite. */
export const IS_LONG = process.env.MUSTER_SUITE === 'long';

/** @param all in the long suite @param some in the other */
export const scaled = <T>(all: T, some: T): T => (IS_LONG ? all : some);

/** Tests that `npm test` leaves to the long suite. */
export const whenLong = (define: () => void): void => {
  if (IS_LONG) define();
};

/** Tests that `npm test` runs as they are, so that the long suite need not. */
export const whenShort = (define: () => void): void => {
  if (!IS_LONG) define();
};
