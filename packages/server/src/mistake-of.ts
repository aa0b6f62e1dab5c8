/** Names the hook that has returned what cannot be stored. */
import { isChatKitError } from '@chatkit/core';

/**
 * Does `work` with what a hook has returned. If that is no such thing, or the store refuses it, the application is told:
 * the error's own code would blame the client's request.
 */
export const mistakeOf = async <T>(hook: string, work: () => T | Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (cause) {
    const isMistake =
      cause instanceof TypeError ||
      isChatKitError(cause, 'request.invalid') ||
      isChatKitError(cause, 'event.too_large');
    if (!isMistake) throw cause;
    throw new TypeError(`${hook}() returned what cannot be stored. ${cause.message}`, { cause });
  }
};
