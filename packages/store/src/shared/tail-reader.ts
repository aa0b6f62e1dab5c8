/**
 * The reading end of a log: an async iterator over a source that says, at any moment, whether it has an entry, has none
 * yet, or has ended. It holds nothing itself, so a reader that nobody drives costs its position and one listener.
 */

/** What a reader reads. All three are synchronous; what `attach` or `poll` throws, the pending `next()` rejects with. */
export interface TailSource<T> {
  /** Called once, at the first `next()`. */
  attach(): void;
  /** The next entry, or why there is none. */
  poll(): { readonly value: T } | 'wait' | 'end';
  /** Called once after `attach`, on every ending: end, error, abort and `return()`. */
  detach(): void;
}

export interface TailReader<T> {
  readonly iterator: AsyncIterableIterator<T, undefined> & AsyncDisposable;
  /** Tells a reader that waits to poll again. */
  wake(): void;
}

interface Waiting<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(reason: unknown): void;
}

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * One-shot and lazy. `next()` calls settle in the order they were made; `return()` settles those that are pending at
 * once; an abort rejects one of them with the signal's reason, or the next one when none is pending.
 */
export const createTailReader = <T>(source: TailSource<T>, signal: AbortSignal | undefined): TailReader<T> => {
  let state: 'new' | 'open' | 'closed' = 'new';
  const waiting: Waiting<T>[] = [];
  /** The reason of an abort that no `next()` has seen yet. */
  let unseen: { reason: unknown } | undefined;

  const close = (): void => {
    if (state === 'closed') return;
    const attached = state === 'open';
    state = 'closed';
    signal?.removeEventListener('abort', onAbort);
    if (attached) source.detach();
  };
  const finish = (): void => {
    close();
    for (const each of waiting.splice(0)) each.resolve(done);
  };
  const fail = (reason: unknown): void => {
    const first = waiting.shift();
    if (first === undefined) unseen = { reason };
    else first.reject(reason);
    finish();
  };
  const onAbort = (): void => fail(signal?.reason);

  const drain = (): void => {
    try {
      while (state === 'open' && waiting.length > 0) {
        const polled = source.poll();
        if (polled === 'wait') return;
        if (polled === 'end') finish();
        else waiting.shift()?.resolve({ done: false, value: polled.value });
      }
    } catch (error) {
      fail(error);
    }
  };

  const open = (): void => {
    if (signal?.aborted) {
      fail(signal.reason);
      return;
    }
    try {
      source.attach();
    } catch (error) {
      fail(error);
      return;
    }
    state = 'open';
    signal?.addEventListener('abort', onAbort);
  };

  return {
    wake: drain,
    iterator: {
      next() {
        if (state === 'closed') {
          if (unseen === undefined) return Promise.resolve(done);
          const { reason } = unseen;
          unseen = undefined;
          return Promise.reject(reason);
        }
        return new Promise((resolve, reject) => {
          waiting.push({ resolve, reject });
          if (state === 'new') open();
          drain();
        });
      },
      return() {
        unseen = undefined;
        finish();
        return Promise.resolve(done);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await this.return?.();
      },
    },
  };
};
