/**
 * Recovers the half-written answer of a run whose machine died. Its readers have seen text that was never stored,
 * because an item is stored only when it is done. The log still has that text: its events are folded into items, which
 * are then closed like those of a run that was stopped here, in the name of the run's user.
 */
import {
  ChatKitError,
  isChatKitError,
  type RunRecord,
  type Store,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { closeStopped } from './close-stopped.ts';
import type { ServerParts } from './server-parts.ts';
import { ThreadChanges } from './thread-changes.ts';
import { TurnItems } from './turn-items.ts';
import { userOfNoContext } from './user-of.ts';

/**
 * Stores what is worth keeping of `sent`, the state that readers have been sent, and resolves with the events to send
 * them next.
 */
export type Salvage = (record: RunRecord, sent: ThreadState) => Promise<ThreadStreamEvent[]>;

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
      return await closeStopped(
        {
          onCancelled: async (thread, pending) =>
            parts.handleStreamCancelled(thread, await notStored(parts.store, threadId, pending, context), context, run),
          onError: (error) => parts.settings.onError(error, { runId, threadId }),
        },
        new ThreadChanges(parts.store, stored, context),
        new TurnItems(parts.store, threadId, context, { maxEventBytes: parts.settings.maxEventBytes, sent }),
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
