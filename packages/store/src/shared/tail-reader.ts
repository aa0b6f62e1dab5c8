/**
 * The reading end of a log: an async iterator over a source that says, at any moment, whether it has an entry, has none
 * yet, or has ended. It holds nothing itself, so a reader that nobody drives costs its position and one listener. Whoever
 * knows `CHUNKS` reads what is there as arrays: a promise for each array, not for each entry.
 */
import { CHUNKS, type ChunkSource } from '@chatkit/stream';

interface Polled<T> {
  readonly value: T;
  readonly size?: number;
}

/** What a reader reads. All three are synchronous; what `attach` or `poll` throws, the pending `next()` rejects with. */
export interface TailSource<T> {
  /** Called once, at the first `next()`. */
  attach(): void;
  /** The next entry, or why there is none; asked again after 'end' it says so again. `size` in bytes, where it is known. */
  poll(): Polled<T> | 'wait' | 'end';
  /** Called once after `attach`, on every ending: end, error, abort and `return()`. */
  detach(): void;
}

export interface TailReader<T> {
  readonly iterator: AsyncIterableIterator<T, undefined> & AsyncDisposable & ChunkSource<T>;
  /** Tells a reader that waits to poll again. */
  wake(): void;
}

/** A pending `next()`, of the entries or of the arrays. */
type Waiting<T> = { reject(reason: unknown): void } & (
  | { readonly of: 'entries'; resolve(result: IteratorResult<T, undefined>): void }
  | { readonly of: 'arrays'; resolve(result: IteratorResult<readonly T[], undefined>): void }
);

/** What an array holds at most: a reader that fell behind takes in so much at once. */
const maxChunkLength = 256;
const maxChunkBytes = 32 * 1024;

/** An entry of which nobody knows the size counts for a few text deltas. */
const sizeOf = <T>({ size = 512 }: Polled<T>): number => size;

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

  /** What is there, beginning with `first`. What the source throws, it throws again when it is asked the next time. */
  const gather = (first: Polled<T>): T[] => {
    const chunk = [first.value];
    try {
      for (let bytes = sizeOf(first); bytes < maxChunkBytes && chunk.length < maxChunkLength; ) {
        const polled = source.poll();
        if (polled === 'wait' || polled === 'end') break;
        chunk.push(polled.value);
        bytes += sizeOf(polled);
      }
    } catch {}
    return chunk;
  };
  const give = (to: Waiting<T>, polled: Polled<T>): void => {
    if (to.of === 'entries') to.resolve({ done: false, value: polled.value });
    else to.resolve({ done: false, value: gather(polled) });
  };

  const drain = (): void => {
    try {
      while (state === 'open' && waiting.length > 0) {
        const polled = source.poll();
        if (polled === 'wait') return;
        if (polled === 'end') finish();
        else give(waiting.shift() as Waiting<T>, polled);
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

  const next = <V>(
    wait: (resolve: (result: IteratorResult<V, undefined>) => void, reject: (reason: unknown) => void) => Waiting<T>,
  ): Promise<IteratorResult<V, undefined>> => {
    if (state === 'closed') {
      if (unseen === undefined) return Promise.resolve(done);
      const { reason } = unseen;
      unseen = undefined;
      return Promise.reject(reason);
    }
    return new Promise((resolve, reject) => {
      waiting.push(wait(resolve, reject));
      if (state === 'new') open();
      drain();
    });
  };
  const nextEntry = () => next<T>((resolve, reject) => ({ of: 'entries', resolve, reject }));
  const nextArray = () => next<readonly T[]>((resolve, reject) => ({ of: 'arrays', resolve, reject }));
  const leave = () => {
    unseen = undefined;
    finish();
    return Promise.resolve(done);
  };

  return {
    wake: drain,
    iterator: {
      next: nextEntry,
      return: leave,
      [CHUNKS]: () => ({ next: nextArray, return: leave }),
      [Symbol.asyncIterator]() {
        return this;
      },
      async [Symbol.asyncDispose]() {
        await this.return?.();
      },
    },
  };
};
