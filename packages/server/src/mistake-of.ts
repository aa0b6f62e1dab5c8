/** Names the hook that has returned what cannot be stored. */
import { isChatKitError } from '@chatkit/core';

export const mistakeOf = (hook: string, cause: unknown): TypeError =>
  new TypeError(`${hook}() returned what cannot be stored. ${(cause as Error).message}`, { cause });

/** Stores what a hook has returned. Should the store refuse it, its own error would blame the client's request. */
export const storeOf = async (hook: string, store: () => Promise<void>): Promise<void> => {
  try {
    await store();
  } catch (error) {
    const isRefused = isChatKitError(error, 'request.invalid') || isChatKitError(error, 'event.too_large');
    throw isRefused ? mistakeOf(hook, error) : error;
  }
};
