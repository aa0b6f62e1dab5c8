/**
 * Finds the user that a context belongs to. Every row that a driver writes and every statement that it runs carries
 * this id, so one user's threads are *not found* for another. A context that names no user is refused: sharing data by
 * accident is the one mistake that no later check would notice.
 */
import { ChatKitError, isStorableId } from '@chatkit/core';

/** Finds the user in a context. */
export type UserIdOf<Context> = (context: Context) => string;

/**
 * The default rule: no context is the only user of a single-user program, a string is the user's id, an object has it
 * as `userId`.
 */
const defaultUserId = (context: unknown): unknown => {
  if (context === undefined || context === null) return '';
  if (typeof context === 'string') return context || undefined;
  return (context as { userId?: unknown }).userId || undefined;
};

/** The application's own rule or the default one, with the result checked. */
export const createUserOf = <Context>(userOf: UserIdOf<Context> | undefined): UserIdOf<Context> => {
  const find: (context: Context) => unknown = userOf ?? defaultUserId;
  return (context) => {
    const user = find(context);
    if (user === '' && userOf === undefined) return user;
    if (typeof user === 'string' && isStorableId(user)) return user;
    throw new ChatKitError(
      'internal',
      'The store cannot tell which user this context belongs to: pass { userOf: (context) => … } that returns a non-empty string.',
    );
  };
};
