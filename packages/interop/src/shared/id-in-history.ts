/**
 * Makes a message's id unique within the history that its client sends. Some clients give all messages the same id, or
 * an empty one, and people do send the same text twice, so earlier messages with the same id are counted. A repeated
 * request has the same count, and where ids are unique it is always 0.
 */

/** The unique id of the last message of a history; `undefined` if its client gives it none. */
export const idInHistory = (messages: readonly unknown[]): string | undefined => {
  const id = idOf(messages.at(-1));
  if (id === undefined) return undefined;
  const before = messages.slice(0, -1).filter((message) => idOf(message) === id).length;
  return before === 0 ? id : JSON.stringify([id, before]);
};

const idOf = (message: unknown): string | undefined => {
  const id = (message as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' && id !== '' ? id : undefined;
};
