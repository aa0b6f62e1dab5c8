/**
 * Ends a turn that was stopped: the application decides which unfinished items are kept, and the readers are sent the
 * result. Used both for a turn that was stopped here and for one whose machine has died.
 */
import {
  selectOpenItems,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  toWireThread,
} from '@chatkit/core';
import { collect } from '@chatkit/stream';
import { closeItems } from './close-items.ts';
import type { AddedItems } from './server-parts.ts';
import type { ThreadChanges } from './thread-changes.ts';
import type { TurnItems } from './turn-items.ts';

export interface ClosingOptions {
  /** Stores what is worth keeping of the unfinished items, and returns items to add to the thread. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<AddedItems>;
  /** Receives errors whose details the client must not see. */
  onError: (error: unknown) => void;
}

/** Keeps or drops the unfinished items. Resolves with the events to send to readers; never rejects. */
export const closeStopped = async <Context>(
  options: ClosingOptions,
  changes: ThreadChanges,
  items: TurnItems<Context>,
): Promise<ThreadStreamEvent[]> => {
  let added: AddedItems;
  await quietly(options.onError, async () => {
    added = await options.onCancelled(changes.thread, selectOpenItems(items.state()));
    return [];
  });
  return [
    // The hook decides what is kept and returns no events for it, so the store is asked what it kept.
    ...(await collect(closeItems(items, () => 'as stored', options.onError))),
    ...(await quietly(options.onError, () => addItems(items, added ?? []))),
    ...(await quietly(options.onError, () => threadUpdated(changes))),
  ];
};

const addItems = async <Context>(
  items: TurnItems<Context>,
  added: readonly ThreadItem[],
): Promise<ThreadStreamEvent[]> => {
  const events: ThreadStreamEvent[] = [];
  for (const item of added) {
    const visible = await items.take({ type: 'thread.item.done', item });
    if (visible !== undefined) events.push(visible);
  }
  return events;
};

export const quietly = async (
  onError: (error: unknown) => void,
  work: () => Promise<ThreadStreamEvent[]>,
): Promise<ThreadStreamEvent[]> => {
  try {
    return await work();
  } catch (error) {
    onError(error);
    return [];
  }
};

export const threadUpdated = async (changes: ThreadChanges): Promise<ThreadStreamEvent[]> => {
  const saved = await changes.save();
  return saved === undefined ? [] : [{ type: 'thread.updated', thread: toWireThread(saved) }];
};
