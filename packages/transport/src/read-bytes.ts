/**
 * One way to read bytes, whatever they come from: a web stream (through its reader, so that a pending read can be
 * cancelled; the stream's own iterator cannot) or any async iterable, such as a Node stream.
 */

/** Where a decoder reads from. */
export type ByteSource = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** A pull on a {@link ByteSource}. */
export interface ByteReader {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /** Lets go of the source at once, a pending read included; its own clean-up is waited for, its failure is not raised. */
  return(): Promise<void>;
}

/** Opens a source. Nothing is read before the first `next()`. */
export function readBytes(source: ByteSource): ByteReader {
  return 'getReader' in source ? fromStream(source) : fromIterable(source);
}

function fromStream(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  return {
    // A stream's read has the form of an iterator's step: no promise more than its own.
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, undefined>>,
    return: () => reader.cancel().catch(ignore),
  };
}

function fromIterable(iterable: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = iterable[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    // An async generator queues `return()` behind a pending `next()`; whoever calls this must not wait for it.
    return: async () => {
      await Promise.resolve(iterator.return?.()).catch(ignore);
    },
  };
}

const ignore = () => {};
