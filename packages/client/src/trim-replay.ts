/**
 * What a run said before this page was loaded begins with the run, and the page perhaps in the middle of it: a run may have
 * written more items than a page holds. Those before the page come with the older pages, in their places; applied here they
 * would stand behind everything.
 */
import { selectItems, type ThreadStreamEvent } from '@chatkit/core';
import type { ChatState } from './chat-state.ts';

/** The events of a replay without those of finished items from before the first item of the page that they tell of. */
export const trimReplay = (
  { thread, olderCursor }: ChatState,
  events: readonly ThreadStreamEvent[],
): readonly ThreadStreamEvent[] => {
  if (olderCursor === undefined) return events;
  const page = new Set(selectItems(thread).map(({ id }) => id));
  const begin = events.findIndex((event) => page.has(itemIdOf(event) ?? ''));
  const older = new Set(
    events
      .slice(0, Math.max(0, begin))
      .filter(({ type }) => type === 'thread.item.done')
      .map(itemIdOf),
  );
  return events.filter((event) => !older.has(itemIdOf(event) ?? ''));
};

const itemIdOf = (event: ThreadStreamEvent): string | undefined => {
  if ('item' in event) return event.item.id;
  return 'item_id' in event ? event.item_id : undefined;
};
