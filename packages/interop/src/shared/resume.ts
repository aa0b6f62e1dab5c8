/**
 * Finds the answer that a client comes back to: the run in progress in its conversation, or the one that has ended
 * while it was away. That one is remembered in this process, for as long as the server keeps what it said. A run whose
 * machine has died was remembered there, so it is found by the message that it answers.
 */
import { ChatKitError, isChatKitError, type ThreadItem, type ThreadStreamEvent } from '@chatkit/core';
import type { Clock } from '@chatkit/stream';
import { askServer, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';
import { findCutRun } from './find-cut-run.ts';
import { type FoundThread, findThread } from './find-thread.ts';
import { followRun } from './follow-run.ts';
import { itemsSinceMessage } from './item-pages.ts';
import type { Stays } from './stays.ts';
import type { ThreadLinks } from './thread-links.ts';

/** An answer that a client has come back to. */
export interface Resumed {
  /** The events of its run, from the beginning. */
  readonly events: AsyncIterable<ThreadStreamEvent>;
  /** What is stored after the user's last message, oldest first. */
  itemsSoFar(): Promise<ThreadItem[]>;
}

/** A conversation of a user, and its key among those of all users. */
export interface Conversation<Context> {
  readonly key: string;
  readonly id: string;
  readonly context: Context;
}

/** Reads the events of a run from the beginning, until it has what it looks for. */
export type Look<T> = (events: AsyncIterable<ThreadStreamEvent>) => Promise<T | undefined>;

export interface Resuming<Context> {
  /** The thread of the conversation. */
  find(conversation: Conversation<Context>, caller: Caller): Promise<FoundThread | undefined>;
  /** Looks at what the run in progress in a thread has said so far; `undefined` if there is none, or not enough. */
  look<T>(thread: FoundThread, look: Look<T>, context: Context, caller: Caller): Promise<T | undefined>;
  /** `undefined`: there is nothing to come back to. */
  resume(conversation: Conversation<Context>, client: Caller): Promise<Resumed | undefined>;
  /** Stops what is in progress, and resolves when it has ended. */
  stop(conversation: Conversation<Context>, caller: Caller): Promise<void>;
  /** A client has left before the end of a run. */
  left(key: string, runId: string): void;
  /** The conversation goes on: nobody wants the earlier answer. */
  goOn(key: string): void;
}

/** The same as the default number of remembered conversations. */
const MAX_MISSED = 10_000;

export const createResuming = <Context>(
  server: ChatKitHandler<Context>,
  links: ThreadLinks<Context>,
  stays: Stays,
  clock: Clock,
): Resuming<Context> => {
  /** The runs, by conversation, that somebody has left before the end. */
  const missed = new Map<string, string>();
  const find = async ({ id, context }: Conversation<Context>, caller: Caller): Promise<FoundThread | undefined> =>
    findThread(server, id, await links.load(id, context), context, caller);

  const left = (key: string, runId: string): void => {
    missed.set(key, runId);
    const [oldest] = missed.keys();
    if (missed.size > MAX_MISSED && oldest !== undefined) missed.delete(oldest);
  };

  /** Does what should be done at once. `undefined`: it takes longer than `ms`. */
  const within = async <T>(
    ms: number,
    caller: Caller,
    work: (caller: Caller) => Promise<T | undefined>,
  ): Promise<T | undefined> => {
    const enough = new AbortController();
    const timer = clock.setTimeout(() => enough.abort(), ms);
    try {
      return await work({ ...caller, signal: AbortSignal.any([caller.signal, enough.signal]) });
    } catch (error) {
      if (enough.signal.aborted) return undefined;
      throw error;
    } finally {
      clock.clearTimeout(timer);
    }
  };

  return {
    find,
    async look({ runId }, look, context, caller) {
      if (runId === undefined) return undefined;
      return within(LOOK_MS, caller, async (brief) => {
        const events = await followRun(server, runId, context, brief);
        return events && (await look(events));
      });
    },
    async resume(conversation, client) {
      const { key, context } = conversation;
      const thread = await find(conversation, client);
      if (thread === undefined) return undefined;
      const runId =
        thread.runId ??
        missed.get(key) ??
        (await within(CUT_MS, client, (brief) => findCutRun(server, thread.id, context, brief)));
      if (runId === undefined) return undefined;
      const stay = stays.begin(key, client, () => left(key, runId));
      const run = async () => {
        const events = await followRun(server, runId, context, stay.caller);
        if (events === undefined) throw gone();
        return events;
      };
      try {
        const events = await stay.follow(run);
        missed.delete(key);
        return { events, itemsSoFar: () => itemsSinceMessage(server, thread.id, context, stay.caller) };
      } catch (error) {
        if (isChatKitError(error, 'run.not_found')) return undefined;
        throw error;
      }
    },
    async stop(conversation, caller) {
      missed.delete(conversation.key);
      stays.end(conversation.key);
      const run_id = (await find(conversation, caller))?.runId;
      if (run_id === undefined) return;
      const request = { type: 'runs.cancel', params: { run_id } } as const;
      try {
        await askServer(server, request, conversation.context, caller);
      } catch (error) {
        // It has ended by itself.
        if (!isChatKitError(error, 'run.not_found')) throw error;
      }
    },
    left,
    goOn: (key) => void missed.delete(key),
  };
};

/** How long a look takes at most: what a run has said is there at once, or has to come from another machine. */
const LOOK_MS = 100;

/** How long the log of a run that has ended may take. One that is not at its end by then is just beginning. */
const CUT_MS = 5_000;

const gone = (): ChatKitError => new ChatKitError('run.not_found', 'There is no such run any more.');
