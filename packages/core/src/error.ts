/**
 * The error classes: `ChatKitError` for everything that the toolkit itself reports, and two that applications throw
 * from `respond()`, `StreamError` (a code, without a text for the user) and `CustomStreamError` (a text that the user
 * reads). They are recognised by a brand, not by `instanceof`, so that several copies of this package in one process
 * work together.
 */

const brand: unique symbol = Symbol.for('chatkit.error') as never;

/** Every code that the toolkit raises. `docs/reference/errors.md` gives the cause and the remedy of each. */
export type ErrorCode =
  | 'request.invalid_json'
  | 'request.invalid'
  | 'request.unknown_type'
  | 'request.too_large'
  | 'request.too_deep'
  | 'request.unsupported_media_type'
  | 'request.method_not_allowed'
  | 'request.forbidden_origin'
  | 'request.unsupported'
  | 'request.unauthorized'
  | 'request.forbidden'
  | 'request.rate_limited'
  | 'thread.not_found'
  | 'thread.locked'
  | 'thread.closed'
  | 'thread.busy'
  | 'thread.conflict'
  | 'item.not_found'
  | 'item.wrong_type'
  | 'item.not_pending'
  | 'attachment.not_found'
  | 'attachment.unsupported'
  | 'run.not_found'
  | 'run.conflict'
  | 'run.too_many'
  | 'run.cancelled'
  | 'run.failed'
  | 'run.interrupted'
  | 'run.first_event_timeout'
  | 'run.idle_timeout'
  | 'run.total_timeout'
  | 'run.hook_timeout'
  | 'server.closing'
  | 'store.timeout'
  | 'log.expired'
  | 'log.offset_unknown'
  | 'log.closed'
  | 'event.too_large'
  | 'widget.invalid_template'
  | 'widget.render_failed'
  | 'transport.network'
  | 'transport.status'
  | 'transport.interrupted'
  | 'transport.timeout'
  | 'transport.invalid_frame'
  | 'internal';

/** Options of a `ChatKitError`. */
export interface ChatKitErrorOptions {
  /** Whether the same call may succeed later. Default `false`. */
  retryable?: boolean;
  /** The underlying error; never sent over the wire. */
  cause?: unknown;
  /** Facts that help to fix the problem and are safe to send: the path of a field, a limit, an offset. */
  details?: Readonly<Record<string, unknown>>;
}

/**
 * An error with a stable `code`.
 *
 * @example
 * try { await store.loadThread(id, context); }
 * catch (error) { if (!isChatKitError(error, 'thread.not_found')) throw error; }
 */
export class ChatKitError extends Error {
  override readonly name: string = 'ChatKitError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly [brand] = true;

  constructor(code: ErrorCode, message: string, options: ChatKitErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.details = options.details;
  }
}

/**
 * Whether `error` is a `ChatKitError` of any installed copy, and of this `code` when one is given.
 *
 * @example
 * if (isChatKitError(error, 'thread.not_found')) return undefined;
 */
export const isChatKitError = (error: unknown, code?: ErrorCode): error is ChatKitError => {
  const given = error as ChatKitError | null | undefined;
  return given?.[brand] === true && (code === undefined || given.code === code);
};

const streamErrorBrand: unique symbol = Symbol.for('chatkit.stream-error') as never;

/**
 * Thrown by an application from `respond()` or `action()`: the client receives `{type: 'error', code, allow_retry}`
 * and shows its own text for the code.
 *
 * @example
 * throw new StreamError('rate_limited', { allowRetry: true });
 */
export class StreamError extends Error {
  override readonly name: string = 'StreamError';
  /** An open set: `stream.error` is the code that every client knows. */
  readonly code: string;
  /** Whether the client offers "retry". Default: `true` for `stream.error`, else `false`. */
  readonly allowRetry: boolean;
  readonly [streamErrorBrand] = 'coded';

  constructor(code = 'stream.error', options: { allowRetry?: boolean; cause?: unknown } = {}) {
    super(`The stream failed with code ${code}.`, options);
    this.code = code;
    this.allowRetry = options.allowRetry ?? code === 'stream.error';
  }
}

/**
 * Thrown by an application from `respond()` or `action()`: the user reads `message`, so write it for them.
 *
 * @example
 * throw new CustomStreamError('You have used up this month’s questions.');
 */
export class CustomStreamError extends Error {
  override readonly name: string = 'CustomStreamError';
  /** Default `false`. */
  readonly allowRetry: boolean;
  readonly [streamErrorBrand] = 'custom';

  constructor(message: string, options: { allowRetry?: boolean; cause?: unknown } = {}) {
    super(message, options);
    this.allowRetry = options.allowRetry ?? false;
  }
}

const streamErrorKind = (error: unknown): unknown => (error as StreamError | null | undefined)?.[streamErrorBrand];

/** Whether `error` is a `StreamError` of any installed copy. */
export const isStreamError = (error: unknown): error is StreamError => streamErrorKind(error) === 'coded';

/** Whether `error` is a `CustomStreamError` of any installed copy. */
export const isCustomStreamError = (error: unknown): error is CustomStreamError => streamErrorKind(error) === 'custom';
