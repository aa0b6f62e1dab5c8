/**
 * Reads bytes from a web stream or any async iterable (such as a Node stream) through one interface. A web stream is
 * read by a reader, because that can cancel a pending read and the stream's own iterator cannot.
 */

/** Where a decoder reads from. */
export type ByteSource = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** Reads a {@link ByteSource}. */
export interface ByteReader {
  next(): Promise<IteratorResult<Uint8Array, unknown>>;
  /**
   * Closes the source at once, even while a read is pending. Waits for the source's cleanup; errors in it are ignored.
   */
  return(): Promise<void>;
}

/** Opens a source. Nothing is read before the first `next()`. */
export function readBytes(source: ByteSource): ByteReader {
  return 'getReader' in source ? fromStream(source) : fromIterable(source);
}

function fromStream(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  return {
    // The result of `read()` has the shape of an iterator result, so no further promise is needed.
    next: () => reader.read() as Promise<IteratorResult<Uint8Array, undefined>>,
    return: () => reader.cancel().catch(ignore),
  };
}

function fromIterable(iterable: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = iterable[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    // An async generator queues `return()` behind a pending `next()`, so a caller must not depend on this promise.
    return: async () => {
      await Promise.resolve(iterator.return?.()).catch(ignore);
    },
  };
}

const ignore = () => {};
