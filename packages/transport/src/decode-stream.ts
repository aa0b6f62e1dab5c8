/**
 * The iterator under every decoder: reads a chunk, has it decoded into any number of values, hands those out one by one.
 * Written by hand because an async generator costs three turns of the microtask queue per value and cannot be returned
 * while it waits for bytes. Here `return()` works at any time: pending calls of `next()` settle as done and the source is
 * cancelled in the same turn.
 */
import { type ByteSource, readBytes } from './read-bytes.ts';

/** Decodes chunk by chunk; values go to the callback it was made with. Throws when the bytes cannot be read on. */
export type PushChunk = (chunk: Uint8Array) => void;

/**
 * Values of a byte source. Values that were decoded before an error, the source's or the decoder's, come first.
 *
 * @param open Makes the decoder; it must hand values to `emit` synchronously.
 */
export function decodeStream<T>(
  source: ByteSource,
  open: (emit: (value: T) => void) => PushChunk,
): AsyncIterableIterator<T, undefined> {
  const reader = readBytes(source);
  let queue: T[] = [];
  let head = 0;
  let state: 'open' | 'failed' | 'closed' = 'open';
  let failure: unknown;
  let reading: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  const push = open((value) => {
    queue.push(value);
  });

  async function readOnce(): Promise<void> {
    try {
      const chunk = await reader.read();
      if (state !== 'open') return;
      if (chunk === undefined) state = 'closed';
      else push(chunk);
    } catch (error) {
      if (state !== 'open') return;
      state = 'failed';
      failure = error;
      void reader.cancel();
    } finally {
      reading = undefined;
      wake?.();
    }
  }

  async function pull(): Promise<IteratorResult<T, undefined>> {
    while (head === queue.length) {
      if (state === 'failed') {
        state = 'closed';
        throw failure;
      }
      if (state === 'closed') return done;
      if (reading === undefined) {
        queue = [];
        head = 0;
        reading = readOnce();
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      } else {
        const previous = wake;
        await new Promise<void>((resolve) => {
          wake = () => {
            previous?.();
            resolve();
          };
        });
      }
    }
    return { value: take(), done: false };
  }

  function take(): T {
    const value = queue[head] as T;
    // A queue of one chunk's values is dropped as a whole; the slot is cleared so that a slow consumer does not keep all.
    queue[head++] = undefined as T;
    return value;
  }

  return {
    next: () => (head < queue.length ? Promise.resolve({ value: take(), done: false as const }) : pull()),
    async return() {
      const wasOpen = state === 'open';
      state = 'closed';
      queue = [];
      head = 0;
      wake?.();
      if (wasOpen) {
        const cancelled = reader.cancel();
        // An idle source's clean-up is waited for; one that is stuck inside a read is not (it may never come back).
        if (reading === undefined) await cancelled;
      }
      return done;
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

const done = { value: undefined, done: true } as const;
