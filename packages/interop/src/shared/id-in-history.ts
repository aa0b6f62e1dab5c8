/**
 * What a message is called, from what its client calls it and where it stands. Some clients call all their messages the
 * same, or by an empty text, and people do say the same twice: so the messages before it in the history that its client
 * sends count those of its id. The same request has the same count, and where ids are unique it is always 0.
 */

/** The name of the last message of a history; `undefined` where its client gives none. */
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
