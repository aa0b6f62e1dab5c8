/** The one user of a program that has no users, and no context. */
export const userOfNoContext = '';

/**
 * Who asks, by the convention of `@chatkit/store`: no context is the one user of a program, a text is the user's id.
 */
export const defaultUserOf = (context: unknown): string | undefined => {
  if (context === undefined || context === null) return userOfNoContext;
  if (typeof context === 'string') return context;
  const { userId } = context as { userId?: unknown };
  return typeof userId === 'string' ? userId : undefined;
};
