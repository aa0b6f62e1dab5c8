/**
 * Decodes NDJSON (one JSON value per line): incremental UTF-8, LF or CRLF, blank lines (heartbeats) skipped, lines
 * bounded.
 */
import { type DecodeOptions, defaultMaxEventBytes } from './decode-sse.ts';
import { decodeStream } from './decode-stream.ts';
import type { ByteSource } from './read-bytes.ts';
import { TransportError } from './transport-error.ts';

/**
 * Values of an NDJSON body, in order. A last line without LF counts if its JSON is complete, which of a number nobody
 * can say: `12` may be the beginning of `123`. Any other rest means that the body was cut off. A body that was cut off
 * between two lines looks complete, so let the last value say that it is the last.
 *
 * @param bytes Chunks of any size. Read one at a time, and only when the consumer asks.
 * @returns A one-shot iterable. `return()` cancels the source at once. After every value before it, it rejects
 *   with the source's error, with `transport.invalid_frame` for a line that is not JSON or is over `maxEventBytes`, or
 *   with `transport.interrupted` for a last line that is not whole.
 *
 * @example
 * for await (const event of decodeNdjson<Event>(response.body)) handle(event);
 */
export const decodeNdjson = <T = unknown>(
  bytes: ByteSource,
  options: DecodeOptions = {},
): AsyncIterableIterator<T, undefined> =>
  decodeStream(bytes, (emit) => {
    const { maxEventBytes = defaultMaxEventBytes } = options;
    const decoder = new TextDecoder();
    // An array, joined once a line is complete: adding to a string per chunk is quadratic for a long line.
    let held: Uint8Array[] = [];
    let heldBytes = 0;

    /** The text of a line that ends with `last`. */
    const lineOf = (last: Uint8Array): string => {
      const size = heldBytes + last.byteLength;
      if (size > maxEventBytes) throw tooLarge(maxEventBytes);
      const text =
        heldBytes === 0
          ? decoder.decode(last)
          : held.map((part) => decoder.decode(part, { stream: true })).join('') + decoder.decode(last);
      held = [];
      heldBytes = 0;
      return text;
    };

    return {
      push(chunk) {
        let from = 0;
        // LF is one byte in UTF-8 and part of no other character, so lines are cut before anything is decoded.
        for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
          const text = lineOf(chunk.subarray(from, end));
          if (text.trim() !== '') emit(parse(text) as T);
          from = end + 1;
        }
        if (from === chunk.byteLength) return;
        // Copied: a source may use its buffer again once the next chunk is asked for.
        held.push(chunk.slice(from));
        heldBytes += chunk.byteLength - from;
        if (heldBytes > maxEventBytes) throw tooLarge(maxEventBytes);
      },
      end() {
        const text = lineOf(new Uint8Array());
        if (text.trim() !== '') emit(parseRest(text) as T);
      },
    };
  });

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TransportError('transport.invalid_frame', 'A line of the NDJSON body is not valid JSON.', { cause });
  }
};

/** Parses a last line without LF. */
const parseRest = (text: string): unknown => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Half a line.
  }
  if (value !== undefined && typeof value !== 'number') return value;
  throw new TransportError('transport.interrupted', 'The NDJSON body ended within a line.', { retryable: true });
};

const tooLarge = (maxEventBytes: number): TransportError =>
  new TransportError('transport.invalid_frame', `A line is larger than maxEventBytes (${maxEventBytes} bytes).`, {
    details: { maxEventBytes },
  });
