/** What a client is told of an error that ends its stream. */
import { type ChatKitError, type ErrorEvent, isChatKitError, isCustomStreamError, isStreamError } from '@chatkit/core';
import { isOutOfTime } from './time-limit.ts';

/**
 * The `error` event that a client gets for an error. Only the message of a `CustomStreamError` is sent; anything that
 * was not thrown on purpose becomes `stream.error`, so that no secret in a message or a stack reaches a browser.
 */
export const toErrorEvent = (error: unknown): ErrorEvent => {
  if (isCustomStreamError(error)) {
    return { type: 'error', code: 'custom', message: error.message, allow_retry: error.allowRetry };
  }
  if (isStreamError(error)) return { type: 'error', code: error.code, allow_retry: error.allowRetry };
  if (isDeadline(error)) return { type: 'error', code: error.code, allow_retry: true };
  // A retry would produce an event just as large.
  if (isChatKitError(error, 'event.too_large')) return { type: 'error', code: error.code, allow_retry: false };
  return { type: 'error', code: 'stream.error', allow_retry: true };
};

/** Whether an error says that something took too long. */
export const isDeadline = (error: unknown): error is ChatKitError =>
  isOutOfTime(error) || (isChatKitError(error) && error.code.startsWith('run.') && error.code.endsWith('_timeout'));
