/**
 * A client's stay: as long as it reads, and a grace period longer. A server stops a run when its last reader has gone,
 * and neither protocol tells a reload of the page or a lost network from a stop. So this package goes on reading for a
 * while in the client's place: whoever comes back in time finds the run in progress, and one that nobody comes back to
 * is stopped late. The price: an unread answer goes on for that long.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import type { Clock } from '@chatkit/stream';
import type { Caller } from './chat-kit-handler.ts';

/** The stay of one client. */
export interface Stay {
  /** The client, for requests to the server: its signal aborts when the stay is over. */
  readonly caller: Caller;
  /**
   * Opens the events and passes them on. When the reader closes them early, the rest is read here until the stay is
   * over. Rejects as `open` does.
   */
  follow(open: () => Promise<AsyncIterable<ThreadStreamEvent>>): Promise<AsyncIterable<ThreadStreamEvent>>;
}

export interface Stays {
  /** Begins a client's stay. `onLeave` is called when the client leaves before it has everything. */
  begin(conversation: string, client: Caller, onLeave: () => void): Stay;
  /** Ends the grace periods in a conversation, and takes them from the clients who are still there. */
  end(conversation: string): void;
}

/** Timers take no more; that is 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `graceMs`: 0 for none, `Infinity` for as long as the run takes. */
export const createStays = (graceMs: number, clock: Clock): Stays => {
  if (!(graceMs >= 0)) throw new TypeError(`graceMs must be a number of milliseconds, not ${graceMs}.`);
  /** The stays of each conversation, each with what ends its grace period. */
  const open = new Map<string, Set<() => void>>();
  return {
    begin(conversation, client, onLeave) {
      const over = new AbortController();
      let grace = graceMs;
      let timer: unknown;
      const finish = (): void => {
        clock.clearTimeout(timer);
        client.signal.removeEventListener('abort', leave);
        const others = open.get(conversation);
        others?.delete(hurry);
        if (others?.size === 0) open.delete(conversation);
      };
      const end = (): void => {
        finish();
        over.abort(client.signal.reason);
      };
      const leave = (): void => {
        if (grace === 0) return end();
        if (grace <= MAX_TIMER_MS) timer = clock.setTimeout(end, grace);
        onLeave();
      };
      const hurry = (): void => {
        grace = 0;
        if (client.signal.aborted) end();
      };
      const stay: Stay = {
        caller: { ...client, signal: over.signal },
        async follow(source) {
          try {
            return readOn(await source(), finish);
          } catch (error) {
            finish();
            throw error;
          }
        },
      };
      const others = open.get(conversation) ?? new Set();
      open.set(conversation, others.add(hurry));
      client.signal.addEventListener('abort', leave);
      if (client.signal.aborted) leave();
      return stay;
    },
    end(conversation) {
      for (const hurry of [...(open.get(conversation) ?? [])]) hurry();
    },
  };
};

/** The events; a reader who closes them leaves the rest to be read by nobody. */
async function* readOn(
  events: AsyncIterable<ThreadStreamEvent>,
  onOver: () => void,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  const source = events[Symbol.asyncIterator]();
  let isClosedEarly = false;
  try {
    for (;;) {
      const next = await source.next();
      if (next.done === true) return;
      isClosedEarly = true;
      yield next.value;
      isClosedEarly = false;
    }
  } finally {
    if (isClosedEarly) void readRest(source).finally(onOver);
    else onOver();
  }
}

const readRest = async (source: AsyncIterator<ThreadStreamEvent>): Promise<void> => {
  try {
    while ((await source.next()).done !== true);
  } catch {
    // It breaks off when the stay ends, and there is nobody to tell of other errors.
  }
};
