/**
 * Runs pieces of work one after the other, whatever became of the one before.
 * @param afterFailure what comes first after one that failed; it must not fail itself
 */
export function oneAtATime(afterFailure: () => Promise<unknown> = async () => {}): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = last.then(work);
    last = result.catch(afterFailure);
    return result;
  };
}
