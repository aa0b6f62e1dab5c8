/** The id of the only user of a program that has no users, whose context is `undefined`. */
export const userOfNoContext = '';

/**
 * The user of a context, by the convention of `@chatkit/store`: no context means the only user of a single-user
 * program, and a string is the user's id.
 */
export const defaultUserOf = (context: unknown): string | undefined => {
  if (context === undefined || context === null) return userOfNoContext;
  if (typeof context === 'string') return context;
  const { userId } = context as { userId?: unknown };
  return typeof userId === 'string' ? userId : undefined;
};
