/**
 * Encodes NDJSON: one JSON value per line, for readers that do not want SSE. JSON escapes line breaks, so a line is
 * always a whole value.
 */
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
  if (json === undefined)
    throw new TransportError(
      'transport.invalid_frame',
      'The value has no JSON form (it is undefined, a function or a symbol).',
    );
  return `${json}\n`;
}
