/**
 * The end of a turn that was stopped: the application says what is kept of what was begun, and the readers are told
 * what it said. The same for a turn that was stopped here and for one whose machine has died.
 */
import {
  selectOpenItems,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  toWireThread,
} from '@chatkit/core';
import type { ItemDesk } from './item-desk.ts';
import type { AddedItems } from './server-parts.ts';
import type { ThreadChanges } from './thread-changes.ts';

export interface ClosingOptions {
  /** Stores what is to be kept of a stopped turn, and returns what is to be added to it. */
  onCancelled: (thread: ThreadMetadata, pending: readonly ThreadItem[]) => Promise<AddedItems>;
  /** Takes errors whose text the client does not get. */
  onError: (error: unknown) => void;
}

/** Has the unfinished items kept or dropped. Resolves with what readers are to be told; never rejects. */
export const closeStopped = async (
  options: ClosingOptions,
  changes: ThreadChanges,
  desk: ItemDesk,
): Promise<ThreadStreamEvent[]> => {
  let added: AddedItems;
  await quietly(options.onError, async () => {
    added = await options.onCancelled(changes.thread, selectOpenItems(desk.state()));
    return [];
  });
  return [
    // The override decides what is kept; the store tells what it decided.
    ...(await quietly(options.onError, () => desk.closeAsStored())),
    ...(await quietly(options.onError, () => addItems(desk, added ?? []))),
    ...(await quietly(options.onError, () => threadUpdated(changes))),
  ];
};

const addItems = async (desk: ItemDesk, items: readonly ThreadItem[]): Promise<ThreadStreamEvent[]> => {
  const events: ThreadStreamEvent[] = [];
  for (const item of items) {
    const shown = await desk.take({ type: 'thread.item.done', item });
    if (shown !== undefined) events.push(shown);
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
