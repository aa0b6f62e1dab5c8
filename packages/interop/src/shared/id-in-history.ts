/**
 * Makes the ids of messages unique within the history that their client sends. Some clients give all messages the same
 * id, or an empty one, and people do send the same text twice, so earlier messages with the same id are counted. A
 * repeated request has the same count, and where ids are unique it is always 0.
 */

/** The unique ids of the messages of a history; `undefined` for one to which its client gives none. */
export const idsInHistory = (messages: readonly unknown[]): (string | undefined)[] => {
  const counts = new Map<string, number>();
  return messages.map((message) => {
    const id = idOf(message);
    if (id === undefined) return undefined;
    const before = counts.get(id) ?? 0;
    counts.set(id, before + 1);
    return before === 0 ? id : JSON.stringify([id, before]);
  });
};

const idOf = (message: unknown): string | undefined => {
  const id = (message as { readonly id?: unknown } | null | undefined)?.id;
  return typeof id === 'string' && id !== '' ? id : undefined;
};
