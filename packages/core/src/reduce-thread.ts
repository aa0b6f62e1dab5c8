/**
 * The reducer that turns events into a thread (step 7 of the path of a token): `(state, event) → state`, pure, and the
 * same on both ends. The browser shows its result; the server uses it to keep track of unfinished items. A text delta
 * costs the same in an empty thread and in one of 10,000 items, at the first token and at the last: text is appended to
 * a tail beside the item, and the item is rebuilt only when it is read. Unknown events, updates and items are ignored;
 * nothing throws.
 */

import { present } from './build/present.ts';
import type { ErrorEvent, NoticeEvent, StreamOptions, ThreadItemUpdatedEvent, ThreadStreamEvent } from './event.ts';
import { appendText, foldUpdate } from './fold-update.ts';
import { isHiddenItem, type ThreadItem } from './item.ts';
import { createItemList, type ItemList, insertAt, itemAt, positionOf, put, removeAt, toArray } from './item-list.ts';
import {
  addOpen,
  changeOpen,
  noOpenItems,
  type OpenItem,
  type OpenItems,
  openItem,
  openItems,
  removeOpen,
} from './open-items.ts';
import type { Thread } from './thread.ts';
import type { ThreadItemUpdate } from './update.ts';

/** The state of a thread, built from its events. Plain and immutable; read items through the selectors. */
export interface ThreadState {
  /** The thread itself. Its `items` may be out of date: use `selectItems`. */
  readonly thread: Thread | undefined;
  /** The latest progress message; cleared when the next visible item arrives. */
  readonly progress: { readonly icon?: string; readonly text: string } | undefined;
  /** What the server allows during this stream, for example to stop it. */
  readonly streamOptions: StreamOptions | undefined;
  /** The last error that the stream reported. */
  readonly error: ErrorEvent | undefined;
  /** Notices to the user, oldest first. */
  readonly notices: readonly NoticeEvent[];
  /** @internal Every item; open ones as of when they were added. */
  readonly list: ItemList;
  /** @internal Items that have been added and not finished. */
  readonly open: OpenItems;
}

/** The state before any event. */
export const emptyThreadState: ThreadState = {
  thread: undefined,
  progress: undefined,
  streamOptions: undefined,
  error: undefined,
  notices: [],
  list: createItemList(),
  open: noOpenItems,
};

/**
 * The state after one event. Never changes its arguments; returns `state` itself when the event changes nothing.
 * `thread.created` and `thread.updated` replace the thread's fields and keep the items; `added`, `done` and `replaced`
 * replace the item with the same id, or append. Hidden items are kept, because the server needs them; a client must
 * filter them.
 *
 * @example
 * let state = emptyThreadState;
 * for await (const event of events) state = reduceThread(state, event);
 * render(selectItems(state));
 */
export const reduceThread = (state: ThreadState, event: ThreadStreamEvent): ThreadState => {
  switch (event.type) {
    case 'thread.item.updated':
      return reduceUpdate(state, event);
    case 'thread.item.added':
    case 'thread.item.done':
    case 'thread.item.replaced':
      return hasId(event.item) ? putItem(state, event.item, event.type === 'thread.item.added') : state;
    case 'thread.item.removed':
      return removeItem(state, event.item_id);
    case 'thread.created':
    case 'thread.updated':
      return setThread(state, event.thread);
    case 'progress_update':
      return {
        ...state,
        progress: present({ icon: event.icon, text: event.text }) as ThreadState['progress'],
      };
    case 'stream_options':
      return { ...state, streamOptions: event.stream_options };
    case 'error':
      return { ...state, error: event };
    case 'notice':
      return { ...state, notices: [...state.notices, event] };
    default:
      // `client_effect` does not change the state; anything else comes from a newer peer.
      return state;
  }
};

/**
 * The state of a thread that was loaded: all its items are finished.
 *
 * @example
 * const state = fromThread(await response.json()); // the answer to `threads.get_by_id`
 */
export const fromThread = (thread: Thread): ThreadState => {
  const list = (thread.items?.data ?? []).reduce<ItemList>(
    (next, item) => (hasId(item) ? put(next, item, true) : next),
    createItemList(),
  );
  return { ...emptyThreadState, thread, list };
};

/**
 * Puts a page of earlier items, oldest first, before the existing ones. Items already in the list stay where and as
 * they are, so pages may overlap.
 *
 * @example
 * state = prependItems(state, page.data.toReversed()); // a page that was asked for with order 'desc'
 */
export const prependItems = (state: ThreadState, older: readonly ThreadItem[]): ThreadState => {
  const list = older.reduceRight(
    (next, item) =>
      hasId(item) && positionOf(next, item.id) === undefined ? insertAt(next, next.first - 1, item) : next,
    state.list,
  );
  return list === state.list ? state : { ...state, list };
};

/**
 * Clears what belongs to one stream only: progress, stream options, error and notices. For the start of a turn and the
 * end of a stream.
 */
export const clearTransients = (state: ThreadState): ThreadState => ({
  ...emptyThreadState,
  thread: state.thread,
  list: state.list,
  open: state.open,
});

/**
 * All items in order, hidden ones included. Items that did not change are the same objects as before, and the array is
 * the same one as long as no item changed.
 *
 * @example
 * const visible = selectItems(state).filter((item) => !isHiddenItem(item));
 */
export const selectItems = ({ list, open }: ThreadState): readonly ThreadItem[] =>
  open.size === 0 ? settledItems(list) : shownItems(open)(list);

/**
 * The current form of the item with this id.
 *
 * @example
 * const answer = selectItem(state, message.id);
 */
export const selectItem = (state: ThreadState, id: string): ThreadItem | undefined => {
  const open = openItem(state.open, id);
  return open === undefined ? storedItem(state.list, id) : currentItem(open);
};

/**
 * The items that have been added and not yet finished, replaced or removed, in the order in which they were added. A
 * server stores these when a stream is stopped half-way; a client shows them as being written.
 */
export const selectOpenItems = (state: ThreadState): readonly ThreadItem[] => currentItems(state.open);

/** The item in the list; for an open item, as it was when it was added. */
const storedItem = (list: ItemList, id: string): ThreadItem | undefined => {
  const position = positionOf(list, id);
  return position === undefined ? undefined : itemAt(list, position);
};

/** Events reach a browser unvalidated; anything with an id can be kept. */
const hasId = (value: { id: string } | null | undefined): boolean => typeof value?.id === 'string';

const setThread = (state: ThreadState, thread: Thread): ThreadState => {
  if (!hasId(thread)) return state;
  // The page of items in these events is always empty and says nothing about the items.
  const items = state.thread?.items ?? thread.items;
  return { ...state, thread: { ...thread, items } };
};

/** Replaces the item with the same id, or appends. `opens`: the item is only added and may still change. */
const putItem = (state: ThreadState, item: ThreadItem, opens: boolean): ThreadState => {
  const open = removeOpen(state.open, item.id);
  return {
    ...state,
    progress: isHiddenItem(item) ? state.progress : undefined,
    list: put(state.list, item),
    open: opens ? addOpen(open, { id: item.id, item, tail: undefined }) : open,
  };
};

const removeItem = (state: ThreadState, id: string): ThreadState => {
  const position = positionOf(state.list, id);
  if (position === undefined) return state;
  return { ...state, list: removeAt(state.list, position, id), open: removeOpen(state.open, id) };
};

const reduceUpdate = (state: ThreadState, { item_id: id, update }: ThreadItemUpdatedEvent): ThreadState => {
  if (update?.type === undefined) return state;
  const open = openItem(state.open, id);
  if (open !== undefined) {
    const next = updateOpen(open, update);
    return next === open ? state : { ...state, open: changeOpen(state.open, next) };
  }
  // Finished items change too: a widget after an action, a workflow that a later turn continues.
  const item = storedItem(state.list, id);
  const next = item && foldUpdate(item, update);
  return next === item ? state : { ...state, list: put(state.list, next as ThreadItem) };
};

const updateOpen = (open: OpenItem, update: ThreadItemUpdate): OpenItem => {
  const delta = update.type === 'assistant_message.content_part.text_delta' ? update : undefined;
  const { tail } = open;
  if (delta !== undefined && tail?.part === delta.content_index && typeof delta.delta === 'string') {
    return { ...open, tail: { part: tail.part, text: tail.text + delta.delta } };
  }
  // The first delta of a part takes the general path, which adds missing parts before it and rejects an invalid index.
  const current = currentItem(open);
  const next = foldUpdate(current, update);
  if (next === current) return open;
  return { ...open, item: next, tail: delta && { part: delta.content_index, text: '' } };
};

/** Caches a result per object. The keys are immutable states or parts of them. */
const memo = <K extends object, V>(compute: (key: K) => V): ((key: K) => V) => {
  const known = new WeakMap<K, { value: V }>();
  return (key) => {
    const entry = known.get(key) ?? { value: compute(key) };
    known.set(key, entry);
    return entry.value;
  };
};

/** The item with its tail; always the same object for the same state. */
const currentItem = (open: OpenItem): ThreadItem => (open.tail?.text ? withTail(open) : open.item);

const withTail = memo(
  ({ item, tail }: OpenItem): ThreadItem =>
    tail && item.type === 'assistant_message' ? appendText(item, tail.part, tail.text) : item,
);

const currentItems = memo((open: OpenItems): readonly ThreadItem[] => openItems(open).map(currentItem));

const settledItems = memo(toArray);

/** The items of the list, with the open ones in their current form. */
const shownItems = memo((open: OpenItems) =>
  memo((list: ItemList): readonly ThreadItem[] => {
    const items = settledItems(list).slice();
    const current = new Map(openItems(open).map((entry) => [entry.id, currentItem(entry)]));
    // Open items are nearly always at the end, so the walk is short.
    for (let at = items.length - 1, left = open.size; left > 0 && at >= 0; at--) {
      const item = current.get((items[at] as ThreadItem).id);
      if (item === undefined) continue;
      items[at] = item;
      left--;
    }
    return items;
  }),
);
