/**
 * Decodes server-sent events: bytes become frames (step 5 of the path of a token). The grammar (WHATWG HTML §9.2.6:
 * three line endings, BOM, comments, NUL in ids) is eventsource-parser's. This file adds what reading from a network
 * needs: incremental UTF-8, a bound per event, and frames in wire order.
 */
import { createParser } from 'eventsource-parser';
import { decodeStream } from './decode-stream.ts';
import { maxRetryMs, type SseFrame } from './encode-sse.ts';
import type { ByteSource } from './read-bytes.ts';
import { createTextReader } from './text-reader.ts';
import { TransportError } from './transport-error.ts';

/** Limits of a decoder. */
export interface DecodeOptions {
  /**
   * The most UTF-8 bytes of one event's data. Also bounds a name, an id, a comment, and what is held of an incomplete
   * event. Default 1 MiB.
   */
  maxEventBytes?: number | undefined;
}

/** A push decoder: bytes in, frames out through its callback. */
export interface SseDecoder {
  /**
   * Decodes a chunk. The callback gets every frame completed by it before this returns.
   *
   * @throws {TransportError} `transport.invalid_frame` once an event is over `maxEventBytes`. The decoder is unusable
   * afterwards; drop the connection.
   */
  push(chunk: Uint8Array): void;
  /** The same for text that is already decoded, without a BOM. Give a decoder either bytes or text, not both. */
  pushText(text: string): void;
}

/** The default of `maxEventBytes`. */
export const defaultMaxEventBytes = 1024 * 1024;

/**
 * The frames of a `text/event-stream` body, in order. A comment or a `retry` is a frame of its own, because it takes
 * effect at once. An id comes with its event, or alone if its block has no data. An event cut off by the end of the
 * body is dropped, as the specification requires.
 *
 * @param bytes Chunks of any size. Read one at a time, and only when the consumer asks.
 * @returns A one-shot iterable. `return()` (or leaving `for await`) cancels the source at once. It rejects with the
 *   source's error or with `transport.invalid_frame`, after every frame that came before.
 *
 * @example
 * for await (const frame of decodeSse(response.body)) if (frame.data !== undefined) handle(JSON.parse(frame.data));
 */
export const decodeSse = (bytes: ByteSource, options: DecodeOptions = {}): AsyncIterableIterator<SseFrame, undefined> =>
  decodeStream(bytes, (emit) => createSseDecoder(emit, options));

/**
 * The push decoder behind {@link decodeSse}, for code that receives bytes by callback.
 *
 * @example
 * const decoder = createSseDecoder((frame) => frames.push(frame));
 * socket.on('data', (chunk) => decoder.push(chunk));
 */
export function createSseDecoder(onFrame: (frame: SseFrame) => void, options: DecodeOptions = {}): SseDecoder {
  const { maxEventBytes = defaultMaxEventBytes } = options;
  let failure: TransportError | undefined;
  /** The id of the current block, as told by `onId`. If the block has data, `onEvent` follows and takes the id. */
  let loneId: string | undefined;

  const within = (value: string | undefined): boolean => {
    // A string has at most three UTF-8 bytes per UTF-16 code unit, so only long ones are counted exactly.
    if (value === undefined || value.length * 3 <= maxEventBytes || byteLength(value) <= maxEventBytes) return true;
    failure ??= tooLarge(maxEventBytes);
    return false;
  };
  const flushId = () => {
    if (loneId === undefined) return;
    const id = loneId;
    loneId = undefined;
    if (failure === undefined && within(id)) onFrame({ id });
  };

  const parser = createParser({
    // The parser also counts field names and line ends. A little slack leaves the exact decision to `within`.
    maxBufferSize: maxEventBytes + 16,
    onId(id) {
      flushId();
      loneId = id;
    },
    onEvent({ data, event, id }) {
      if (id === undefined) flushId();
      loneId = undefined;
      if (failure !== undefined || !within(data) || !within(event) || !within(id)) return;
      const frame: SseFrame = { data };
      if (event !== undefined) frame.event = event;
      if (id !== undefined) frame.id = id;
      onFrame(frame);
    },
    onRetry(retry) {
      flushId();
      if (failure === undefined) onFrame({ retry: Math.min(retry, maxRetryMs) });
    },
    onComment(comment) {
      flushId();
      if (failure === undefined && within(comment)) onFrame({ comment });
    },
    onError(error) {
      if (error.type === 'max-buffer-size-exceeded') failure ??= tooLarge(maxEventBytes);
    },
  });
  // The parser takes the letters "ï»¿" at the start of its text for a BOM. So it gets a real BOM first, and looks no
  // further; `read` removes the body's own.
  parser.feed('\uFEFF');
  const read = createTextReader();
  const pushText = (text: string): void => {
    if (failure !== undefined) throw failure;
    parser.feed(text);
    flushId();
    if (failure !== undefined) throw failure;
  };
  return { push: (chunk) => pushText(read(chunk)), pushText };
}

const encoder = new TextEncoder();
const byteLength = (value: string): number => encoder.encode(value).byteLength;

const tooLarge = (maxEventBytes: number): TransportError =>
  new TransportError('transport.invalid_frame', `An event is larger than ${maxEventBytes} bytes.`, {
    details: { maxEventBytes },
  });
