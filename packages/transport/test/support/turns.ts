// What tests wait with, on every runtime.

/** A promise with its handles. */
export const deferred = <T = void>() => {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
};

/** Lets the event loop turn until `condition` holds. The test's own timeout is the limit. */
export const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

/** Lets the event loop turn until what `count` tells has not changed for 300 turns: nobody is at work any more. */
export const still = async (count: () => number): Promise<void> => {
  let before = count();
  for (let unchanged = 0; unchanged < 300; unchanged = count() === before ? unchanged + 1 : 0) {
    before = count();
    await turns(1);
  }
};

/** `count` turns of the event loop. */
export const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};
