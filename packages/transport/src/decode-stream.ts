/**
 * Makes a stream of any decoder: each chunk of bytes becomes any number of values, handed out one by one. Pulling,
 * waiting and closing are done by `from` of `@chatkit/stream`: one chunk is read at a time, and `return()` settles
 * pending calls and cancels the source in the same turn, even while it waits for bytes.
 */
import { CHUNKS, from } from '@chatkit/stream';
import { type ByteSource, readBytes } from './read-bytes.ts';

/** Hands values to the callback it was made with. Its methods throw when the input is invalid. */
export interface Decoder {
  push(chunk: Uint8Array): void;
  /** There are no more chunks. */
  end?(): void;
}

/**
 * The values decoded from a byte source. An error, of the source or of the decoder, comes after the values before it.
 *
 * @param open Makes the decoder; it must hand values to `emit` synchronously.
 */
export function decodeStream<T>(
  source: ByteSource,
  open: (emit: (value: T) => void) => Decoder,
): AsyncIterableIterator<T, undefined> {
  const reader = readBytes(source);
  let values: T[] = [];
  let failure: { error: unknown } | undefined;
  let isOver = false;
  const decoder = open((value) => {
    values.push(value);
  });

  const decode = (result: IteratorResult<Uint8Array, unknown>): IteratorResult<T[], undefined> => {
    try {
      if (result.done !== true) decoder.push(result.value);
      else {
        isOver = true;
        decoder.end?.();
      }
    } catch (error) {
      failure = { error };
      void reader.return();
      if (values.length === 0) throw error;
    }
    if (isOver && values.length === 0) return done;
    const value = values;
    if (value.length > 0) values = [];
    return { value, done: false };
  };
  const arrays: AsyncIterator<T[], undefined> = {
    next() {
      if (failure !== undefined) return Promise.reject(failure.error);
      return isOver ? Promise.resolve(done) : reader.next().then(decode);
    },
    async return() {
      await reader.return();
      return done;
    },
  };
  // The cast is safe: `from` uses `CHUNKS` where there is one and then needs no item iterator.
  return from({ [CHUNKS]: () => arrays } as unknown as AsyncIterable<T>);
}

const done = { value: undefined, done: true } as const;
