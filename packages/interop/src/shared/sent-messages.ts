/**
 * Remembers which request brought which message, to distinguish a request that is repeated (by a proxy or a browser)
 * from another request that wants the same message answered again. In memory only: for unknown messages the server
 * decides by the message's name.
 */

/** A message that a request has brought. */
export interface SentMessage {
  /**
   * Whether the message is to be answered again: another request has brought it before, or the same one has and its
   * client left before the end.
   */
  readonly isAgain: boolean;
  /** To be called when the client has received the whole answer. */
  over(): void;
}

export interface SentMessages {
  /** Records that `request`, whose client leaves when `signal` aborts, brings the message `name`. */
  note(name: string, request: string, signal: AbortSignal): SentMessage;
}

interface Entry {
  readonly request: string;
  /** The signal of the client that reads the answer; `undefined` once a client has read all of it. */
  reader: AbortSignal | undefined;
}

/** The same as the default number of remembered conversations. */
const MAX_ENTRIES = 10_000;

export const createSentMessages = (): SentMessages => {
  const entries = new Map<string, Entry>();
  return {
    note(name, request, signal) {
      const known = entries.get(name);
      const isAgain = known !== undefined && (known.request !== request || known.reader?.aborted === true);
      if (isAgain) return { isAgain, over() {} };
      const entry = known ?? { request, reader: signal };
      // Each repeat gets the whole answer, so only the newest reader decides whether the answer is still being read.
      if (entry.reader !== undefined) entry.reader = signal;
      entries.set(name, entry);
      const [oldest] = entries.keys();
      if (entries.size > MAX_ENTRIES && oldest !== undefined) entries.delete(oldest);
      return {
        isAgain,
        over() {
          entry.reader = undefined;
        },
      };
    },
  };
};
