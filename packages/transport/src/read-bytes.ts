/**
 * One way to read bytes, whatever they come from: a web stream (through its reader, so that a pending read can be
 * cancelled; the stream's own iterator cannot) or any async iterable, such as a Node stream.
 */

/** Where a decoder reads from. */
export type ByteSource = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/** A pull on a {@link ByteSource}. */
export interface ByteReader {
  /** The next chunk, or `undefined` at the end. Rejects with the source's error. */
  read(): Promise<Uint8Array | undefined>;
  /** Lets go of the source at once, a pending read included; its own clean-up is waited for, its failure is not raised. */
  cancel(): Promise<void>;
}

/** Opens a source. Nothing is read before the first `read()`. */
export function readBytes(source: ByteSource): ByteReader {
  return 'getReader' in source ? fromStream(source) : fromIterable(source);
}

function fromStream(stream: ReadableStream<Uint8Array>): ByteReader {
  const reader = stream.getReader();
  return {
    async read() {
      const { value } = await reader.read();
      return value;
    },
    cancel: () => reader.cancel().catch(ignore),
  };
}

function fromIterable(iterable: AsyncIterable<Uint8Array>): ByteReader {
  const iterator = iterable[Symbol.asyncIterator]();
  return {
    async read() {
      const result = await iterator.next();
      return result.done ? undefined : result.value;
    },
    cancel: async () => {
      // An async generator queues `return()` behind a pending `next()`; whoever calls this must not wait for it.
      await Promise.resolve(iterator.return?.()).catch(ignore);
    },
  };
}

const ignore = () => {};
