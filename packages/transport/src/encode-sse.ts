/**
 * Encodes server-sent events: a frame becomes text for a `text/event-stream` body (WHATWG HTML §9.2.5; step 4 of the
 * path of a token). The format has no escaping, so a line break is either split over several lines (in data and
 * comments, where the format allows it) or refused (in names and ids, where it does not). So the output never contains
 * a field that the caller did not write.
 */
import { TransportError } from './transport-error.ts';

/** One unit on the wire. A frame without `data` is never seen as an event; it can carry an id, a retry or a comment. */
export interface SseFrame {
  /** The event's name. Needs `data`: readers dispatch no event without it. */
  event?: string | undefined;
  /** The payload. Line endings inside (CR, LF, CRLF) arrive as LF. */
  data?: string | undefined;
  /** The position from which a reader resumes. `[A-Za-z0-9._~-]{1,128}` when encoding. */
  id?: string | undefined;
  /** How long a reader waits before it reconnects, in ms. An integer from 0 to 2^31 - 1. */
  retry?: number | undefined;
  /** Ignored by readers; keeps a connection through proxies alive. */
  comment?: string | undefined;
}

/** The longest `retry`. A longer one overflows `setTimeout`, which then fires at once: a reconnect loop. */
export const maxRetryMs = 2 ** 31 - 1;

/** The form of an id. */
export const idForm = /^[A-Za-z0-9._~-]{1,128}$/;
const lineEnding = /\r\n|\r|\n/g;
const breaksLine = /[\r\n]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: a name must not contain NUL or line breaks.
const breaksName = /[\r\n\u0000]/;

/**
 * Encodes one frame, blank line included. `{ data }` alone gives `data: <data>\n\n`, byte for byte like the Python
 * SDK.
 *
 * @param frame Lone surrogates in its strings become U+FFFD once the text is encoded as UTF-8.
 * @throws {TransportError} `transport.invalid_frame`: CR, LF or NUL in a name, an id outside its alphabet, a `retry`
 *   that is not an integer in range, a name without data, an empty frame.
 *
 * @example
 * encodeSse({ id: '1-7', data: JSON.stringify(event) }); // 'id: 1-7\ndata: {…}\n\n'
 */
export function encodeSse(frame: SseFrame): string {
  const { event, data, id, retry, comment } = frame;
  let text = '';
  if (comment !== undefined) text += lines(': ', comment);
  if (retry !== undefined) {
    if (!Number.isInteger(retry) || retry < 0 || retry > maxRetryMs)
      throw invalid('retry is not an integer from 0 to 2147483647');
    text += `retry: ${retry}\n`;
  }
  if (event !== undefined) {
    if (data === undefined) throw invalid('an event name needs data: without it, readers dispatch no event');
    if (event === '' || breaksName.test(event)) throw invalid('the event name is empty or contains CR, LF or NUL');
    text += `event: ${event}\n`;
  }
  if (id !== undefined) {
    if (!idForm.test(id)) throw invalid('the id does not match [A-Za-z0-9._~-]{1,128}');
    text += `id: ${id}\n`;
  }
  if (data !== undefined) text += lines('data: ', data);
  if (text === '') throw invalid('the frame has no fields');
  return `${text}\n`;
}

const lines = (prefix: string, value: string): string =>
  breaksLine.test(value) ? `${prefix}${value.replace(lineEnding, `\n${prefix}`)}\n` : `${prefix}${value}\n`;

const invalid = (message: string): TransportError =>
  new TransportError('transport.invalid_frame', `Cannot encode this SSE frame: ${message}.`);
