/**
 * Who a context belongs to. Every row a driver writes and every statement it runs carries this id, so one user's
 * threads are *not found* for another. A context that names nobody is refused: sharing by accident is the one mistake
 * that no later check would notice.
 */
import { ChatKitError } from '@chatkit/core';
import { isStorableId } from './storable-id.ts';

/** Finds the user in a context. */
export type UserIdOf<Context> = (context: Context) => string;

/**
 * The rule when an application gives none: no context at all is the one user of a single-user program, a string is the
 * user's id, an object carries it as `userId`.
 */
const defaultUserId = (context: unknown): unknown => {
  if (context === undefined || context === null) return '';
  if (typeof context === 'string') return context || undefined;
  return (context as { userId?: unknown }).userId || undefined;
};

/** The rule of a store: the application's own, or the default; either way checked. */
export const createUserOf = <Context>(userOf: UserIdOf<Context> | undefined): UserIdOf<Context> => {
  const find: (context: Context) => unknown = userOf ?? defaultUserId;
  return (context) => {
    const user = find(context);
    if (user === '' && userOf === undefined) return user;
    if (typeof user === 'string' && isStorableId(user)) return user;
    throw new ChatKitError(
      'internal',
      'The store cannot tell whose context this is: pass { userOf: (context) => … } that returns a non-empty string.',
    );
  };
};
