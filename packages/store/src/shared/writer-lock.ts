/** One writer at a time, first come, first served. */

export interface WriterLock {
  /** Runs `work` once everything that came before has settled. */
  run<T>(work: () => T | Promise<T>): Promise<T>;
}

export const createWriterLock = (): WriterLock => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(work) {
      const result = last.then(work);
      // The next one waits for the end of this one, however it ends.
      last = result.then(
        () => undefined,
        () => undefined,
      );
      return result;
    },
  };
};
