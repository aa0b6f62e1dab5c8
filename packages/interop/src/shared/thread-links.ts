/**
 * Whose thread is whose. In AG-UI and in the AI SDK the client names the conversation, in ChatKit the server does;
 * somebody has to remember which is which.
 */

/**
 * Remembers the thread of a conversation. Keep it where the threads are, if conversations are to outlive the process.
 */
export interface ThreadLinks<Context> {
  /** The id of the thread of a conversation, if it has one. MUST answer only what the same user saved. */
  load(conversationId: string, context: Context): Promise<string | undefined>;
  save(conversationId: string, threadId: string, context: Context): Promise<void>;
}

/** Who is who, and how many conversations are remembered. */
export interface MemoryLinksOptions<Context> {
  /** Whose context it is, as the server's option of that name. Default: all are one user. */
  userOf?: ((context: Context) => string) | undefined;
  /** Links to keep; past it those used longest ago go, and their conversation starts a new thread. Default 10,000. */
  maxLinks?: number | undefined;
}

/**
 * Links in this process's memory.
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
