/**
 * Fits the replay of a run to the page of items that is loaded. The page has the items that are finished; the replay has
 * also those that are not, and their places are between the others. And a replay begins with the run, but the page may
 * begin in the middle of it, because a run may have written more items than a page holds. The earlier items belong to
 * older pages; if their events were applied now, they would appear at the end.
 */
import { fromThread, selectItems, type Thread, type ThreadItem, type ThreadStreamEvent } from '@chatkit/core';
import { applyEvents, type ChatState } from './chat-state.ts';

/** The state after the replay of a run whose thread is loaded. */
export const applyReplay = (state: ChatState, replay: readonly ThreadStreamEvent[]): ChatState => {
  const events = trimReplay(state, replay);
  return applyEvents(placeReplayed(state, events), events);
};

/** The events of a replay without those of items that were finished before the first one of the page. */
const trimReplay = (
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

/** The page with the items that only the replay has, each before the item of the page that the run made after it. */
const placeReplayed = (state: ChatState, events: readonly ThreadStreamEvent[]): ChatState => {
  const items = [...selectItems(state.thread)];
  let unplaced: ThreadItem[] = [];
  let isChanged = false;
  let last = -1;
  for (const event of events) {
    if (event.type !== 'thread.item.added' && event.type !== 'thread.item.done') continue;
    const { item } = event;
    if (unplaced.some(({ id }) => id === item.id)) continue;
    const at = items.findIndex(({ id }) => id === item.id);
    if (at < 0) unplaced.push(item);
    // An older item may be finished again; nothing belongs before that.
    else if (at > last && !unplaced.some((each) => each.created_at > item.created_at)) {
      items.splice(at, 0, ...unplaced);
      isChanged ||= unplaced.length > 0;
      last = at + unplaced.length;
      unplaced = [];
    }
  }
  if (!isChanged) return state;
  const { thread } = state.thread;
  const { list } = fromThread({ ...(thread as Thread), items: { data: items, has_more: false } });
  return { ...state, thread: { ...state.thread, list } };
};
