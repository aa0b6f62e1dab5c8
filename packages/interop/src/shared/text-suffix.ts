/** The text that was appended to `before`; `undefined` if `after` does not begin with it. */
export const textSuffix = (before: string, after: string): string | undefined =>
  after.startsWith(before) ? after.slice(before.length) : undefined;
