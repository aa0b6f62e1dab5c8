/** What was added to a text since it was last seen; `undefined` when it is another text altogether. */
export const textSuffix = (before: string, after: string): string | undefined =>
  after.startsWith(before) ? after.slice(before.length) : undefined;
