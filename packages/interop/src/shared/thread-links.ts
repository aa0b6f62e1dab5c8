/**
 * Links between conversations and threads. In AG-UI and in the AI SDK the client names the conversation, in ChatKit the
 * server names the thread, so the mapping has to be remembered.
 */

/**
 * Remembers the thread of each conversation. Store the links with the threads if conversations must survive a restart.
 */
export interface ThreadLinks<Context> {
  /** The id of the thread of a conversation, if it has one. MUST return only what the same user saved. */
  load(conversationId: string, context: Context): Promise<string | undefined>;
  save(conversationId: string, threadId: string, context: Context): Promise<void>;
}

/** The options of {@link createMemoryLinks}. */
export interface MemoryLinksOptions<Context> {
  /**
   * The id of the user that a context belongs to, like the server's option `userOf`. Default: all contexts are one
   * user.
   */
  userOf?: ((context: Context) => string) | undefined;
  /**
   * How many links are kept. Beyond that the least recently used are dropped, and their conversations may start a new
   * thread. Default 10,000.
   */
  maxLinks?: number | undefined;
}

/**
 * Keeps links in this process's memory.
 *
 * @example
 * const links = createMemoryLinks<User>({ userOf: (user) => user.id });
 */
export const createMemoryLinks = <Context>(options: MemoryLinksOptions<Context> = {}): ThreadLinks<Context> => {
  const { userOf = () => '', maxLinks = 10_000 } = options;
  const links = new Map<string, string>();
  const keyOf = (conversationId: string, context: Context) => JSON.stringify([userOf(context), conversationId]);
  const touch = (key: string, threadId: string) => {
    links.delete(key);
    links.set(key, threadId);
  };
  return {
    async load(conversationId, context) {
      const key = keyOf(conversationId, context);
      const threadId = links.get(key);
      if (threadId !== undefined) touch(key, threadId);
      return threadId;
    },
    async save(conversationId, threadId, context) {
      touch(keyOf(conversationId, context), threadId);
      const [oldest] = links.keys();
      if (links.size > maxLinks && oldest !== undefined) links.delete(oldest);
    },
  };
};
