/**
 * The snapshot that subscribers read: an immutable view of the chat. Whatever did not change is the same object as in
 * the previous snapshot, down to each item, so a screen can compare by identity and render only what is new.
 */
import {
  isHiddenItem,
  type NoticeEvent,
  selectItems,
  selectOpenItems,
  type Thread,
  type ThreadItem,
  type ThreadState,
} from '@chatkit/core';
import { type ChatError, type ChatState, type ChatStatus, emptyChatState } from './chat-state.ts';
import type { ConnectionStatus } from './connection-status.ts';
import type { OutgoingMessage } from './outgoing-message.ts';

/** What there is to show at one moment. Immutable; parts that did not change are the same objects. */
export interface ChatSnapshot {
  readonly status: ChatStatus;
  readonly connection: ConnectionStatus;
  /** The thread, without its items; `undefined` for a new one that has no message yet. */
  readonly thread: Thread | undefined;
  /** Everything to show, oldest first, ending with messages that are not confirmed yet. */
  readonly items: readonly ThreadItem[];
  /** The latest progress message, until the next item comes. */
  readonly progress: ThreadState['progress'];
  /** Whether a stop button makes sense. */
  readonly canStop: boolean;
  /** What went wrong in the last turn. */
  readonly error: ChatError | undefined;
  /** Notices of the last turn. Their `message` is Markdown. */
  readonly notices: readonly NoticeEvent[];
  /** The items that are being written. */
  readonly streamingItemIds: ReadonlySet<string>;
  /** The user's messages that the server has not confirmed. */
  readonly pendingItemIds: ReadonlySet<string>;
  /** The user's messages that could not be sent; `retry()` sends the last one again. */
  readonly failedItemIds: ReadonlySet<string>;
  /** Whether `loadOlder()` would find more. */
  readonly hasOlder: boolean;
}

const noIds: ReadonlySet<string> = new Set();

/**
 * Makes a function from states to snapshots that reuses every unchanged part, and returns the same snapshot if nothing
 * changed.
 */
export const createSnapshotReader = (): ((state: ChatState) => ChatSnapshot) => {
  let lastState: ChatState | undefined;
  let last: ChatSnapshot | undefined;
  return (state) => {
    if (last !== undefined && state === lastState) return last;
    const next = pictureOf(state, last);
    lastState = state;
    if (last === undefined || !isSame(last, next)) last = Object.freeze(next);
    return last;
  };
};

const pictureOf = (state: ChatState, last: ChatSnapshot | undefined): ChatSnapshot => {
  const { thread, outbox, status } = state;
  const isRunning = status === 'submitting' || status === 'streaming';
  return {
    status,
    connection: state.connection,
    thread: thread.thread,
    items: itemsOf(selectItems(thread), outbox, last?.items),
    progress: thread.progress,
    // Until the server says whether cancelling is allowed, offer it.
    canStop: isRunning && thread.streamOptions?.allow_cancel !== false,
    error: state.error,
    notices: thread.notices,
    streamingItemIds: idsOf(selectOpenItems(thread), last?.streamingItemIds),
    pendingItemIds: idsOf(messages(outbox, 'sending'), last?.pendingItemIds),
    failedItemIds: idsOf(messages(outbox, 'failed'), last?.failedItemIds),
    hasOlder: state.olderCursor !== undefined,
  };
};

const messages = (outbox: readonly OutgoingMessage[], state: OutgoingMessage['state']): readonly ThreadItem[] =>
  outbox.filter((message) => message.state === state).map(({ item }) => item);

/** Filters hidden items, because the Python SDK's server sends them to clients. Ours never does. */
const itemsOf = (
  items: readonly ThreadItem[],
  outbox: readonly OutgoingMessage[],
  last: readonly ThreadItem[] | undefined,
): readonly ThreadItem[] => {
  const next = [...items.filter((item) => !isHiddenItem(item)), ...outbox.map(({ item }) => item)];
  return last?.length === next.length && next.every((item, index) => item === last[index]) ? last : Object.freeze(next);
};

const idsOf = (items: readonly ThreadItem[], last: ReadonlySet<string> = noIds): ReadonlySet<string> =>
  items.length === last.size && items.every(({ id }) => last.has(id)) ? last : new Set(items.map(({ id }) => id));

const isSame = (a: ChatSnapshot, b: ChatSnapshot): boolean =>
  (Object.keys(b) as (keyof ChatSnapshot)[]).every((key) => Object.is(a[key], b[key]));

/**
 * What a chat shows before anything has happened in it. A page that was rendered on a server begins with it when it is
 * hydrated, however far its chat has come by then.
 *
 * @example
 * const { subscribe, getSnapshot } = client;
 * const store = { subscribe, getSnapshot, getServerSnapshot: () => emptySnapshot };
 */
export const emptySnapshot: ChatSnapshot = /* @__PURE__ */ createSnapshotReader()(emptyChatState);
