/** Waits for Redis at most `ms`: a connection that is half open never answers, and clients wait for ever. */
export const answeredWithin = <T>(work: Promise<T>, ms: number): Promise<T> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('Redis does not answer.')), Math.max(0, ms));
    (timer as { unref?: () => void }).unref?.();
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
