/**
 * Verb 5 of the path of a token: bytes become frames. The grammar (WHATWG HTML §9.2.6: three line endings, BOM, comments,
 * NUL in ids) is eventsource-parser's; this file adds what a reader of a network needs around it: incremental UTF-8, a
 * bound per event, and frames in the order of the wire.
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
   * The most bytes (UTF-8) that one event's data may have; also bounds a name, an id and a comment, and what is held
   * while an event is incomplete. Default 1 MiB.
   */
  maxEventBytes?: number | undefined;
}

/** A push decoder: bytes in, frames out through its callback. */
export interface SseDecoder {
  /**
   * Decodes a chunk. Frames that it completes are handed over before this returns.
   *
   * @throws {TransportError} `transport.invalid_frame` once an event is over `maxEventBytes`; the decoder is of no use
   *   afterwards, and the connection should be dropped.
   */
  push(chunk: Uint8Array): void;
  /** The same for text that has been decoded already, without a BOM. A decoder is given bytes or text, not both. */
  pushText(text: string): void;
}

/** The default of `maxEventBytes`. */
export const defaultMaxEventBytes = 1024 * 1024;

/**
 * Frames of a `text/event-stream` body, in order. A comment and a `retry` are frames of their own (they count at once,
 * whatever follows); an id arrives with its event, or alone when its block has no data. An event that the body's end cuts
 * off is dropped, as the specification wants.
 *
 * @param bytes Chunks of any size. Read one at a time, and only when the consumer asks.
 * @returns A one-shot iterable. `return()` (or leaving `for await`) cancels the source at once. It rejects with the
 *   source's error or with `transport.invalid_frame`, after every frame that came before.
 *
 * @example
 * for await (const frame of decodeSse(response.body)) if (frame.data !== undefined) handle(JSON.parse(frame.data));
 */
export const decodeSse = (bytes: ByteSource, options: DecodeOptions = {}): AsyncIterableIterator<SseFrame, undefined> =>
  decodeStream(bytes, (emit) => {
    const decoder = createSseDecoder(emit, options);
    return (chunk) => decoder.push(chunk);
  });

/**
 * The decoder of {@link decodeSse} without the iterator, for code that is called with bytes.
 *
 * @example
 * const decoder = createSseDecoder((frame) => frames.push(frame));
 * socket.on('data', (chunk) => decoder.push(chunk));
 */
export function createSseDecoder(onFrame: (frame: SseFrame) => void, options: DecodeOptions = {}): SseDecoder {
  const { maxEventBytes = defaultMaxEventBytes } = options;
  let failure: TransportError | undefined;
  /** The id that `onId` told; if its block has data, `onEvent` follows and takes it. */
  let loneId: string | undefined;

  const within = (value: string | undefined): boolean => {
    // A string has at most three bytes per UTF-16 unit, so only long ones are counted exactly.
    if (value === undefined || value.length * 3 <= maxEventBytes || byteLength(value) <= maxEventBytes) return true;
    failure ??= tooLarge(maxEventBytes);
    return false;
  };
  const flushId = () => {
    if (loneId === undefined) return;
    const id = loneId;
    loneId = undefined;
    if (within(id)) onFrame({ id });
  };

  const parser = createParser({
    // The parser counts characters of field names and line ends too: a little room, so that the exact rule is `within`.
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
  // The parser's own search for a BOM takes the letters "ï»¿" for one too: it is given one to find, the reader takes off
  // the real one.
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
