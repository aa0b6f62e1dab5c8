/**
 * Which requests have brought which messages, so that a request that comes twice (a proxy repeats it, or a browser) is
 * told from a message that another request wants answered anew. In memory: what it does not know the server finds out
 * by the message's name.
 */

/** A request that brings a message. */
export interface SentMessage {
  /**
   * Whether the message is to be answered anew: another request brought it, or this one and its client left before the
   * end.
   */
  readonly isAgain: boolean;
  /** To be called when its client has the whole answer. */
  over(): void;
}

export interface SentMessages {
  /** Notes that `request`, whose client leaves when `signal` aborts, brings the message `name`. */
  note(name: string, request: string, signal: AbortSignal): SentMessage;
}

interface Entry {
  readonly request: string;
  /** The client that reads the answer; `undefined` once one has read it. */
  reader: AbortSignal | undefined;
}

/** As many as conversations that are remembered by default. */
const MAX_ENTRIES = 10_000;

export const createSentMessages = (): SentMessages => {
  const entries = new Map<string, Entry>();
  return {
    note(name, request, signal) {
      const known = entries.get(name);
      const isAgain = known !== undefined && (known.request !== request || known.reader?.aborted === true);
      if (isAgain) return { isAgain, over() {} };
      const entry = known ?? { request, reader: signal };
      // Of those that ask in the same words each has the whole answer, so the newest tells whether it goes on.
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
