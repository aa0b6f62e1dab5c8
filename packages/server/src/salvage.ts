/**
 * Recovers the half-written answer of a run whose machine died. Its readers have seen text that was never stored,
 * because an item is stored only when it is done, and updates of finished items that were still to be stored. The log
 * has both: its events are folded into items, which are then closed like those of a run that was stopped here, in the
 * name of the run's user.
 */
import {
  ChatKitError,
  isChatKitError,
  type RunRecord,
  type Store,
  type ThreadItem,
  type ThreadItemUpdatedEvent,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { closeStopped, quietly } from './close-stopped.ts';
import type { ServerParts } from './server-parts.ts';
import { ThreadChanges } from './thread-changes.ts';
import { TurnItems } from './turn-items.ts';
import { userOfNoContext } from './user-of.ts';

/** What the readers of a run have been sent. */
export interface Sent {
  readonly state: ThreadState;
  /** Items in `state` that were updated when they were finished. */
  readonly revised: ReadonlySet<string>;
  /** By item, the updates of items that are not in `state`, because an earlier turn has finished them. */
  readonly earlier: ReadonlyMap<string, readonly ThreadItemUpdatedEvent[]>;
}

/** Stores what is worth keeping of what readers have been sent, and resolves with the events to send them next. */
export type Salvage = (record: RunRecord, sent: Sent) => Promise<ThreadStreamEvent[]>;

export const createSalvage =
  <Context>(
    parts: ServerParts<Context>,
    contextOf: ((userId: string) => Context | Promise<Context>) | undefined,
  ): Salvage =>
  async (record, sent) => {
    const { runId, threadId, userId } = record;
    if (userId === undefined || (contextOf === undefined && userId !== userOfNoContext)) return [];
    // Without `contextOf`, only the run of a program without users comes here, whose context is `undefined`.
    const context = contextOf === undefined ? (undefined as Context) : await contextOf(userId);
    const reason = new ChatKitError('run.interrupted', 'The machine of the run has died.', {
      retryable: true,
      details: { cause: 'died' },
    });
    try {
      const stored = await parts.store.loadThread(threadId, context);
      const run = { id: runId, threadId, signal: AbortSignal.abort(reason) };
      const onError = (error: unknown) => parts.settings.onError(error, { runId, threadId });
      const { maxEventBytes } = parts.settings;
      const items = new TurnItems(parts.store, threadId, context, { maxEventBytes, sent });
      await quietly(onError, async () => {
        for (const update of [...sent.earlier.values()].flat()) await items.take(update);
        return [];
      });
      return await closeStopped(
        {
          onCancelled: async (thread, pending) =>
            parts.handleStreamCancelled(thread, await notStored(parts.store, threadId, pending, context), context, run),
          onError,
        },
        new ThreadChanges(parts.store, stored, context),
        items,
      );
    } catch (error) {
      // The machine died before it had stored the thread.
      if (isChatKitError(error, 'thread.not_found')) return [];
      throw error;
    }
  };

/**
 * An item is stored before its `done` event is in the log. So an item that is in the store is complete there, and only
 * partial in the log.
 */
const notStored = async <Context>(
  store: Store<Context>,
  threadId: string,
  items: readonly ThreadItem[],
  context: Context,
): Promise<ThreadItem[]> => {
  const missing: ThreadItem[] = [];
  for (const item of items) {
    try {
      await store.loadItem(threadId, item.id, context);
    } catch (error) {
      if (!isChatKitError(error, 'item.not_found')) throw error;
      missing.push(item);
    }
  }
  return missing;
};
