import { ChatKitError, isStorableId } from '@chatkit/core';

/** Refuses an id that cannot be stored with `request.invalid`. `path` names the field. */
export const assertStorableId = (id: unknown, path: string): void => {
  if (typeof id === 'string' && isStorableId(id)) return;
  throw new ChatKitError('request.invalid', `${path} must be 1 to 200 characters of well-formed text.`, {
    details: { path },
  });
};
