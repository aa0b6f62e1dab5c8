/**
 * Trims the replay of a run to the page of items that is loaded. A replay begins with the run, but the page may begin
 * in the middle of it, because a run may have written more items than a page holds. The earlier items belong to older
 * pages; if their events were applied now, they would appear at the end.
 */
import { selectItems, type ThreadStreamEvent } from '@chatkit/core';
import type { ChatState } from './chat-state.ts';

/** The events of a replay without those of items that were finished before the first one of the page. */
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
