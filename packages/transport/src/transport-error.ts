/**
 * `TransportError`, the error class of this package. It has the same brand and fields as `ChatKitError` of
 * `@chatkit/core`, so `isChatKitError(error, 'transport.invalid_frame')` recognises it, although this package does not
 * import core.
 */

const brand: unique symbol = Symbol.for('chatkit.error') as never;

/** What went wrong on the wire. */
export type TransportErrorCode =
  /** A frame that cannot be encoded or decoded: too large, not JSON, a line break in a name. */
  | 'transport.invalid_frame'
  /** The server answered with a status that is not that of a stream. */
  | 'transport.status'
  /** There was no connection, or it was lost. */
  | 'transport.network'
  /** The stream ended before it was complete. */
  | 'transport.interrupted';

/** Facts about a {@link TransportError}. */
export interface TransportErrorOptions {
  /** Whether the same call may succeed later. Default `false`. */
  retryable?: boolean;
  /** The error underneath. */
  cause?: unknown;
  /** Facts that help to fix the problem and are safe to log: a limit, a status. Never the offending bytes. */
  details?: Readonly<Record<string, unknown>>;
}

/**
 * An error with a stable `code`, raised by encoders, decoders and connections.
 *
 * @example
 * try { encodeSse({ event: name }); }
 * catch (error) { if (!isTransportError(error, 'transport.invalid_frame')) throw error; }
 */
export class TransportError extends Error {
  override readonly name: string = 'TransportError';
  readonly code: TransportErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly [brand] = true;

  constructor(code: TransportErrorCode, message: string, options: TransportErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
  }
}

/** Whether `error` is a {@link TransportError} of any installed copy, and of this `code` when one is given. */
export const isTransportError = (error: unknown, code?: TransportErrorCode): error is TransportError =>
  typeof error === 'object' &&
  error !== null &&
  (error as { [brand]?: unknown })[brand] === true &&
  typeof (error as { code?: unknown }).code === 'string' &&
  (code === undefined
    ? (error as { code: string }).code.startsWith('transport.')
    : (error as { code: string }).code === code);
