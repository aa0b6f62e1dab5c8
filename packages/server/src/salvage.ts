/**
 * Keeps what the run of a dead machine had written. Its readers have seen text that was never stored, because an item
 * is stored when it is done. The log has it: what they were told is folded into items, and these are closed as those of
 * a run that was stopped here, in the name of the user whose run it was.
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
import { createItemDesk } from './item-desk.ts';
import type { ServerParts } from './server-parts.ts';
import { watchThread } from './thread-changes.ts';
import { userOfNoContext } from './user-of.ts';

/** Stores what is to be kept of `told`, and resolves with what the readers are to be told of it. */
export type Salvage = (record: RunRecord, told: ThreadState) => Promise<ThreadStreamEvent[]>;

export const createSalvage =
  <Context>(
    parts: ServerParts<Context>,
    contextOf: ((userId: string) => Context | Promise<Context>) | undefined,
  ): Salvage =>
  async (record, told) => {
    const { runId, threadId, userId } = record;
    if (userId === undefined || (contextOf === undefined && userId !== userOfNoContext)) return [];
    // The user of no context is the one whose context needs no making.
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
        watchThread(parts.store, stored, context),
        createItemDesk(parts.store, threadId, context, { maxEventBytes: parts.settings.maxEventBytes, told }),
      );
    } catch (error) {
      // It died before it had stored the thread.
      if (isChatKitError(error, 'thread.not_found')) return [];
      throw error;
    }
  };

/** An item is stored before its event is in the log: one that is there is whole, and what the log has of it is less. */
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
