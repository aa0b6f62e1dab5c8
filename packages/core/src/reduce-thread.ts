/**
 * Verb 7 of the path of a token: reduce. `(state, event) → state`, pure, and the same on both ends: the browser shows
 * what it gives, the server keeps track of unfinished items with it. A text delta costs the same in an empty thread and
 * in one of 10,000 items, at the first token and at the last: the text is joined to a tail beside the item, and the
 * item is rebuilt when somebody looks. Unknown events, updates and items are ignored; nothing throws.
 */

import { present } from './build/present.ts';
import type { ErrorEvent, NoticeEvent, StreamOptions, ThreadItemUpdatedEvent, ThreadStreamEvent } from './event.ts';
import { appendText, foldUpdate } from './fold-update.ts';
import { isHiddenItem, type ThreadItem } from './item.ts';
import { createItemList, type ItemList, insertAt, itemAt, positionOf, put, removeAt, toArray } from './item-list.ts';
import type { Thread } from './thread.ts';
import type { ThreadItemUpdate } from './update.ts';

/** An item that has been added and may still change. */
interface OpenItem {
  readonly id: string;
  /** The item without its tail. */
  readonly item: ThreadItem;
  /** Text that belongs at the end of one part of an assistant message, and is not in `item` yet. */
  readonly tail: { readonly part: number; readonly text: string } | undefined;
}

/** A thread as far as its events have told it. Plain and immutable; items are read through the selectors. */
export interface ThreadState {
  /** What is known of the thread itself. Its `items` are what the last snapshot held: use `selectItems`. */
  readonly thread: Thread | undefined;
  /** The latest line of progress; gone when the next visible item arrives. */
  readonly progress: { readonly icon?: string; readonly text: string } | undefined;
  /** What the server allows during this stream, for example to stop it. */
  readonly streamOptions: StreamOptions | undefined;
  /** The last error that the stream reported. */
  readonly error: ErrorEvent | undefined;
  /** Notices to the user, oldest first. */
  readonly notices: readonly NoticeEvent[];
  /** @internal Every item; open ones as they were when they were added. */
  readonly list: ItemList;
  /** @internal Items that have been added and not finished, in order of adding. */
  readonly open: readonly OpenItem[];
}

/** A thread of which nothing is known. */
export const emptyThreadState: ThreadState = {
  thread: undefined,
  progress: undefined,
  streamOptions: undefined,
  error: undefined,
  notices: [],
  list: createItemList(),
  open: [],
};

/**
 * The state after one event. Never changes its arguments; returns `state` itself when the event changes nothing.
 * `thread.created` and `thread.updated` set what is known of the thread and keep the items; `added` and `done` insert
 * by id or replace in place; hidden items are kept (the server needs them), a client leaves them out when it shows.
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
      // `client_effect` asks for something to be done and leaves no trace; anything else is from a newer peer.
      return state;
  }
};

/**
 * The state of a thread that was loaded whole: its items are settled.
 *
 * @example
 * const state = fromThread(await client.request({ type: 'threads.get_by_id', params: { thread_id } }));
 */
export const fromThread = (thread: Thread): ThreadState => {
  const list = (thread.items?.data ?? []).reduce<ItemList>(
    (next, item) => (hasId(item) ? put(next, item, true) : next),
    createItemList(),
  );
  return { ...emptyThreadState, thread, list };
};

/**
 * Puts a page of earlier items, oldest first, before the ones that are there. Items that are known already stay where
 * and as they are, so overlapping pages do no harm.
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
 * Forgets what belonged to the last stream alone: progress, stream options, error and notices. For the start of a turn
 * and for the end of a stream.
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
  open.length === 0 ? settledItems(list) : shownItems(open)(list);

/**
 * The item with this id as it is now.
 *
 * @example
 * const answer = selectItem(state, message.id);
 */
export const selectItem = (state: ThreadState, id: string): ThreadItem | undefined => {
  const open = state.open.find((entry) => entry.id === id);
  return open === undefined ? storedItem(state.list, id) : currentItem(open);
};

/**
 * The items that have been added and neither finished, replaced nor removed since, in order of adding. What a server
 * keeps when a stream is stopped half-way, and what a client shows as being written.
 */
export const selectOpenItems = (state: ThreadState): readonly ThreadItem[] => currentItems(state.open);

/** The item as the list has it: without what an open one has become since it was added. */
const storedItem = (list: ItemList, id: string): ThreadItem | undefined => {
  const position = positionOf(list, id);
  return position === undefined ? undefined : itemAt(list, position);
};

/** Events reach a browser unparsed: what has an id can be kept. */
const hasId = (value: { id: string } | null | undefined): boolean => typeof value?.id === 'string';

const setThread = (state: ThreadState, thread: Thread): ThreadState => {
  if (!hasId(thread)) return state;
  // The page on these events is always empty and says nothing about the items (protocol, Page / Thread).
  const items = state.thread?.items ?? thread.items;
  return { ...state, thread: { ...thread, items } };
};

const withoutOpen = ({ open }: ThreadState, id: string): readonly OpenItem[] => {
  const at = open.findIndex((entry) => entry.id === id);
  return at < 0 ? open : open.toSpliced(at, 1);
};

/** Inserts by id or replaces in place. An item that is only added stays open. */
const putItem = (state: ThreadState, item: ThreadItem, opens: boolean): ThreadState => {
  const open = withoutOpen(state, item.id);
  return {
    ...state,
    progress: isHiddenItem(item) ? state.progress : undefined,
    list: put(state.list, item),
    open: opens ? [...open, { id: item.id, item, tail: undefined }] : open,
  };
};

const removeItem = (state: ThreadState, id: string): ThreadState => {
  const position = positionOf(state.list, id);
  if (position === undefined) return state;
  return { ...state, list: removeAt(state.list, position, id), open: withoutOpen(state, id) };
};

const reduceUpdate = (state: ThreadState, { item_id: id, update }: ThreadItemUpdatedEvent): ThreadState => {
  if (update?.type === undefined) return state;
  const at = state.open.findIndex((entry) => entry.id === id);
  const open = state.open[at];
  if (open !== undefined) {
    const next = updateOpen(open, update);
    return next === open ? state : { ...state, open: state.open.with(at, next) };
  }
  // A settled item changes too: a widget after an action, a workflow that a later turn goes on with.
  const item = storedItem(state.list, id);
  const next = item && foldUpdate(item, update);
  return next === undefined || next === item ? state : { ...state, list: put(state.list, next) };
};

const updateOpen = (open: OpenItem, update: ThreadItemUpdate): OpenItem => {
  const delta = update.type === 'assistant_message.content_part.text_delta' ? update : undefined;
  const { tail } = open;
  if (delta !== undefined && tail?.part === delta.content_index && typeof delta.delta === 'string') {
    return { ...open, tail: { part: tail.part, text: tail.text + delta.delta } };
  }
  // The first delta of a part goes the long way, which pads the parts before it and refuses an index that is none.
  const current = currentItem(open);
  const next = foldUpdate(current, update);
  if (next === current) return open;
  return { ...open, item: next, tail: delta && { part: delta.content_index, text: '' } };
};

/** Computes once per object. The objects are states or parts of them, so a new state is computed anew. */
const memo = <K extends object, V>(compute: (key: K) => V): ((key: K) => V) => {
  const known = new WeakMap<K, { value: V }>();
  return (key) => {
    const entry = known.get(key) ?? { value: compute(key) };
    known.set(key, entry);
    return entry.value;
  };
};

/** The item with its tail: one object, however often one looks at one state. */
const currentItem = (open: OpenItem): ThreadItem => (open.tail?.text ? withTail(open) : open.item);

const withTail = memo(
  ({ item, tail }: OpenItem): ThreadItem =>
    tail && item.type === 'assistant_message' ? appendText(item, tail.part, tail.text) : item,
);

const currentItems = memo((open: readonly OpenItem[]): readonly ThreadItem[] => open.map(currentItem));

const settledItems = memo(toArray);

/** The items of the list with the open ones as they are now. */
const shownItems = memo((open: readonly OpenItem[]) =>
  memo((list: ItemList): readonly ThreadItem[] => {
    const settled = settledItems(list);
    const items = settled.slice();
    for (const entry of open) {
      // Open items are at the end but for rare ones, so the search is short.
      items[settled.lastIndexOf(storedItem(list, entry.id) as ThreadItem)] = currentItem(entry);
    }
    return items;
  }),
);
