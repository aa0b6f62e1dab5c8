/**
 * Decodes NDJSON (one JSON value per line): incremental UTF-8, LF or CRLF, blank lines (heartbeats) skipped, lines
 * bounded.
 */
import { type DecodeOptions, defaultMaxEventBytes } from './decode-sse.ts';
import { decodeStream } from './decode-stream.ts';
import type { ByteSource } from './read-bytes.ts';
import { TransportError } from './transport-error.ts';

/**
 * Values of an NDJSON body, in order. A last line without LF is dropped: `123` cut off after two digits must not arrive
 * as `12`.
 *
 * @param bytes Chunks of any size. Read one at a time, and only when the consumer asks.
 * @returns A one-shot iterable. `return()` cancels the source at once. It rejects with the source's error, or with
 *   `transport.invalid_frame` for a line that is not JSON or is over `maxEventBytes`, after every value before it.
 *
 * @example
 * for await (const value of decodeNdjson(response.body)) handle(value);
 */
export const decodeNdjson = (
  bytes: ByteSource,
  options: DecodeOptions = {},
): AsyncIterableIterator<unknown, undefined> =>
  decodeStream(bytes, (emit) => {
    const { maxEventBytes = defaultMaxEventBytes } = options;
    const decoder = new TextDecoder();
    // An array, joined once a line is complete: adding to a string per chunk is quadratic for a long line.
    let held: Uint8Array[] = [];
    let heldBytes = 0;

    const line = (last: Uint8Array) => {
      const size = heldBytes + last.byteLength;
      if (size > maxEventBytes) throw tooLarge(maxEventBytes);
      const text =
        heldBytes === 0
          ? decoder.decode(last)
          : held.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode(last);
      held = [];
      heldBytes = 0;
      if (text.trim() !== '') emit(parse(text));
    };

    return (chunk) => {
      let from = 0;
      // LF is one byte in UTF-8 and part of no other character, so lines are cut before anything is decoded.
      for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
        line(chunk.subarray(from, end));
        from = end + 1;
      }
      if (from === chunk.byteLength) return;
      // Copied: a source may use its buffer again once the next chunk is asked for.
      held.push(chunk.slice(from));
      heldBytes += chunk.byteLength - from;
      if (heldBytes > maxEventBytes + 1) throw tooLarge(maxEventBytes);
    };
  });

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TransportError('transport.invalid_frame', 'A line of the NDJSON body is not valid JSON.', { cause });
  }
};

const tooLarge = (maxEventBytes: number): TransportError =>
  new TransportError('transport.invalid_frame', `A line is larger than maxEventBytes (${maxEventBytes} bytes).`, {
    details: { maxEventBytes },
  });
