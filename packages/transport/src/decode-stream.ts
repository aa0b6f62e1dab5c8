/**
 * The stream under every decoder: a chunk of bytes becomes any number of values, which are handed out one by one. All that
 * has to do with asking, waiting and closing is `from`'s: one chunk is read at a time, `return()` settles pending calls and
 * cancels the source in the same turn, also while it waits for bytes.
 */
import { CHUNKS, from } from '@chatkit/stream';
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
  let values: T[] = [];
  let failure: { error: unknown } | undefined;
  const push = open((value) => {
    values.push(value);
  });

  const decode = (result: IteratorResult<Uint8Array, unknown>): IteratorResult<T[], undefined> => {
    if (result.done === true) return done;
    try {
      push(result.value);
    } catch (error) {
      failure = { error };
      void reader.return();
      if (values.length === 0) throw error;
    }
    const value = values;
    if (value.length > 0) values = [];
    return { value, done: false };
  };
  const arrays: AsyncIterator<T[], undefined> = {
    next: () => (failure === undefined ? reader.next().then(decode) : Promise.reject(failure.error)),
    async return() {
      await reader.return();
      return done;
    },
  };
  // `from` looks for arrays first; that a source of arrays is none of items is of no account.
  return from({ [CHUNKS]: () => arrays } as unknown as AsyncIterable<T>);
}

const done = { value: undefined, done: true } as const;
