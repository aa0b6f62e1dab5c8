/** NDJSON: one JSON value a line, for readers that want no SSE. JSON escapes every line break, so a line is a value. */
import { TransportError } from './transport-error.ts';

/**
 * Encodes one value as a line, LF included.
 *
 * @throws {TransportError} `transport.invalid_frame` for a value that has no JSON form (`undefined`, a function).
 *
 * @example
 * encodeNdjson({ id: '1-7', data: event }); // '{"id":"1-7",…}\n'
 */
export function encodeNdjson(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TransportError('transport.invalid_frame', 'a value without a JSON form');
  return `${json}\n`;
}
