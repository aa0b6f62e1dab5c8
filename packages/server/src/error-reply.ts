/**
 * Error responses, for requests that fail before a stream has begun: JSON with a status. The details of an error that
 * the application threw by accident never leave the server.
 */
import { ChatKitError, type ErrorCode, isChatKitError } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';

/**
 * The HTTP status of each code that can precede a stream. Codes that are not listed are the server's own fault: 500.
 */
const statuses: Partial<Record<ErrorCode, number>> = {
  'request.invalid_json': 400,
  'request.invalid': 400,
  'request.unknown_type': 400,
  'request.too_deep': 400,
  'request.unauthorized': 401,
  'request.forbidden': 403,
  'request.forbidden_origin': 403,
  'request.method_not_allowed': 405,
  'request.too_large': 413,
  'event.too_large': 413,
  'request.unsupported_media_type': 415,
  'request.unsupported': 501,
  'thread.not_found': 404,
  'thread.locked': 409,
  'thread.closed': 409,
  'thread.busy': 409,
  'thread.conflict': 409,
  'item.not_found': 404,
  'item.wrong_type': 400,
  'item.not_pending': 409,
  'attachment.not_found': 404,
  'attachment.unsupported': 501,
  'run.not_found': 404,
  'run.conflict': 409,
  'request.rate_limited': 429,
  'run.too_many': 429,
  'run.cancelled': 409,
  'run.interrupted': 503,
  'server.closing': 503,
  // What is behind the server does not answer. Tools such as the doctor look for it there.
  'store.timeout': 504,
  'run.hook_timeout': 504,
  'log.expired': 410,
  'log.offset_unknown': 400,
};

/** Headers of every JSON answer. */
export const jsonHeaders: Readonly<Record<string, string>> = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** Whether an error was raised on purpose, with a message that the client may read. */
export const isPublicError = (error: unknown): error is ChatKitError =>
  isChatKitError(error) && statuses[error.code] !== undefined;

/**
 * `{error: {code, message, retryable, details?}}` with the status of the code. A limit of the application's is always
 * worth another try, and its `details.retryAfterMs` says when.
 */
export const errorReply = (error: unknown): Reply => {
  const shown = isPublicError(error)
    ? error
    : new ChatKitError('internal', 'Something went wrong on the server.', { retryable: true });
  const { code, message, details } = shown;
  const isLimit = code === 'request.rate_limited';
  const retryable = shown.retryable || isLimit;
  const headers: Record<string, string> = { ...jsonHeaders };
  if (code === 'request.method_not_allowed') headers['allow'] = 'GET, POST';
  const waitMs = isLimit ? details?.['retryAfterMs'] : code === 'server.closing' || code === 'run.too_many' ? 1_000 : 0;
  if (typeof waitMs === 'number' && waitMs > 0 && waitMs < Number.POSITIVE_INFINITY)
    headers['retry-after'] = String(Math.ceil(waitMs / 1_000));
  return {
    status: statuses[code] ?? 500,
    headers,
    body: JSON.stringify({ error: { code, message, retryable, ...(isJson(details) && { details }) } }),
  };
};

/** Whether something can be sent: in the details of an application's error there may be anything. */
const isJson = (value: unknown): boolean => {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
};
